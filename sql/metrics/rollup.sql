-- Counts by version, slice and time, exact at every commit. Each statement on verdicts appends rows of differences (grain
-- delta), so that writers never wait for one another; the drain merges them into hours, days and all time now and then.
-- Readers sum the grain that they want and the deltas.

CREATE TABLE flywheel.metric_rollup (
    grain             text NOT NULL DEFAULT 'delta' CHECK (grain IN ('delta', 'hour', 'day', 'all')),
    bucket            timestamptz NOT NULL,
    version_id        int NOT NULL,
    pipeline          text NOT NULL,
    node              text,
    variant           text,
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

CREATE UNIQUE INDEX metric_rollup_key
    ON flywheel.metric_rollup (grain, bucket, version_id, pipeline, node, variant) NULLS NOT DISTINCT
    WHERE grain <> 'delta';
CREATE INDEX metric_rollup_delta ON flywheel.metric_rollup (bucket) WHERE grain = 'delta';

COMMENT ON TABLE flywheel.metric_rollup IS
'Verdicts counted by version, pipeline, node, variant and time of the step: one complete count per grain, once the deltas are added to it. Additive, also over shards. Read the views metrics, metrics_hourly and metrics_daily.';
COMMENT ON COLUMN flywheel.metric_rollup.grain IS 'hour, day or all; delta: counted, and not yet merged into these three.';
COMMENT ON COLUMN flywheel.metric_rollup.bucket IS 'Start of the hour or day (UTC) of the step''s created_at; the hour for a delta, -infinity for all.';
COMMENT ON COLUMN flywheel.metric_rollup.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.metric_rollup.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.metric_rollup.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.metric_rollup.variant IS 'Of the step.';
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

CREATE FUNCTION flywheel.slice_name(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN left(name, 150);

COMMENT ON FUNCTION flywheel.slice_name(text) IS
'What the metrics and coverage keep of a pipeline''s, node''s or variant''s name: an index takes no more than 2,704 bytes, and a longer key would stop the drain.';

CREATE FUNCTION flywheel.count_verdicts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sign CONSTANT int := TG_ARGV[0];
BEGIN
    IF flywheel.loads_a_dump() THEN
        RETURN NULL;
    END IF;
    INSERT INTO flywheel.metric_rollup
    SELECT 'delta', date_trunc('hour', c.step_created_at, 'UTC'), c.version_id, flywheel.slice_name(c.pipeline),
           flywheel.slice_name(c.node), flywheel.slice_name(c.variant), sign * count(*),
           sign * count(*) FILTER (WHERE c.passed), sign * count(*) FILTER (WHERE NOT c.passed),
           sign * count(*) FILTER (WHERE c.status = 'abstained'), sign * count(*) FILTER (WHERE c.status = 'error'),
           sign * count(*) FILTER (WHERE c.status = 'timeout'), sign * count(c.score), sign * coalesce(sum(c.score), 0),
           sign * count(c.latency_ms), sign * coalesce(sum(c.latency_ms), 0), sign * coalesce(sum(c.prompt_tokens), 0),
           sign * coalesce(sum(c.completion_tokens), 0), sign * coalesce(sum(c.cost_usd), 0)
    FROM counted c
    GROUP BY 2, 3, 4, 5, 6;

    IF sign < 0 THEN
        INSERT INTO flywheel.coverage_dirty (block)
        SELECT DISTINCT flywheel.block_of(c.step_id) FROM counted c;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.count_verdicts() IS
'Trigger: counts new verdicts into flywheel.metric_rollup (argument 1) or removed ones out of it (-1), in the same transaction. What is removed has its coverage counted again.';

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
    REFERENCING NEW TABLE AS counted FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_verdicts('1');
CREATE TRIGGER count_deleted AFTER DELETE ON flywheel.verdicts
    REFERENCING OLD TABLE AS counted FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_verdicts('-1');
CREATE TRIGGER count_update_out AFTER UPDATE ON flywheel.verdicts
    REFERENCING OLD TABLE AS counted FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_verdicts('-1');
CREATE TRIGGER count_update_in AFTER UPDATE ON flywheel.verdicts
    REFERENCING NEW TABLE AS counted FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_verdicts('1');
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
    WITH merged AS (
        DELETE FROM flywheel.metric_rollup r WHERE r.grain = 'delta' RETURNING r.*
    )
    INSERT INTO flywheel.metric_rollup AS r
    SELECT g.grain, CASE g.grain WHEN 'all' THEN '-infinity' ELSE date_trunc(g.grain, m.bucket, 'UTC') END, m.version_id,
           m.pipeline, m.node, m.variant, sum(m.n), sum(m.passed), sum(m.failed), sum(m.abstained), sum(m.errors),
           sum(m.timeouts), sum(m.scored), sum(m.score_sum), sum(m.timed), sum(m.latency_ms_sum), sum(m.prompt_tokens),
           sum(m.completion_tokens), sum(m.cost_usd)
    FROM merged m CROSS JOIN (VALUES ('hour'), ('day'), ('all')) AS g (grain)
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (grain, bucket, version_id, pipeline, node, variant) WHERE grain <> 'delta' DO UPDATE
    SET n = r.n + excluded.n, passed = r.passed + excluded.passed, failed = r.failed + excluded.failed,
        abstained = r.abstained + excluded.abstained, errors = r.errors + excluded.errors,
        timeouts = r.timeouts + excluded.timeouts, scored = r.scored + excluded.scored,
        score_sum = r.score_sum + excluded.score_sum, timed = r.timed + excluded.timed,
        latency_ms_sum = r.latency_ms_sum + excluded.latency_ms_sum,
        prompt_tokens = r.prompt_tokens + excluded.prompt_tokens,
        completion_tokens = r.completion_tokens + excluded.completion_tokens, cost_usd = r.cost_usd + excluded.cost_usd;
END
$$;

COMMENT ON FUNCTION flywheel.merge_rollup() IS
'Adds the deltas of flywheel.metric_rollup to its hours, days and all time. Changes no sum that a reader sees. The drain calls it every few seconds.';

COMMENT ON INDEX flywheel.metric_rollup_key IS 'One row per grain, time, version and slice.';
COMMENT ON INDEX flywheel.metric_rollup_delta IS 'The deltas, among many hours.';
