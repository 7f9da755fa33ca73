-- The versions of a validator, newest first: what it says, what people would say, and how far both agree on dev.
SELECT w.version, w.created_at, d.mode, m.n, m.judged, m.passed / nullif(m.judged, 0)::float8 AS naive_rate, c.rate, c.lo, c.hi, c.estimator,
       c.labels, c.left_out, CASE WHEN c.rate IS NULL THEN coalesce(c.why, 'no labels') END AS why,
       a.n AS dev_labels, a.tp, a.fp, a.tn, a.fn, a.tpr, a.tpr_lo, a.tpr_hi, a.tnr, a.tnr_lo, a.tnr_hi, a.kappa, a.selected,
       m.invalid / nullif(m.n, 0)::float8 AS invalid
FROM flywheel.validators d
JOIN flywheel.validator_versions w ON w.validator = d.name
LEFT JOIN LATERAL (
    SELECT sum(x.n)::bigint AS n, sum(x.passed + x.failed)::bigint AS judged, sum(x.passed)::bigint AS passed,
           sum(x.errors + x.timeouts + x.abstained)::bigint AS invalid
    FROM flywheel.metrics x
    WHERE x.validator = w.validator AND x.version = w.version) m ON true
LEFT JOIN flywheel.corrected_metrics_between(per => 'version') c USING (validator, version)
LEFT JOIN flywheel.alignment a ON a.validator = w.validator AND a.version = w.version AND a.split = 'dev'
WHERE d.name = (flywheel.known_validator(%(judge)s)).name
ORDER BY w.version DESC
LIMIT 5
