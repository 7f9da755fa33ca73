-- Where a judge and its shadow differ: the cheapest way to the judge's errors.

CREATE VIEW flywheel.shadows AS
SELECT s.name AS validator, s.version_id AS shadow_version, j.name AS judge, j.version_id AS judge_version
FROM flywheel.validators s
JOIN flywheel.validator_versions w ON w.id = s.version_id
JOIN flywheel.validators j ON j.name = w.config ->> 'judge'
WHERE w.function = 'flywheel.shadow_judge(flywheel.traces,jsonb)';

COMMENT ON VIEW flywheel.shadows IS 'Shadow judges and whose they are.';
COMMENT ON COLUMN flywheel.shadows.validator IS 'The shadow: flywheel.validators.name.';
COMMENT ON COLUMN flywheel.shadows.shadow_version IS 'Its current version.';
COMMENT ON COLUMN flywheel.shadows.judge IS 'The judge: flywheel.validators.name.';
COMMENT ON COLUMN flywheel.shadows.judge_version IS 'The judge''s current version.';

CREATE VIEW flywheel.shadow_disagreements WITH (security_invoker) AS
SELECT a.step_id, s.judge AS validator, a.version_id, a.passed, b.score AS p, abs(a.passed::int - b.score) AS disagreement
FROM flywheel.shadows s
CROSS JOIN LATERAL (
    -- Where they differ one of them fails the step, and failing verdicts have an index.
    (SELECT v.step_id FROM flywheel.verdicts v
     WHERE v.version_id = s.judge_version AND v.passed IS NOT TRUE ORDER BY v.step_id DESC LIMIT 1000)
    UNION
    (SELECT v.step_id FROM flywheel.verdicts v
     WHERE v.version_id = s.shadow_version AND v.passed IS NOT TRUE ORDER BY v.step_id DESC LIMIT 1000)) f
JOIN flywheel.verdicts a ON a.step_id = f.step_id AND a.version_id = s.judge_version
JOIN flywheel.verdicts b ON b.step_id = f.step_id AND b.version_id = s.shadow_version
WHERE a.passed <> b.passed;

COMMENT ON VIEW flywheel.shadow_disagreements IS
'Verdicts of a judge that its shadow judge doubts, among the newest 1,000 steps that either of them fails: look at those with the largest disagreement first.';
COMMENT ON COLUMN flywheel.shadow_disagreements.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.shadow_disagreements.validator IS 'The judge: flywheel.validators.name.';
COMMENT ON COLUMN flywheel.shadow_disagreements.version_id IS 'Its current version.';
COMMENT ON COLUMN flywheel.shadow_disagreements.passed IS 'What the judge said.';
COMMENT ON COLUMN flywheel.shadow_disagreements.p IS 'Weighted share of passing labels among those nearest to the output.';
COMMENT ON COLUMN flywheel.shadow_disagreements.disagreement IS 'Over 0.5 up to 1: how far p is from the judge''s verdict. In that order the judge''s errors come first.';
