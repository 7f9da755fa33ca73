-- %(rows)s: a JSON array of objects with line, step_id and the columns of flywheel.labels.
INSERT INTO flywheel.labels
    (step_id, validator, rubric_version, passed, score, category, critique, rater, sampling_design, inclusion_probability)
SELECT r.step_id, r.validator, r.rubric_version, r.passed, r.score, r.category, r.critique, coalesce(r.rater, session_user),
       coalesce(r.sampling_design, 'convenience'), r.inclusion_probability
FROM jsonb_to_recordset(%(rows)s) AS r (
    line int, step_id bigint, validator text, rubric_version int, passed boolean, score double precision, category text,
    critique text, rater text, sampling_design text, inclusion_probability double precision)
ORDER BY r.line
