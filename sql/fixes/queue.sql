-- Which steps to fix next.

CREATE VIEW flywheel.fix_queue WITH (security_invoker) AS
SELECT f.step_id, min(f.pipeline) AS pipeline, min(f.node) AS node, min(f.variant) AS variant,
       array_agg(f.validator ORDER BY f.validator) AS failed, min(f.score) AS score, min(f.step_created_at) AS step_created_at
FROM (
    SELECT d.name AS validator, v.step_id, v.pipeline, v.node, v.variant, coalesce(v.score, 0) AS score, v.step_created_at
    FROM flywheel.validators d
    -- By the index on what is not true, from its end: IS FALSE would not be seen to fit it.
    CROSS JOIN LATERAL (
        SELECT v.* FROM flywheel.verdicts v WHERE v.version_id = d.version_id AND v.passed IS NOT TRUE AND v.passed IS NOT NULL
        ORDER BY v.step_id DESC LIMIT 1000
    ) v
    WHERE d.enabled
) f
WHERE NOT EXISTS (SELECT FROM flywheel.fixes x WHERE x.step_id = f.step_id)
GROUP BY f.step_id
ORDER BY min(f.score), count(*) DESC, f.step_id DESC;

COMMENT ON VIEW flywheel.fix_queue IS
'Failing steps without a fix: the lowest score first, then those that fail most validators, then the newest. Of the newest 1,000 failures of each enabled validator''s current version.';
COMMENT ON COLUMN flywheel.fix_queue.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.fix_queue.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.fix_queue.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.fix_queue.variant IS 'Of the step.';
COMMENT ON COLUMN flywheel.fix_queue.failed IS 'The validators that it fails.';
COMMENT ON COLUMN flywheel.fix_queue.score IS 'The lowest of their scores; a failure without a score counts as 0.';
COMMENT ON COLUMN flywheel.fix_queue.step_created_at IS 'created_at of the step.';
