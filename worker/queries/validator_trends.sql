-- Pass rate of the demo's validators over all nodes and variants of its steps' pipelines, with one figure per day.
SELECT m.validator, sum(m.passed)::bigint AS passed, sum(m.failed)::bigint AS failed,
       flywheel.wilson_lo(sum(m.passed)::float8, sum(m.passed + m.failed)::float8) AS lo,
       flywheel.wilson_hi(sum(m.passed)::float8, sum(m.passed + m.failed)::float8) AS hi,
       sum(m.errors + m.timeouts)::bigint AS errors,
       array_agg(m.pass_rate ORDER BY m.day) AS by_day
FROM (
    SELECT d.validator, d.day, sum(d.passed) AS passed, sum(d.failed) AS failed, sum(d.errors) AS errors,
           sum(d.timeouts) AS timeouts, (sum(d.passed) / nullif(sum(d.passed + d.failed), 0))::float8 AS pass_rate
    FROM flywheel.metrics_daily d
    WHERE d.validator LIKE 'demo.%%'
      AND d.pipeline IN (SELECT t.pipeline FROM flywheel.traces t WHERE t.id >= %(first)s)
      AND (%(pipeline)s::text IS NULL OR d.pipeline = %(pipeline)s)
    GROUP BY d.validator, d.day
) m
GROUP BY m.validator
ORDER BY sum(m.passed) / nullif(sum(m.passed + m.failed), 0), m.validator
