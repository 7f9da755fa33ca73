-- Of what was shown, under the rubric that was shown: no row if either has changed. It says itself how the step was chosen:
-- its claim may be over, and somebody else's.
INSERT INTO flywheel.labels AS l (step_id, validator, rubric_version, passed, critique, rater, sampling_design, inclusion_probability)
SELECT t.id, %(validator)s::text, %(rubric_version)s, %(passed)s, %(critique)s::text, %(rater)s::text, %(sampling_design)s::text,
       %(inclusion_probability)s::float8
FROM flywheel.traces t
WHERE t.id = %(step_id)s AND flywheel.current_rubric(%(validator)s) = %(rubric_version)s
  AND (t.input, t.output, t.expected, jsonb_pretty(t.context))
      IS NOT DISTINCT FROM (%(input)s::text, %(output)s::text, %(expected)s::text, %(context)s::text)
ON CONFLICT ON CONSTRAINT labels_one_per_rater DO UPDATE
SET passed = excluded.passed, critique = excluded.critique,
    sampling_design = excluded.sampling_design, inclusion_probability = excluded.inclusion_probability
