-- Which validators need labels, how many, and why.

CREATE VIEW flywheel.alignment_due WITH (security_invoker) AS
WITH known AS (
    SELECT d.validator, d.version, l.usable, l.drawn, l.newest_at, a.pass_n, a.pass_k, a.fail_n, a.fail_k,
           r.passed, r.failed, r.week_passed, r.week_failed
    FROM flywheel.reviewed_validators d
    JOIN flywheel.validators e ON e.name = d.validator AND e.enabled
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE x.split <> 'few_shot' AND x.duplicate_of IS NULL) AS usable,
               count(*) FILTER (WHERE x.split <> 'few_shot' AND x.duplicate_of IS NULL
                                  AND x.sampling_design NOT IN ('priority', 'convenience')) AS drawn,
               max(x.created_at) AS newest_at
        FROM flywheel.labels x
        WHERE x.validator = d.validator AND x.rubric_version = d.rubric_version AND x.passed IS NOT NULL AND x.step_changed_at IS NULL) l
    CROSS JOIN LATERAL ( -- how right each verdict is, from the newest labels that may be looked at
        SELECT count(*) FILTER (WHERE v.passed) AS pass_n, count(*) FILTER (WHERE v.passed AND x.passed) AS pass_k,
               count(*) FILTER (WHERE NOT v.passed) AS fail_n, count(*) FILTER (WHERE NOT v.passed AND x.passed) AS fail_k
        FROM (SELECT y.step_id, y.passed FROM flywheel.labels y
              WHERE y.validator = d.validator AND y.rubric_version = d.rubric_version AND y.split <> 'test'
                AND y.passed IS NOT NULL AND y.step_changed_at IS NULL
              ORDER BY y.id DESC LIMIT 500) x
        JOIN flywheel.verdicts v ON v.step_id = x.step_id AND v.version_id = d.version_id) a
    JOIN (
        SELECT m.version_id, sum(m.passed)::float8 AS passed, sum(m.failed)::float8 AS failed,
               coalesce(sum(m.passed) FILTER (WHERE m.bucket >= now() - interval '7 days'), 0)::float8 AS week_passed,
               coalesce(sum(m.failed) FILTER (WHERE m.bucket >= now() - interval '7 days'), 0)::float8 AS week_failed
        FROM flywheel.metric_rollup m
        WHERE m.grain IN ('delta', 'day') AND m.bucket >= now() - interval '35 days'
        GROUP BY m.version_id) r ON r.version_id = d.version_id
), judged AS (
    SELECT k.*, passed + failed AS decided, week_passed + week_failed AS week,
           -- Variance of one label once the verdict is known: an interval of ± 1.96 sqrt(variance / labels).
           (passed * (pass_k + 1.0) / (pass_n + 2) * (1 - (pass_k + 1.0) / (pass_n + 2))
            + failed * (fail_k + 1.0) / (fail_n + 2) * (1 - (fail_k + 1.0) / (fail_n + 2))) / nullif(passed + failed, 0) AS variance
    FROM known k
)
SELECT j.validator, j.version, j.usable AS labels, j.newest_at AS newest_label_at,
       1.959963984540054 * sqrt(j.variance / nullif(j.drawn, 0)) AS half_width,
       max(n.labels)::int AS labels_needed, string_agg(n.why, '; ' ORDER BY n.labels DESC) AS why
FROM judged j
CROSS JOIN LATERAL (VALUES
    (50 - j.usable, format('%s of 50 labels in dev and test under the current rubric', j.usable)),
    (CASE WHEN j.usable >= 20 THEN ceil(1536.6 * j.variance) - j.drawn END,
     format('%s labels drawn by chance would give a corrected rate to ± 5 points', ceil(1536.6 * j.variance))),
    (CASE WHEN j.decided > 0 AND j.newest_at < now() - interval '30 days' THEN 20 END,
     format('the newest label is %s days old', extract(day FROM now() - j.newest_at))),
    (CASE WHEN j.newest_at < now() - interval '7 days' AND j.week > 0 AND j.decided > j.week AND (
               flywheel.wilson_lo(j.week_passed, j.week) > flywheel.wilson_hi(j.passed - j.week_passed, j.decided - j.week)
            OR flywheel.wilson_hi(j.week_passed, j.week) < flywheel.wilson_lo(j.passed - j.week_passed, j.decided - j.week)) THEN 30 END,
     format('it passed %s %% this week and %s %% in the four before, and no label is of this week', round(100 * j.week_passed / nullif(j.week, 0)),
            round(100 * (j.passed - j.week_passed) / nullif(j.decided - j.week, 0))))
) AS n (labels, why)
WHERE n.labels > 0 AND j.decided > 0
GROUP BY j.validator, j.version, j.usable, j.drawn, j.newest_at, j.variance;

COMMENT ON VIEW flywheel.alignment_due IS
'Enabled validators with a rubric and verdicts in the last 35 days that need labels, and how many: up to 50 at least; as many drawn by chance as an interval of ± 5 points around the corrected pass rate takes (variance within the verdicts, from the newest 500 labels of few_shot and dev; from 20 labels on); 20 where the newest label is over 30 days old; 30 where the pass rate of this week is outside the interval of the four weeks before and no label is of this week. Give them with SELECT flywheel.claim_review(..., design => ''stratified''), or flywheel review.';
COMMENT ON COLUMN flywheel.alignment_due.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.alignment_due.version IS 'The current version.';
COMMENT ON COLUMN flywheel.alignment_due.labels IS 'Labels of dev and test under the current rubric, of steps that have not changed since.';
COMMENT ON COLUMN flywheel.alignment_due.newest_label_at IS 'When the newest label under the current rubric was given.';
COMMENT ON COLUMN flywheel.alignment_due.half_width IS 'Half the width of a 95 % interval of the corrected pass rate with those of these labels that chance chose, about; NULL without one.';
COMMENT ON COLUMN flywheel.alignment_due.labels_needed IS 'How many more, for the most demanding of the reasons.';
COMMENT ON COLUMN flywheel.alignment_due.why IS 'The reasons.';
