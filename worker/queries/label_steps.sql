-- Which step each row is about: its step_id, or the step of its trace_id and, where the trace has several, node.
SELECT r.line, count(t.id) AS steps, min(t.id) AS step_id
FROM jsonb_to_recordset(%(rows)s) AS r (line int, step_id bigint, trace_id text, node text)
LEFT JOIN LATERAL (
    SELECT s.id FROM flywheel.traces s WHERE s.id = r.step_id AND s.trace_id = coalesce(r.trace_id, s.trace_id)
    UNION ALL
    SELECT s.id FROM flywheel.traces s
    WHERE r.step_id IS NULL AND s.trace_id = r.trace_id AND (r.node IS NULL OR s.node = r.node)
) t ON true
GROUP BY r.line
ORDER BY r.line
