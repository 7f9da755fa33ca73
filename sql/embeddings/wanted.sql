-- Which steps are embedded.

CREATE VIEW flywheel.embed_wanted WITH (security_invoker) AS
SELECT k.step_id FROM flywheel.kept_steps k WHERE EXISTS (SELECT FROM flywheel.traces t WHERE t.id = k.step_id)
UNION
SELECT t.id FROM flywheel.traces t WHERE t.pipeline IN (SELECT p.pipeline FROM flywheel.embedded_pipelines p);

COMMENT ON VIEW flywheel.embed_wanted IS
'The steps whose input is embedded: those with a label or a fix, and all of the pipelines in flywheel.embedded_pipelines.';
COMMENT ON COLUMN flywheel.embed_wanted.step_id IS 'flywheel.traces.id.';

CREATE FUNCTION flywheel.set_embedded(pipeline text, embedded boolean DEFAULT true) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    IF num_nulls(pipeline, embedded) > 0 THEN
        RAISE EXCEPTION 'set_embedded needs a pipeline and true or false' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'SELECT flywheel.set_embedded(''support'', true).';
    END IF;
    IF embedded THEN
        INSERT INTO flywheel.embedded_pipelines (pipeline) VALUES (set_embedded.pipeline) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM flywheel.embedded_pipelines p WHERE p.pipeline = set_embedded.pipeline;
    END IF;
    PERFORM flywheel.tend_embeddings_soon();
END
$$;

COMMENT ON FUNCTION flywheel.set_embedded(text, boolean) IS
'Has every step of a pipeline embedded, those that are there and those to come; false: only those with a label or a fix, and the embeddings of the others go.';

CREATE FUNCTION flywheel.tend_embeddings_soon() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE flywheel.maintenance m SET last_run_at = '-infinity' WHERE m.task = 'embeddings'
$$;

COMMENT ON FUNCTION flywheel.tend_embeddings_soon() IS 'Internal: the next drain looks at once which steps have to be embedded.';
