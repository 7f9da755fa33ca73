-- The versions of a validator, newest first: what it says, what people would say, and how far both agree on dev.
SELECT w.version, w.created_at, c.judged, c.naive_rate, c.rate, c.lo, c.hi, c.estimator, c.labels, c.left_out, c.why,
       a.n AS dev_labels, a.tp, a.fp, a.tn, a.fn, a.tpr, a.tpr_lo, a.tpr_hi, a.tnr, a.tnr_lo, a.tnr_hi, a.kappa, a.selected,
       (SELECT sum(m.errors + m.timeouts + m.abstained)::float8 / sum(m.n)::float8 FROM flywheel.metrics m
        WHERE m.validator = w.validator AND m.version = w.version HAVING sum(m.n) > 0) AS invalid
FROM flywheel.validator_versions w
LEFT JOIN flywheel.corrected_metrics_between(per => 'version') c USING (validator, version)
LEFT JOIN flywheel.alignment a ON a.validator = w.validator AND a.version = w.version AND a.split = 'dev'
WHERE w.validator = (flywheel.known_validator(%(judge)s)).name
ORDER BY w.version DESC
LIMIT 5
