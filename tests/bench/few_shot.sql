-- Approved labels and fixes of all steps, of three months. Without the triggers, and the index made afterwards: it is the
-- reading that is measured.

SELECT flywheel.set_provider('default', 'http://127.0.0.1:9/v1');
SELECT flywheel.add_judge('helpful', 'Passes if the output answers the input.', 'a-model', mode => 'on_demand', few_shot => 4);

CREATE PROCEDURE bench.approve_all()
    LANGUAGE plpgsql
AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    INSERT INTO flywheel.trace_groups (trace_group, split) SELECT t.trace_id, 'few_shot' FROM flywheel.traces t;
    INSERT INTO flywheel.labels (step_id, validator, rubric_version, passed, critique, pipeline, node, step_created_at, trace_group,
                                 split, keys, created_at, example_approved_by, example_approved_at)
    SELECT t.id, 'helpful', 1, t.id % 5 > 0, 'It says so.', t.pipeline, t.node, t.created_at, t.trace_id,
           'few_shot', '{}', now() - random() * interval '90 days', 'bench', now()
    FROM flywheel.traces t;
    INSERT INTO flywheel.fixes (step_id, corrected_output, what_went_wrong, pipeline, node, trace_group, created_at,
                                approved_by, approved_at, approved_content)
    SELECT t.id, 'It ships on Tuesday.', 'Made up.', t.pipeline, t.node, t.trace_id, now() - random() * interval '90 days',
           'bench', now(), flywheel.embedded_content(t.input)
    FROM flywheel.traces t;
END
$$;

CREATE PROCEDURE bench.embed_part(part int, of int)
    LANGUAGE sql
AS $$
    INSERT INTO flywheel.embeddings (step_id, model, embedding, content)
    SELECT t.id, 'ngrams', flywheel.embed(t.input), flywheel.embedded_content(t.input) FROM flywheel.traces t WHERE t.id % of = part;
$$;

CREATE PROCEDURE bench.reindex(definition text)
    LANGUAGE plpgsql
AS $$
BEGIN
    SET LOCAL maintenance_work_mem = '1GB';
    EXECUTE definition;
END
$$;

-- Share of the k nearest fixes that demonstrations() finds.
CREATE FUNCTION bench.recall(query vector, k int) RETURNS float8
    LANGUAGE sql
AS $$
    SELECT count(*) / k::float8 FROM (
        SELECT n.id FROM flywheel.nearest_approved(ARRAY['a.kind = ''fix'''], query, 'ngrams', k, exact => true) n
        INTERSECT
        SELECT d.fix_id FROM flywheel.demonstrations('bench', NULL, NULL, k, query_embedding => query) d) found
$$;

CREATE FUNCTION bench.label(n bigint) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    step  bigint;
    label bigint;
BEGIN
    INSERT INTO flywheel.trace_groups (trace_group, split) VALUES ('new ' || n, 'few_shot');
    INSERT INTO flywheel.traces (pipeline, trace_id, input) VALUES ('bench', 'new ' || n, md5(n::text)) RETURNING id INTO step;
    INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (step, 'helpful', true) RETURNING id INTO label;
    UPDATE flywheel.labels SET example_approved_by = 'bench', example_approved_at = now() WHERE id = label;
    RETURN label;
END
$$;
