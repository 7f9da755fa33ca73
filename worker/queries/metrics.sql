-- The current version of each validator by node and variant, worst first.
SELECT m.validator, m.version, m.pipeline, m.node, m.variant, m.n, m.passed, m.failed, m.pass_rate, m.pass_rate_lo,
       m.pass_rate_hi, m.errors, m.timeouts, m.abstained, m.mean_latency_ms, m.cost_usd
FROM flywheel.metrics m
JOIN flywheel.validators d ON d.name = m.validator
JOIN flywheel.validator_versions w ON w.id = d.version_id AND w.version = m.version
ORDER BY m.pass_rate NULLS LAST, m.validator, m.node, m.variant
