-- The newest trace of several steps in which something failed, with the verdicts of each step.
SELECT t.id, t.trace_id, t.span_id, t.parent_span_id, t.node, t.variant, left(t.input, 300) AS input,
       left(t.output, 300) AS output, t.status, left(t.error, 300) AS error,
       coalesce(jsonb_agg(jsonb_build_object('validator', w.validator, 'passed', v.passed, 'status', v.status,
                                             'reason', v.reason)
                          ORDER BY v.passed, w.validator) FILTER (WHERE v.step_id IS NOT NULL), '[]') AS verdicts
FROM flywheel.traces t
LEFT JOIN flywheel.verdicts v ON v.step_id = t.id
LEFT JOIN flywheel.validator_versions w ON w.id = v.version_id
WHERE t.trace_id = (
    SELECT f.trace_id
    FROM flywheel.verdicts x JOIN flywheel.traces f ON f.id = x.step_id
    WHERE x.passed IS FALSE AND x.step_id >= %(first)s AND (%(pipeline)s::text IS NULL OR f.pipeline = %(pipeline)s)
      AND EXISTS (SELECT FROM flywheel.traces o WHERE o.trace_id = f.trace_id AND o.id <> f.id)
    ORDER BY x.step_id DESC LIMIT 1)
GROUP BY t.id
ORDER BY t.id
LIMIT 500
