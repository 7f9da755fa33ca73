-- The one definition of what became of each step for each validator: coverage counts it, why explains it,
-- the sweep repairs by it.

CREATE FUNCTION flywheel.answers(lo bigint, hi bigint, only_validator text DEFAULT NULL) RETURNS TABLE (
    step_id    bigint,
    validator  text,
    version_id int,
    answer     text,
    why        text,
    pipeline   text
)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    -- Joined so that each join has a small or an indexed side, whatever the planner believes about a table that has just
    -- been filled.
    WITH held AS MATERIALIZED (
        SELECT h.version_id FROM flywheel.holds h
    ), active AS MATERIALIZED (
        SELECT d.name, d.mode, d.version_id AS current_id, w, a.lo, a.hi, a.since, a.until, a.sample_rate,
               coalesce((SELECT min(l.lo) FROM flywheel.activations l JOIN flywheel.validator_versions v ON v.id = l.version_id
                         WHERE v.validator = d.name AND l.kind = 'live'), 9223372036854775807) AS first_id
        FROM flywheel.validators d
        LEFT JOIN (flywheel.activations a JOIN flywheel.validator_versions w ON w.id = a.version_id)
          ON w.validator = d.name AND a.lo <= answers.hi AND (a.hi IS NULL OR a.hi >= answers.lo)
        WHERE only_validator IS NULL OR d.name = only_validator
    ), seen AS (
        -- The newest version that the step is eligible for answers.
        SELECT t.id, t.pipeline, a.name, a.mode, a.current_id, t.id < a.first_id AS is_before,
               max((a.w).id) FILTER (WHERE m.matches AND (a.sample_rate >= 1
                   OR flywheel.sample_point(t.trace_id, a.name) < a.sample_rate)) AS version_id,
               coalesce(max((a.w).id) FILTER (WHERE m.matches), max((a.w).id) FILTER (WHERE NOT m.matches)) AS refused_by,
               bool_or(m.matches) AS matches
        FROM flywheel.traces t
        CROSS JOIN active a
        LEFT JOIN LATERAL (
            SELECT flywheel.filter_matches(a.w, t.pipeline, t.node, t.node_type) AS matches
            WHERE t.id >= a.lo AND (a.hi IS NULL OR t.id <= a.hi) AND t.created_at >= a.since AND t.created_at < a.until
        ) m ON true
        WHERE t.id BETWEEN answers.lo AND answers.hi
        GROUP BY t.id, a.name, a.mode, a.current_id, a.first_id
    )
    SELECT s.id, s.name, coalesce(s.version_id, s.refused_by, s.current_id),
           CASE WHEN v.step_id IS NOT NULL THEN 'verdict'
                WHEN x.step_id IS NOT NULL THEN 'dead_letter'
                WHEN s.version_id IS NULL THEN 'not_eligible'
                WHEN f.step_id IS NOT NULL OR h.version_id IS NOT NULL THEN 'deferred'
                ELSE 'pending'
           END,
           CASE WHEN s.version_id IS NOT NULL THEN NULL
                WHEN s.matches THEN 'sampled_out'
                WHEN s.matches IS NOT NULL THEN 'filtered'
                WHEN s.mode = 'on_demand' THEN 'not_requested'
                WHEN s.is_before THEN 'before'
                ELSE 'paused'
           END,
           s.pipeline
    FROM seen s
    LEFT JOIN flywheel.verdicts v ON v.step_id = s.id AND v.version_id = s.version_id
                                 AND v.step_id BETWEEN answers.lo AND answers.hi -- no other partition is looked into
    LEFT JOIN flywheel.dead_letters x ON x.step_id = s.id AND x.version_id = s.version_id
    LEFT JOIN flywheel.deferrals f ON f.step_id = s.id AND f.version_id = s.version_id AND f.until > now()
    LEFT JOIN held h ON h.version_id = s.version_id;
END;

COMMENT ON FUNCTION flywheel.answers(bigint, bigint, text) IS
'For every step with lo <= id <= hi and every validator (or only one): exactly one answer: verdict, pending, deferred, dead_letter or not_eligible; why says why not eligible: filtered, sampled_out, not_requested (on demand), before (the validator existed) or paused. Costs a few milliseconds per thousand pairs.';
