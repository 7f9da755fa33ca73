-- Everything that may stand in a prompt as an example, and nothing else: the one place that says so.

CREATE INDEX labels_examples ON flywheel.labels (validator, passed) WHERE example_approved_at IS NOT NULL;
CREATE INDEX labels_served ON flywheel.labels (pipeline, node) WHERE example_approved_at IS NOT NULL AND passed;

COMMENT ON INDEX flywheel.labels_examples IS 'The few-shot examples of a validator.';
COMMENT ON INDEX flywheel.labels_served IS 'Good outputs that flywheel.demonstrations() may serve.';

CREATE VIEW flywheel.approved_examples WITH (security_invoker) AS
SELECT 'label' AS kind, l.id, l.step_id, l.validator, l.pipeline, l.node, l.passed, l.trace_group, l.created_at, NULL::bigint AS content
FROM flywheel.labels l
-- Not by flywheel.current_rubric(), which would be called for each label.
JOIN flywheel.validators d ON d.name = l.validator
JOIN flywheel.validator_versions w ON w.id = d.version_id AND w.rubric_version = l.rubric_version
WHERE l.example_approved_at IS NOT NULL AND l.split = 'few_shot' AND l.passed IS NOT NULL AND l.step_changed_at IS NULL AND l.duplicate_of IS NULL
UNION ALL
SELECT 'fix', f.id, f.step_id, NULL, f.pipeline, f.node, NULL, f.trace_group, f.created_at, f.approved_content
FROM flywheel.fixes f
WHERE f.approved_at IS NOT NULL;

COMMENT ON VIEW flywheel.approved_examples IS
'What may stand in prompts: labels of the few_shot split under the current rubric that flywheel.approve_example() let in, and fixes that flywheel.approve_fix() did. flywheel.few_shot() and flywheel.demonstrations() serve nothing else.';
COMMENT ON COLUMN flywheel.approved_examples.kind IS 'label or fix.';
COMMENT ON COLUMN flywheel.approved_examples.id IS 'flywheel.labels.id or flywheel.fixes.id.';
COMMENT ON COLUMN flywheel.approved_examples.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.approved_examples.validator IS 'Whose question the label answers; NULL for a fix.';
COMMENT ON COLUMN flywheel.approved_examples.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.approved_examples.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.approved_examples.passed IS 'What the label says; NULL for a fix.';
COMMENT ON COLUMN flywheel.approved_examples.trace_group IS 'Its own steps never see it as an example.';
COMMENT ON COLUMN flywheel.approved_examples.created_at IS 'When the label or fix was written: the newer, the more it counts.';
COMMENT ON COLUMN flywheel.approved_examples.content IS 'flywheel.embeddings.content that it goes with; NULL: any, labels of changed steps are not here.';
