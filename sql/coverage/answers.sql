-- The one definition of what became of each step for each validator: coverage counts it, why explains it,
-- the sweep repairs by it.

CREATE FUNCTION flywheel.answers(lo bigint, hi bigint, only_validator text DEFAULT NULL) RETURNS TABLE (
    step_id    bigint,
    validator  text,
    version_id int,
    answer     text,
    why        text
)
    LANGUAGE sql STABLE
AS $$
    WITH covered AS (
        -- One row per step and validator that some activation covers; the newest version it is eligible for answers.
        SELECT t.id, w.validator,
               max(w.id) FILTER (WHERE m.matches AND (a.sample_rate >= 1
                   OR flywheel.sample_point(t.trace_id, w.validator) < a.sample_rate)) AS version_id,
               bool_or(m.matches) AS matches
        FROM flywheel.activations a
        JOIN flywheel.validator_versions w ON w.id = a.version_id
        JOIN flywheel.validators d ON d.name = w.validator
        JOIN flywheel.traces t
          ON t.id >= a.lo AND (a.hi IS NULL OR t.id <= a.hi) AND t.created_at >= a.since AND t.created_at < a.until
        CROSS JOIN LATERAL (SELECT flywheel.filter_matches(w, t.pipeline, t.node, t.node_type) AS matches) m
        WHERE t.id BETWEEN answers.lo AND answers.hi
          AND a.lo <= answers.hi AND (a.hi IS NULL OR a.hi >= answers.lo)
          AND (only_validator IS NULL OR d.name = only_validator)
        GROUP BY t.id, w.validator
    ), seen AS (
        SELECT t.id, d.name, d.mode, d.version_id AS current_id, c.version_id, c.matches,
               t.id < coalesce((SELECT min(a.lo) FROM flywheel.activations a JOIN flywheel.validator_versions w ON w.id = a.version_id
                                WHERE w.validator = d.name AND a.kind = 'live'), 9223372036854775807) AS is_before
        FROM flywheel.traces t
        CROSS JOIN flywheel.validators d
        LEFT JOIN covered c ON c.id = t.id AND c.validator = d.name
        WHERE t.id BETWEEN answers.lo AND answers.hi AND (only_validator IS NULL OR d.name = only_validator)
    )
    SELECT s.id, s.name, coalesce(s.version_id, s.current_id),
           CASE WHEN v.step_id IS NOT NULL THEN 'verdict'
                WHEN x.step_id IS NOT NULL THEN 'dead_letter'
                WHEN s.version_id IS NULL THEN 'not_eligible'
                WHEN f.step_id IS NOT NULL OR p.paused_until > now() THEN 'deferred'
                ELSE 'pending'
           END,
           CASE WHEN s.version_id IS NOT NULL THEN NULL
                WHEN s.matches THEN 'sampled_out'
                WHEN s.matches IS NOT NULL THEN 'filtered'
                WHEN s.mode = 'on_demand' THEN 'not_requested'
                WHEN s.is_before THEN 'before'
                ELSE 'paused'
           END
    FROM seen s
    LEFT JOIN flywheel.verdicts v ON v.step_id = s.id AND v.version_id = s.version_id
    LEFT JOIN flywheel.dead_letters x ON x.step_id = s.id AND x.version_id = s.version_id
    LEFT JOIN flywheel.deferrals f ON f.step_id = s.id AND f.version_id = s.version_id AND f.until > now()
    LEFT JOIN flywheel.validator_versions w ON w.id = s.version_id
    LEFT JOIN flywheel.provider_state p ON p.provider = w.provider
$$;

COMMENT ON FUNCTION flywheel.answers(bigint, bigint, text) IS
'For every step with lo <= id <= hi and every validator (or only one): exactly one answer: verdict, pending, deferred, dead_letter or not_eligible; why says why not eligible: filtered, sampled_out, not_requested (on demand), before (the validator existed) or paused. Costs about 1 ms per thousand pairs.';
