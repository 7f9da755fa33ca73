-- What the application's prompt would get for the question of the newest fixed step, were it asked again by somebody else.
SELECT asked.pipeline, asked.node, asked.input AS query, d.input, d.output
FROM (SELECT t.*
      FROM flywheel.fixes f JOIN flywheel.traces t ON t.id = f.step_id
      WHERE f.pipeline = %(pipeline)s AND f.approved_at IS NOT NULL
      ORDER BY f.step_id DESC LIMIT 1) asked
CROSS JOIN LATERAL flywheel.demonstrations(
    asked.pipeline, asked.node, asked.input, 2, 'diverse',
    exclude_group => flywheel.trace_group(asked.session_id, asked.trace_id)) d
