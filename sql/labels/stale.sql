-- A rubric that changed leaves labels behind that answer another question: how many, and which to look at first.

CREATE VIEW flywheel.stale_labels WITH (security_invoker) AS
SELECT l.id AS label_id, l.validator, l.step_id, l.rater, l.split, l.rubric_version, w.rubric_version AS current_rubric_version,
       l.passed, v.passed AS judge_passed,
       4 * (l.passed <> v.passed IS TRUE)::int + 2 * ((l.passed AND v.passed) IS FALSE)::int + (l.split <> 'few_shot')::int AS priority
FROM flywheel.labels l
JOIN flywheel.validators d ON d.name = l.validator
JOIN flywheel.validator_versions w ON w.id = d.version_id
LEFT JOIN flywheel.verdicts v ON v.step_id = l.step_id AND v.version_id = w.id
WHERE l.rubric_version <> w.rubric_version AND l.step_changed_at IS NULL AND l.duplicate_of IS NULL
  AND NOT EXISTS (SELECT FROM flywheel.labels n
                  WHERE n.step_id = l.step_id AND n.validator = l.validator AND n.rubric_version = w.rubric_version);

COMMENT ON VIEW flywheel.stale_labels IS
'Labels given under a rubric that is not in use any more, of steps that nobody has labelled under the current one: ORDER BY priority DESC, and label these steps again. That is a new row of flywheel.labels; the old one stays with its rubric.';
COMMENT ON COLUMN flywheel.stale_labels.label_id IS 'flywheel.labels.id.';
COMMENT ON COLUMN flywheel.stale_labels.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.stale_labels.step_id IS 'The step to look at again.';
COMMENT ON COLUMN flywheel.stale_labels.rater IS 'Who gave it.';
COMMENT ON COLUMN flywheel.stale_labels.split IS 'few_shot, dev or test.';
COMMENT ON COLUMN flywheel.stale_labels.rubric_version IS 'The rubric that it was given under.';
COMMENT ON COLUMN flywheel.stale_labels.current_rubric_version IS 'The rubric in use.';
COMMENT ON COLUMN flywheel.stale_labels.passed IS 'What it says.';
COMMENT ON COLUMN flywheel.stale_labels.judge_passed IS 'What the validator''s current version, which has the new rubric, says; NULL: no verdict yet, see flywheel.backfill().';
COMMENT ON COLUMN flywheel.stale_labels.priority IS
'0 to 7, the highest first: 4 where the current verdict contradicts the label, as the new wording is likely to matter there, 2 where either says fail, 1 for dev and test, which measure the judge.';

CREATE VIEW flywheel.rubric_status WITH (security_invoker) AS
SELECT d.name AS validator, w.rubric_version, r.rubric, r.created_at, c.labels, c.stale
FROM flywheel.validators d
JOIN flywheel.validator_versions w ON w.id = d.version_id
JOIN flywheel.rubrics r ON r.validator = d.name AND r.version = w.rubric_version
CROSS JOIN LATERAL (
    -- As flywheel.stale_labels, which would look up a verdict for each.
    SELECT coalesce(sum(s.labels), 0)::bigint AS labels, coalesce(sum(s.n) FILTER (WHERE s.labels = 0), 0)::bigint AS stale
    FROM (SELECT count(*) AS n, count(*) FILTER (WHERE l.rubric_version = w.rubric_version) AS labels
          FROM flywheel.labels l
          WHERE l.validator = d.name AND l.step_changed_at IS NULL AND l.duplicate_of IS NULL
          GROUP BY l.step_id) s
) c;

COMMENT ON VIEW flywheel.rubric_status IS
'Per validator: the rubric in use, and how many labels there are under it and under earlier ones.';
COMMENT ON COLUMN flywheel.rubric_status.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.rubric_status.rubric_version IS 'Version of the rubric in use.';
COMMENT ON COLUMN flywheel.rubric_status.rubric IS 'Its wording; NULL for a code validator without one: flywheel.set_rubric().';
COMMENT ON COLUMN flywheel.rubric_status.created_at IS 'When it was first used.';
COMMENT ON COLUMN flywheel.rubric_status.labels IS 'Labels under it that count.';
COMMENT ON COLUMN flywheel.rubric_status.stale IS 'Labels under an earlier one that wait to be given again: flywheel.stale_labels.';
