-- Metrics are views over the rollup: one definition, three time grains.

CREATE FUNCTION flywheel.metrics_by(grain text) RETURNS TABLE (
    bucket            timestamptz,
    validator         text,
    version           int,
    pipeline          text,
    node              text,
    variant           text,
    n                 bigint,
    passed            bigint,
    failed            bigint,
    pass_rate         double precision,
    pass_rate_lo      double precision,
    pass_rate_hi      double precision,
    mean_score        double precision,
    abstained         bigint,
    errors            bigint,
    timeouts          bigint,
    mean_latency_ms   double precision,
    prompt_tokens     bigint,
    completion_tokens bigint,
    cost_usd          numeric
)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.bucket, w.validator, w.version, s.pipeline, s.node, s.variant, s.n, s.passed, s.failed,
           s.passed / nullif(s.passed + s.failed, 0)::float8,
           flywheel.wilson_lo(s.passed::float8, (s.passed + s.failed)::float8),
           flywheel.wilson_hi(s.passed::float8, (s.passed + s.failed)::float8),
           s.score_sum / nullif(s.scored, 0)::float8,
           s.abstained, s.errors, s.timeouts,
           s.latency_ms_sum / nullif(s.timed, 0)::float8,
           s.prompt_tokens, s.completion_tokens, s.cost_usd
    FROM (
        SELECT r.version_id, r.pipeline, r.node, r.variant,
               CASE metrics_by.grain WHEN 'hour' THEN r.bucket WHEN 'day' THEN date_trunc('day', r.bucket, 'UTC') END AS bucket,
               sum(r.n)::bigint AS n, sum(r.passed)::bigint AS passed, sum(r.failed)::bigint AS failed,
               sum(r.abstained)::bigint AS abstained, sum(r.errors)::bigint AS errors, sum(r.timeouts)::bigint AS timeouts,
               sum(r.scored) AS scored, sum(r.score_sum) AS score_sum, sum(r.timed) AS timed,
               sum(r.latency_ms_sum) AS latency_ms_sum, sum(r.prompt_tokens)::bigint AS prompt_tokens,
               sum(r.completion_tokens)::bigint AS completion_tokens, sum(r.cost_usd) AS cost_usd
        FROM flywheel.metric_rollup r
        WHERE r.grain IN ('delta', metrics_by.grain)
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(r.n) <> 0
    ) s
    JOIN flywheel.validator_versions w ON w.id = s.version_id;
END;

COMMENT ON FUNCTION flywheel.metrics_by(text) IS
'The metrics by time: grain ''hour'' or ''day'' (UTC), or ''all'' (bucket NULL). The views metrics, metrics_hourly and metrics_daily are this.';

CREATE VIEW flywheel.metrics AS
SELECT validator, version, pipeline, node, variant, n, passed, failed, pass_rate, pass_rate_lo, pass_rate_hi, mean_score,
       abstained, errors, timeouts, mean_latency_ms, prompt_tokens, completion_tokens, cost_usd
FROM flywheel.metrics_by('all');

CREATE VIEW flywheel.metrics_hourly AS
SELECT bucket AS hour, validator, version, pipeline, node, variant, n, passed, failed, pass_rate, pass_rate_lo, pass_rate_hi,
       mean_score, abstained, errors, timeouts, mean_latency_ms, prompt_tokens, completion_tokens, cost_usd
FROM flywheel.metrics_by('hour');

CREATE VIEW flywheel.metrics_daily AS
SELECT bucket AS day, validator, version, pipeline, node, variant, n, passed, failed, pass_rate, pass_rate_lo, pass_rate_hi,
       mean_score, abstained, errors, timeouts, mean_latency_ms, prompt_tokens, completion_tokens, cost_usd
FROM flywheel.metrics_by('day');

COMMENT ON VIEW flywheel.metrics IS
'Per validator, version, pipeline, node and variant: verdicts and the pass rate with its interval. Reads the rollup only: exact at every commit, and as fast at 10 M verdicts as at 100 k.';
COMMENT ON VIEW flywheel.metrics_hourly IS
'flywheel.metrics by hour of the step''s created_at (UTC). A condition on hour is answered by the index.';
COMMENT ON VIEW flywheel.metrics_daily IS 'flywheel.metrics by day of the step''s created_at (UTC).';

DO $$
DECLARE
    view text;
    col  record;
BEGIN
    FOREACH view IN ARRAY ARRAY['metrics', 'metrics_hourly', 'metrics_daily'] LOOP
        FOR col IN
            SELECT a.attname, c.comment
            FROM (VALUES
                ('hour', 'Start of the hour.'),
                ('day', 'Start of the day.'),
                ('validator', 'flywheel.validators.name.'),
                ('version', 'Version of the validator.'),
                ('pipeline', 'Of the steps.'),
                ('node', 'Of the steps.'),
                ('variant', 'Of the steps.'),
                ('n', 'Verdicts of any status.'),
                ('passed', 'Steps that passed.'),
                ('failed', 'Steps that failed.'),
                ('pass_rate', 'passed / (passed + failed), 0..1: errors, timeouts and abstentions are in neither.'),
                ('pass_rate_lo', 'Lower end of the 95 % Wilson interval of pass_rate. Of sampled or on-demand steps, too: it says what the sample supports.'),
                ('pass_rate_hi', 'Upper end of the 95 % Wilson interval of pass_rate.'),
                ('mean_score', 'Mean of the scores; NULL where the validator gives none.'),
                ('abstained', 'The validator did not apply.'),
                ('errors', 'The validator could not decide.'),
                ('timeouts', 'The validator ran out of its budget.'),
                ('mean_latency_ms', 'Mean milliseconds per verdict.'),
                ('prompt_tokens', 'Judges: tokens sent.'),
                ('completion_tokens', 'Judges: tokens received.'),
                ('cost_usd', 'Judges: US dollars.')) AS c (name, comment)
            JOIN pg_attribute a ON a.attname = c.name AND a.attrelid = format('flywheel.%I', view)::regclass
        LOOP
            EXECUTE format('COMMENT ON COLUMN flywheel.%I.%I IS %L', view, col.attname, col.comment);
        END LOOP;
    END LOOP;
END
$$;
