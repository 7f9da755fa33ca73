-- What speaks for looking at a step. Each arm reads the newest few steps of an index, however many verdicts there are.

-- People are asked what has a wording for them.
CREATE VIEW flywheel.reviewed_validators AS
SELECT d.name AS validator, d.kind, d.version_id, w.version, w.rubric_version, r.rubric
FROM flywheel.validators d
JOIN flywheel.validator_versions w ON w.id = d.version_id
JOIN flywheel.rubrics r ON r.validator = w.validator AND r.version = w.rubric_version
WHERE r.rubric IS NOT NULL;

COMMENT ON VIEW flywheel.reviewed_validators IS
'Validators that people can label for, because a rubric says what passes: every judge, and code validators with flywheel.set_rubric().';
COMMENT ON COLUMN flywheel.reviewed_validators.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.reviewed_validators.kind IS 'judge or code.';
COMMENT ON COLUMN flywheel.reviewed_validators.version_id IS 'flywheel.validator_versions.id of the current version.';
COMMENT ON COLUMN flywheel.reviewed_validators.version IS 'The current version.';
COMMENT ON COLUMN flywheel.reviewed_validators.rubric_version IS 'flywheel.rubrics.version, the current one.';
COMMENT ON COLUMN flywheel.reviewed_validators.rubric IS 'What passes and what fails, in words.';

CREATE VIEW flywheel.review_signals WITH (security_invoker) AS
WITH failing AS MATERIALIZED (
    SELECT d.validator, d.rubric_version, f.step_id, flywheel.reason_key(f.reason) AS reason_key,
           percent_rank() OVER (PARTITION BY d.validator ORDER BY f.score DESC NULLS FIRST) AS badness
    FROM flywheel.reviewed_validators d
    CROSS JOIN LATERAL (
        SELECT v.step_id, v.reason, v.score
        FROM flywheel.verdicts v
        WHERE v.version_id = d.version_id AND v.passed IS NOT TRUE AND (v.passed IS FALSE OR v.status = 'ok')
          AND NOT EXISTS (SELECT FROM flywheel.labels l
                          WHERE l.step_id = v.step_id AND l.validator = d.validator AND l.rubric_version = d.rubric_version
                            AND l.step_changed_at IS NULL)
        ORDER BY v.step_id DESC LIMIT 200) f
), known AS ( -- reasons of which somebody has seen an example
    SELECT d.validator, flywheel.reason_key(v.reason) AS reason_key
    FROM flywheel.reviewed_validators d
    CROSS JOIN LATERAL (
        SELECT l.step_id FROM flywheel.labels l
        WHERE l.validator = d.validator AND l.rubric_version = d.rubric_version ORDER BY l.id DESC LIMIT 500) l
    JOIN flywheel.verdicts v ON v.step_id = l.step_id AND v.version_id = d.version_id
)
SELECT f.step_id, f.validator, 'low score' AS signal, 1 + f.badness AS weight
FROM failing f
UNION ALL
SELECT max(f.step_id), f.validator, 'new failure mode', 2
FROM failing f
WHERE NOT EXISTS (SELECT FROM known k WHERE k.validator = f.validator AND k.reason_key = f.reason_key)
GROUP BY f.validator, f.reason_key
UNION ALL
SELECT t.id, d.validator, 'negative feedback', 4
FROM (SELECT t.id FROM flywheel.traces t
      WHERE t.attributes ->> 'feedback' IN ('-1', 'negative', 'thumbs_down') ORDER BY t.id DESC LIMIT 200) t
JOIN flywheel.reviewed_validators d
  ON EXISTS (SELECT FROM flywheel.verdicts v WHERE v.step_id = t.id AND v.version_id = d.version_id AND v.status <> 'abstained')
UNION ALL
SELECT s.step_id, d.validator, 'label under an earlier rubric', 1 + s.differs::int
FROM flywheel.reviewed_validators d
JOIN flywheel.rubrics r ON r.validator = d.validator AND r.version <> d.rubric_version
CROSS JOIN LATERAL (
    SELECT l.step_id, coalesce(l.passed <> v.passed, false) AS differs
    FROM flywheel.labels l
    LEFT JOIN flywheel.verdicts v ON v.step_id = l.step_id AND v.version_id = d.version_id
    WHERE l.validator = d.validator AND l.rubric_version = r.version AND l.step_changed_at IS NULL
      AND NOT EXISTS (SELECT FROM flywheel.labels n
                      WHERE n.step_id = l.step_id AND n.validator = d.validator AND n.rubric_version = d.rubric_version
                        AND n.step_changed_at IS NULL)
    LIMIT 200) s
UNION ALL
SELECT s.step_id, s.validator, 'doubt', 1 + s.disagreement
FROM flywheel.shadow_disagreements s;

COMMENT ON VIEW flywheel.review_signals IS
'What speaks for labelling a step, per validator that people label for: of the newest 200 each. flywheel.review_queue adds them up.';
COMMENT ON COLUMN flywheel.review_signals.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.review_signals.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.review_signals.signal IS
'low score: it fails, or has a score and no verdict; the lower the more. new failure mode: the newest step that fails for a reason of which none has a label. negative feedback: attributes.feedback is -1, "negative" or "thumbs_down". label under an earlier rubric: more where it differs from what the validator says now. doubt: the shadow judge says the opposite.';
COMMENT ON COLUMN flywheel.review_signals.weight IS 'How much, from 1.';
