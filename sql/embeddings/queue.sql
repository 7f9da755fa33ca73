-- The way to an embedding: one message per step and model in the queue flywheel_embed_<model>. A change of the input is one
-- more message; what has an embedding of its present input already is acknowledged without work.

CREATE FUNCTION flywheel.embedded_content(input text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended(coalesce(input, ''), 0);

COMMENT ON FUNCTION flywheel.embedded_content(text) IS 'Hash of an input, to notice that it changed since it was embedded.';

CREATE FUNCTION flywheel.embedding_models_in_use() RETURNS SETOF flywheel.embedding_models
    LANGUAGE sql STABLE
BEGIN ATOMIC
    -- The one that serves is kept up to date while the next one catches up.
    SELECT m.* FROM flywheel.embedding_models m WHERE m.current OR m.name = flywheel.serving_embedding_model();
END;

COMMENT ON FUNCTION flywheel.embedding_models_in_use() IS 'The models that new inputs are embedded with: the current one and the one that serves.';

CREATE FUNCTION flywheel.enqueue_embeddings(ids bigint[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    -- backlog: what a new model has to have before it serves. tend_embeddings() sees which steps there were.
    SELECT flywheel.send('flywheel_embed_' || m.name, (
        SELECT array_agg(CASE WHEN m.measured_at IS NULL AND m.ready_at IS NULL THEN jsonb_build_object('step', i, 'backlog', true)
                              ELSE jsonb_build_object('step', i) END ORDER BY i)
        FROM unnest(ids) AS i))
    FROM flywheel.embedding_models_in_use() m
$$;

COMMENT ON FUNCTION flywheel.enqueue_embeddings(bigint[]) IS 'Internal: has these steps embedded.';

CREATE FUNCTION flywheel.dispatch_embeddings(items jsonb) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan -- first and last are constants: no other partition is opened
AS $$
DECLARE
    first_step CONSTANT bigint := (SELECT min(i.lo) FROM jsonb_to_recordset(items) AS i (lo bigint));
    last_step  CONSTANT bigint := (SELECT max(i.hi) FROM jsonb_to_recordset(items) AS i (hi bigint));
BEGIN
    -- New steps concern embedded pipelines only: a label comes later, and with a trigger.
    PERFORM flywheel.enqueue_embeddings(array_agg(DISTINCT t.id))
    FROM jsonb_to_recordset(items) AS i (lo bigint, hi bigint, ids text, changed text[], version int)
    CROSS JOIN LATERAL unnest(coalesce(i.ids::int8multirange, int8multirange(int8range(i.lo, i.hi, '[]')))) AS p (run)
    JOIN flywheel.traces t ON t.id BETWEEN lower(p.run) AND upper(p.run) - 1 AND t.id BETWEEN first_step AND last_step
    WHERE EXISTS (SELECT FROM flywheel.embedded_pipelines) AND t.pipeline IN (SELECT e.pipeline FROM flywheel.embedded_pipelines e)
      AND i.version IS NULL AND (i.changed IS NULL OR i.changed && '{id,input,pipeline}')
    HAVING count(*) > 0;
    PERFORM flywheel.enqueue_embeddings(array_agg(DISTINCT k.step_id))
    FROM jsonb_to_recordset(items) AS i (ids int8multirange, changed text[])
    CROSS JOIN LATERAL unnest(i.ids) AS p (run)
    JOIN flywheel.kept_steps k ON k.step_id BETWEEN lower(p.run) AND upper(p.run) - 1
    WHERE i.changed && '{id,input}'
    HAVING count(*) > 0;
END
$$;

COMMENT ON FUNCTION flywheel.dispatch_embeddings(jsonb) IS
'Internal: enqueues those of the claimed inbox items that are to be embedded.';

CREATE FUNCTION flywheel.enqueue_labelled() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- As in enqueue_inserted(): the queues are in pg_dump's output themselves.
    IF current_setting('check_function_bodies') <> 'off' THEN
        PERFORM flywheel.enqueue_embeddings(array_agg(DISTINCT i.step_id)) FROM inserted i HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.enqueue_labelled() IS
'Trigger: a step with a new label or fix is embedded, within a second of the commit while a drain or worker runs.';

CREATE TRIGGER enqueue_labelled AFTER INSERT ON flywheel.labels
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION flywheel.enqueue_labelled();
CREATE TRIGGER enqueue_labelled AFTER INSERT ON flywheel.fixes
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION flywheel.enqueue_labelled();

COMMENT ON TRIGGER enqueue_labelled ON flywheel.labels IS 'Labelled steps can be retrieved by likeness.';
COMMENT ON TRIGGER enqueue_labelled ON flywheel.fixes IS 'Fixed steps can be retrieved by likeness.';
