-- What people say of a step beside what a judge said of it: the pairs that every number about a judge is made of. Kept by
-- triggers on both sides, because joining 100,000 labels with millions of verdicts takes too long for a view.

CREATE TABLE flywheel.aligned (
    step_id               bigint,
    version_id            int,
    human                 boolean NOT NULL,
    passed                boolean,
    split                 text NOT NULL,
    held_out              boolean NOT NULL,
    sampling_design       text NOT NULL,
    inclusion_probability double precision,
    pipeline              text NOT NULL,
    node                  text,
    variant               text,
    step_created_at       timestamptz NOT NULL,
    labelled_at           timestamptz NOT NULL,
    PRIMARY KEY (step_id, version_id)
);

CREATE INDEX aligned_version ON flywheel.aligned (version_id, split);

COMMENT ON TABLE flywheel.aligned IS
'Steps that people labelled and a version of the validator decided on, under the same rubric: what flywheel.consensus says, and the verdict. Derived from flywheel.labels and flywheel.verdicts, in the same transaction.';
COMMENT ON COLUMN flywheel.aligned.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.aligned.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.aligned.human IS 'Whether people pass the step: the majority of its raters.';
COMMENT ON COLUMN flywheel.aligned.passed IS 'Whether the version passed it; NULL: no valid verdict (error, timeout, abstained).';
COMMENT ON COLUMN flywheel.aligned.split IS 'few_shot, dev or test: see flywheel.trace_groups.';
COMMENT ON COLUMN flywheel.aligned.held_out IS
'The version cannot have been made with this label: it is of the test split, or it came after the version and is not a few-shot example of it.';
COMMENT ON COLUMN flywheel.aligned.sampling_design IS 'How the step was chosen: see flywheel.labels.';
COMMENT ON COLUMN flywheel.aligned.inclusion_probability IS 'See flywheel.labels.';
COMMENT ON COLUMN flywheel.aligned.pipeline IS 'Of the step, as the metrics count it; so are node and variant.';
COMMENT ON COLUMN flywheel.aligned.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.aligned.variant IS 'Of the step.';
COMMENT ON COLUMN flywheel.aligned.step_created_at IS 'created_at of the step.';
COMMENT ON COLUMN flywheel.aligned.labelled_at IS 'When its first label was given.';
COMMENT ON INDEX flywheel.aligned_version IS 'The labelled steps of a version.';

-- Labels that a transaction wrote while another wrote a verdict of the same step: neither saw the other.
CREATE TABLE flywheel.align_again (
    step_id bigint NOT NULL,
    ended   xid8
);

COMMENT ON TABLE flywheel.align_again IS
'Steps labelled a moment ago: aligned once more by the drain when every transaction is over that was open then.';
COMMENT ON COLUMN flywheel.align_again.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.align_again.ended IS 'First transaction that began after the drain saw the label; NULL: not yet seen.';

CREATE FUNCTION flywheel.align(steps bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    sorted CONSTANT bigint[] := ARRAY(SELECT DISTINCT s FROM unnest(steps) AS s ORDER BY s);
    batch  bigint[];
BEGIN
    -- A few at a time, because the planner takes them for one: its joins are nested loops. They are constants of the plan,
    -- so that only their partitions are opened. Rows that stay as they are are not touched, and so wait for nobody.
    FOR i IN 1 .. cardinality(sorted) BY 100 LOOP
        batch := sorted[i:i + 99];
        WITH said AS (
            SELECT c.step_id, c.validator, c.rubric_version, c.split, c.created_at AS labelled_at, c.passed AS human,
                   c.sampling_design, c.inclusion_probability
            FROM flywheel.consensus c
            WHERE c.step_id = ANY (batch) AND c.passed IS NOT NULL
        ), wanted AS MATERIALIZED (
            SELECT s.step_id, w.id, s.human, v.passed, s.split,
                   s.split = 'test' OR s.labelled_at >= w.created_at AND (s.split = 'dev' OR NOT flywheel.takes_examples(w.config)),
                   s.sampling_design, s.inclusion_probability, flywheel.slice_name(v.pipeline),
                   flywheel.slice_name(v.node), flywheel.slice_name(v.variant), v.step_created_at, s.labelled_at
            FROM said s
            JOIN flywheel.validator_versions w ON w.validator = s.validator AND w.rubric_version = s.rubric_version
            JOIN flywheel.verdicts v ON v.step_id = s.step_id AND v.version_id = w.id
            WHERE v.step_id BETWEEN batch[1] AND batch[cardinality(batch)]
              AND (v.passed IS NOT NULL OR v.status <> 'ok') -- a score alone is no decision
        ), gone AS (
            DELETE FROM flywheel.aligned a
            WHERE a.step_id = ANY (batch) AND NOT EXISTS (SELECT FROM wanted w WHERE w.step_id = a.step_id AND w.id = a.version_id)
        )
        INSERT INTO flywheel.aligned AS a
        SELECT c.* FROM (TABLE wanted EXCEPT SELECT b.* FROM flywheel.aligned b WHERE b.step_id = ANY (batch)) c
        ORDER BY 1, 2
        ON CONFLICT (step_id, version_id) DO UPDATE
        SET human = excluded.human, passed = excluded.passed, split = excluded.split, held_out = excluded.held_out,
            sampling_design = excluded.sampling_design, inclusion_probability = excluded.inclusion_probability,
            pipeline = excluded.pipeline, node = excluded.node, variant = excluded.variant,
            step_created_at = excluded.step_created_at, labelled_at = excluded.labelled_at;
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.align(bigint[]) IS
'Internal: brings flywheel.aligned up to date with the labels and verdicts of these steps.';

CREATE FUNCTION flywheel.takes_examples(config jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(config ->> 'few_shot', '0') <> '0';

COMMENT ON FUNCTION flywheel.takes_examples(jsonb) IS
'Whether a judge version with this config shows labels of the few_shot split in its prompt.';
