-- Which node fails most: steps by node and variant, and the share on which at least one validator failed.
SELECT t.node, t.variant, count(*) AS steps, count(*) FILTER (WHERE f.step_id IS NOT NULL) AS failing,
       flywheel.wilson_lo(count(*) FILTER (WHERE f.step_id IS NOT NULL), count(*)) AS lo,
       flywheel.wilson_hi(count(*) FILTER (WHERE f.step_id IS NOT NULL), count(*)) AS hi
FROM flywheel.traces t
LEFT JOIN (SELECT DISTINCT v.step_id FROM flywheel.verdicts v WHERE v.passed IS FALSE AND v.step_id >= %(first)s) f
       ON f.step_id = t.id
WHERE t.id >= %(first)s AND (%(pipeline)s::text IS NULL OR t.pipeline = %(pipeline)s)
GROUP BY t.node, t.variant
ORDER BY count(*) FILTER (WHERE f.step_id IS NOT NULL)::float8 / count(*) DESC, t.node
LIMIT 8
