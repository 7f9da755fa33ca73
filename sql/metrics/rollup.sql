-- Counts by version, slice and hour, exact at every commit. Each statement on verdicts appends rows of differences,
-- so that writers never wait for one another; the drain merges them now and then. Readers sum.

CREATE TABLE flywheel.metric_rollup (
    version_id        int NOT NULL,
    pipeline          text NOT NULL,
    node              text,
    variant           text,
    hour              timestamptz NOT NULL,
    n                 bigint NOT NULL,
    passed            bigint NOT NULL,
    failed            bigint NOT NULL,
    abstained         bigint NOT NULL,
    errors            bigint NOT NULL,
    timeouts          bigint NOT NULL,
    scored            bigint NOT NULL,
    score_sum         double precision NOT NULL,
    timed             bigint NOT NULL,
    latency_ms_sum    double precision NOT NULL,
    prompt_tokens     bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    cost_usd          numeric NOT NULL
);

COMMENT ON TABLE flywheel.metric_rollup IS
'Verdicts counted by version, pipeline, node, variant and hour of the step. Several rows per key: sum them. Additive, also over shards. The views metrics, metrics_hourly and metrics_daily read it.';
COMMENT ON COLUMN flywheel.metric_rollup.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.metric_rollup.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.metric_rollup.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.metric_rollup.variant IS 'Of the step.';
COMMENT ON COLUMN flywheel.metric_rollup.hour IS 'Start of the hour of the step''s created_at, UTC; of the day for steps older than five weeks.';
COMMENT ON COLUMN flywheel.metric_rollup.n IS 'Verdicts, of any status.';
COMMENT ON COLUMN flywheel.metric_rollup.passed IS 'passed is true.';
COMMENT ON COLUMN flywheel.metric_rollup.failed IS 'passed is false.';
COMMENT ON COLUMN flywheel.metric_rollup.abstained IS 'The validator did not apply.';
COMMENT ON COLUMN flywheel.metric_rollup.errors IS 'The validator could not decide.';
COMMENT ON COLUMN flywheel.metric_rollup.timeouts IS 'The validator ran out of its budget.';
COMMENT ON COLUMN flywheel.metric_rollup.scored IS 'Verdicts with a score.';
COMMENT ON COLUMN flywheel.metric_rollup.score_sum IS 'Sum of the scores.';
COMMENT ON COLUMN flywheel.metric_rollup.timed IS 'Verdicts with a latency.';
COMMENT ON COLUMN flywheel.metric_rollup.latency_ms_sum IS 'Sum of the latencies, milliseconds.';
COMMENT ON COLUMN flywheel.metric_rollup.prompt_tokens IS 'Sum.';
COMMENT ON COLUMN flywheel.metric_rollup.completion_tokens IS 'Sum.';
COMMENT ON COLUMN flywheel.metric_rollup.cost_usd IS 'Sum, US dollars.';

CREATE FUNCTION flywheel.count_added() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO flywheel.metric_rollup
    SELECT c.version_id, c.pipeline, c.node, c.variant, date_trunc('hour', c.step_created_at, 'UTC'), count(*),
           count(*) FILTER (WHERE c.passed), count(*) FILTER (WHERE NOT c.passed),
           count(*) FILTER (WHERE c.status = 'abstained'), count(*) FILTER (WHERE c.status = 'error'),
           count(*) FILTER (WHERE c.status = 'timeout'), count(c.score), coalesce(sum(c.score), 0),
           count(c.latency_ms), coalesce(sum(c.latency_ms), 0), coalesce(sum(c.prompt_tokens), 0),
           coalesce(sum(c.completion_tokens), 0), coalesce(sum(c.cost_usd), 0)
    FROM added c
    GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.count_added() IS
'Trigger: counts new verdicts into flywheel.metric_rollup, in the same transaction.';

