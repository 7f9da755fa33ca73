-- One of many statements, with the same mix of steps as the application's.
INSERT INTO flywheel.traces (trace_id, node, input, output)
SELECT 'backlog', CASE WHEN g %% 11 < 5 THEN 'answer' ELSE 'intent' END, concat_ws(' ', 'backlog', %(number)s, g),
       concat_ws(' ', 'answer to', %(number)s, g)
FROM generate_series(1, %(n)s) AS g
