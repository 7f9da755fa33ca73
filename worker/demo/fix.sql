-- A person who writes what failing reports should have been. Only an admin lets prompts see what he wrote himself.
INSERT INTO flywheel.fixes (step_id, corrected_output, what_went_wrong, author)
SELECT q.step_id, t.expected, 'it failed ' || array_to_string(q.failed, ', '), 'demo'
FROM flywheel.fix_queue q
JOIN flywheel.traces t ON t.id = q.step_id
WHERE q.pipeline = %(pipeline)s AND q.node = 'report_sql';
SELECT flywheel.approve_fix(f.id)
FROM flywheel.fixes f
WHERE f.pipeline = %(pipeline)s AND flywheel.is_admin(session_user);
