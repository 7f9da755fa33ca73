-- The examples in a judge's own prompt, chosen when a judgement is claimed.

CREATE FUNCTION flywheel.examples_of(label_ids bigint[]) RETURNS jsonb
    LANGUAGE sql STABLE
AS $$
    -- jsonb has no string over 256 MB, and nobody learns from so long an example.
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', l.id, 'input', t.input, 'output', t.output, 'passed', l.passed, 'critique', l.critique)
                              ORDER BY u.place), '[]')
    FROM unnest(label_ids) WITH ORDINALITY AS u (id, place)
    JOIN flywheel.labels l ON l.id = u.id
    JOIN flywheel.traces t ON t.id = l.step_id
    WHERE coalesce(length(t.input) <= 20000, true) AND coalesce(length(t.output) <= 20000, true)
$$;

COMMENT ON FUNCTION flywheel.examples_of(bigint[]) IS
'These labels as a judge''s prompt shows them, in this order; not those of an input or output over 20,000 characters. With details -> ''example_ids'' of a verdict it gives what the judge was shown: the prompt that worker/prompt.py renders from that has the verdict''s prompt_hash, unless a label, a step or the version changed.';

CREATE FUNCTION flywheel.judge_examples(w flywheel.validator_versions, t flywheel.traces) RETURNS jsonb
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    k    int := (w.config ->> 'few_shot')::int;
    m    flywheel.embedding_models;
    near flywheel.embeddings.embedding%TYPE;
BEGIN
    IF k > 0 THEN
        SELECT * INTO m FROM flywheel.embedding_models e WHERE e.name = flywheel.serving_embedding_model();
        SELECT e.embedding INTO near FROM flywheel.embeddings e
        WHERE e.step_id = t.id AND e.model = m.name AND e.content = flywheel.embedded_content(t.input);
        IF near IS NULL AND m.provider IS NULL THEN
            near := flywheel.embed(t.input);
        END IF;
        RETURN flywheel.examples_of(ARRAY(
            SELECT p.label_id
            FROM flywheel.pick_labels(w.validator, near, m.name, k, flywheel.trace_group(t.session_id, t.trace_id),
                                      -- What one team wrote is not shown, by a judge of all, to whoever reads another's verdicts.
                                      CASE WHEN EXISTS (SELECT FROM flywheel.team_pipelines) THEN ARRAY[t.pipeline] END,
                                      interval '30 days', 0.3) p));
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.judge_examples(flywheel.validator_versions, flywheel.traces) IS
'Internal: the examples that a judge with few_shot is shown with this step, as flywheel.few_shot() chooses them, never of the step''s own group; the newest where the step has no embedding: an embedding model that is not built in, and a pipeline that flywheel.set_embedded() does not embed. With teams, of the step''s pipeline only. NULL without few_shot.';
