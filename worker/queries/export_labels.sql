SELECT l.step_id, t.trace_id, l.node, l.validator, l.rubric_version, l.passed, l.score, l.category, l.critique, l.rater,
       l.sampling_design, l.inclusion_probability, l.split, l.created_at
FROM flywheel.read_labels(%(validator)s, %(split)s) l
JOIN flywheel.traces t ON t.id = l.step_id
ORDER BY l.id
