-- Work for the whole cell; every other step is judged.
INSERT INTO flywheel.traces (trace_id, node, input, output)
SELECT 'backlog', CASE g %% 2 WHEN 0 THEN 'answer' ELSE 'intent' END, 'question ' || g, 'answer to ' || g
FROM generate_series(1, %(steps)s) AS g
