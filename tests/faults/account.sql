-- Counted from the raw tables alone, with the eligibility spelled out once more.
WITH wanted AS (
    SELECT t.id AS step_id, d.name AS validator
    FROM flywheel.traces t
    JOIN flywheel.validators d ON d.name <> 'helpful' OR t.node = 'answer'
), got AS (
    SELECT r.step_id, w.validator, count(*) AS answers
    FROM (SELECT v.step_id, v.version_id FROM flywheel.verdicts v
          UNION ALL
          SELECT x.step_id, x.version_id FROM flywheel.dead_letters x) r
    JOIN flywheel.validator_versions w ON w.id = r.version_id
    GROUP BY 1, 2
), steps AS (
    SELECT w.step_id, bool_and(g.answers IS NOT NULL) AS accounted
    FROM wanted w LEFT JOIN got g USING (step_id, validator)
    GROUP BY 1
)
SELECT (SELECT count(*) FROM steps s WHERE s.accounted) AS accounted,
       -- More than one answer, an answer that nobody asked for, or a count in the metrics that no verdict stands behind.
       ((SELECT coalesce(sum(g.answers), 0) FROM got g)
           - (SELECT count(*) FROM wanted w JOIN got g USING (step_id, validator))
           + abs((SELECT coalesce(sum(r.n), 0) FROM flywheel.metric_rollup r WHERE r.grain IN ('delta', 'all'))
               - (SELECT count(*) FROM flywheel.verdicts)))::bigint AS double_counted,
       (SELECT count(*) FROM flywheel.dead_letters) AS dead_letters,
       (SELECT count(*) FROM wanted w WHERE w.validator = 'helpful') AS judgements
