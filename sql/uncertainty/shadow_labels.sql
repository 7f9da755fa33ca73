-- The labels that a shadow judge may know: those of test are kept for measuring it, and what is accepted by it.

CREATE VIEW flywheel.shadow_labels WITH (security_invoker) AS
SELECT c.validator, c.step_id, c.trace_group, c.passed,
       (SELECT min(l.id) FROM flywheel.labels l
        WHERE l.step_id = c.step_id AND l.validator = c.validator AND l.rubric_version = c.rubric_version) AS label_id
FROM flywheel.consensus c
WHERE c.is_current AND c.passed IS NOT NULL AND c.split IN ('few_shot', 'dev');

COMMENT ON VIEW flywheel.shadow_labels IS
'What flywheel.add_shadow_judge() goes by: steps with a label of the current rubric, of the few_shot and dev splits.';
COMMENT ON COLUMN flywheel.shadow_labels.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.shadow_labels.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.shadow_labels.trace_group IS 'flywheel.trace_groups.trace_group.';
COMMENT ON COLUMN flywheel.shadow_labels.passed IS 'What the majority of raters says.';
COMMENT ON COLUMN flywheel.shadow_labels.label_id IS 'The first of its labels.';
