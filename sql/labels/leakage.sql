-- The audit of the splits: what a judge may have seen of what it is measured by. Empty, or the rows.

CREATE VIEW flywheel.leakage WITH (security_invoker) AS
WITH counting AS (
    SELECT l.id, l.validator, l.step_id, l.trace_group, l.split, l.keys
    FROM flywheel.labels l WHERE l.step_changed_at IS NULL AND l.duplicate_of IS NULL
)
SELECT 'trace group in two splits' AS problem, l.validator, l.step_id, l.id AS label_id, NULL::bigint AS other_label_id
FROM counting l
JOIN flywheel.traces t ON t.id = l.step_id
JOIN flywheel.trace_groups g ON g.trace_group = flywheel.trace_group(t.session_id, t.trace_id)
WHERE g.split <> l.split
UNION ALL
SELECT 'same text in two splits', l.validator, l.step_id, l.id, o.id
FROM counting l JOIN counting o ON o.keys = l.keys AND o.validator = l.validator
WHERE l.keys <> '{}' AND o.split <> l.split AND o.id < l.id
UNION ALL
SELECT CASE WHEN e.split <> 'few_shot' THEN 'example is not of the few_shot split'
            WHEN e.trace_group = l.trace_group THEN 'example of the step''s own trace group'
            ELSE 'example with the text of the step' END,
       l.validator, l.step_id, l.id, e.id
FROM counting l
JOIN flywheel.validator_versions w ON w.validator = l.validator AND w.runs_in = 'judge'
JOIN flywheel.verdicts v ON v.step_id = l.step_id AND v.version_id = w.id AND v.details ? 'example_ids'
CROSS JOIN LATERAL jsonb_array_elements_text(
    CASE jsonb_typeof(v.details -> 'example_ids') WHEN 'array' THEN v.details -> 'example_ids' ELSE '[]' END) AS x (id)
JOIN flywheel.labels e ON e.id = x.id::bigint
WHERE e.split <> 'few_shot' OR e.trace_group = l.trace_group OR e.keys = l.keys AND l.keys <> '{}';

COMMENT ON VIEW flywheel.leakage IS
'Labels that count although their judge may have seen them; no rows is right. A step whose session_id changed after it was labelled; the same text in two splits; verdicts on labelled steps whose prompt (details -> example_ids) quoted what it must not. Remove the label, or have the step judged again. Near-duplicates that are not the same text are looked for when a label is given. It reads every label and step with one.';
COMMENT ON COLUMN flywheel.leakage.problem IS 'What is wrong, in words.';
COMMENT ON COLUMN flywheel.leakage.validator IS 'Whose numbers it spoils.';
COMMENT ON COLUMN flywheel.leakage.step_id IS 'The step that is measured by.';
COMMENT ON COLUMN flywheel.leakage.label_id IS 'Its label.';
COMMENT ON COLUMN flywheel.leakage.other_label_id IS 'The label that gives it away: the same text, or the example; NULL where the step itself moved.';
