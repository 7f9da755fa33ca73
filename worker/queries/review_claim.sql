-- Steps to label, and nothing of what the judge said of them. (The probability may differ by verdict: it is not shown.)
SELECT r.step_id, r.validator, r.pipeline, r.node, r.input, r.output, r.expected, jsonb_pretty(r.context) AS context,
       r.rubric_version, r.rubric, r.why, r.rater, r.sampling_design, r.inclusion_probability
FROM flywheel.claim_review(coalesce(%(rater)s, session_user::text), %(n)s, %(validator)s, %(design)s) r