CREATE FUNCTION flywheel.count_removed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO flywheel.metric_rollup
    SELECT c.version_id, c.pipeline, c.node, c.variant, date_trunc('hour', c.step_created_at, 'UTC'), -count(*),
           -count(*) FILTER (WHERE c.passed), -count(*) FILTER (WHERE NOT c.passed),
           -count(*) FILTER (WHERE c.status = 'abstained'), -count(*) FILTER (WHERE c.status = 'error'),
           -count(*) FILTER (WHERE c.status = 'timeout'), -count(c.score), -coalesce(sum(c.score), 0),
           -count(c.latency_ms), -coalesce(sum(c.latency_ms), 0), -coalesce(sum(c.prompt_tokens), 0),
           -coalesce(sum(c.completion_tokens), 0), -coalesce(sum(c.cost_usd), 0)
    FROM removed c
    GROUP BY 1, 2, 3, 4, 5;

    INSERT INTO flywheel.coverage_dirty (block)
    SELECT DISTINCT flywheel.block_of(c.step_id) FROM removed c;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.count_removed() IS
'Trigger: takes removed verdicts out of flywheel.metric_rollup and has their coverage counted again, in the same transaction.';

CREATE FUNCTION flywheel.empty_rollup() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    TRUNCATE flywheel.metric_rollup, flywheel.coverage_ledger;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.empty_rollup() IS 'Trigger: TRUNCATE of verdicts empties what counts them.';

CREATE TRIGGER count_inserted AFTER INSERT ON flywheel.verdicts
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_added();
CREATE TRIGGER count_deleted AFTER DELETE ON flywheel.verdicts
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_removed();
CREATE TRIGGER count_update_out AFTER UPDATE ON flywheel.verdicts
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_removed();
CREATE TRIGGER count_update_in AFTER UPDATE ON flywheel.verdicts
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_added();
CREATE TRIGGER empty_rollup AFTER TRUNCATE ON flywheel.verdicts
    FOR EACH STATEMENT EXECUTE FUNCTION flywheel.empty_rollup();

COMMENT ON TRIGGER count_inserted ON flywheel.verdicts IS 'Keeps flywheel.metric_rollup exact.';
COMMENT ON TRIGGER count_deleted ON flywheel.verdicts IS 'Keeps flywheel.metric_rollup exact.';
COMMENT ON TRIGGER count_update_out ON flywheel.verdicts IS 'Keeps flywheel.metric_rollup exact: the old values go out.';
COMMENT ON TRIGGER count_update_in ON flywheel.verdicts IS 'Keeps flywheel.metric_rollup exact: the new values come in.';
COMMENT ON TRIGGER empty_rollup ON flywheel.verdicts IS 'Keeps flywheel.metric_rollup exact.';

CREATE FUNCTION flywheel.merge_rollup() RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('flywheel.merge_rollup', 0)) THEN
        RETURN;
    END IF;
    WITH coarse AS (
        -- Five weeks by the hour, then by the day: a year of history is a few thousand rows, not tens of thousands.
        SELECT r.ctid AS row_id, r.version_id, r.pipeline, r.node, r.variant,
               date_trunc(CASE WHEN r.hour < now() - interval '5 weeks' THEN 'day' ELSE 'hour' END, r.hour, 'UTC') AS bucket,
               count(*) OVER (PARTITION BY r.version_id, r.pipeline, r.node, r.variant,
                   date_trunc(CASE WHEN r.hour < now() - interval '5 weeks' THEN 'day' ELSE 'hour' END, r.hour, 'UTC')) AS copies
        FROM flywheel.metric_rollup r
    ), merged AS (
        DELETE FROM flywheel.metric_rollup r USING coarse c
        WHERE r.ctid = c.row_id AND c.copies > 1
        RETURNING c.bucket, r.*
    )
    INSERT INTO flywheel.metric_rollup
    SELECT m.version_id, m.pipeline, m.node, m.variant, m.bucket, sum(m.n), sum(m.passed), sum(m.failed), sum(m.abstained),
           sum(m.errors), sum(m.timeouts), sum(m.scored), sum(m.score_sum), sum(m.timed), sum(m.latency_ms_sum),
           sum(m.prompt_tokens), sum(m.completion_tokens), sum(m.cost_usd)
    FROM merged m
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(m.n) <> 0;
END
$$;

COMMENT ON FUNCTION flywheel.merge_rollup() IS
'Merges the rows of flywheel.metric_rollup by key. Changes no sum. The drain calls it every few seconds.';
