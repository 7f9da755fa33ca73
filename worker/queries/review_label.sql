-- Of what was shown, under the rubric that was shown: no row if either has changed. How the step was chosen comes from the claim.
INSERT INTO flywheel.labels AS l (step_id, validator, rubric_version, passed, critique, rater)
SELECT t.id, %(validator)s::text, %(rubric_version)s, %(passed)s, %(critique)s::text, %(rater)s::text
FROM flywheel.traces t
WHERE t.id = %(step_id)s AND flywheel.current_rubric(%(validator)s) = %(rubric_version)s
  AND (t.input, t.output, t.expected, jsonb_pretty(t.context))
      IS NOT DISTINCT FROM (%(input)s::text, %(output)s::text, %(expected)s::text, %(context)s::text)
ON CONFLICT ON CONSTRAINT labels_one_per_rater DO UPDATE
SET passed = excluded.passed, critique = excluded.critique,
    sampling_design = CASE excluded.sampling_design WHEN 'convenience' THEN l.sampling_design ELSE excluded.sampling_design END,
    inclusion_probability = CASE excluded.sampling_design WHEN 'convenience' THEN l.inclusion_probability ELSE excluded.inclusion_probability END
