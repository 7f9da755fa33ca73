-- The condition that a version puts on a step, as SQL text with literals: a whole range is then one indexed scan,
-- and the usual case (the range lies in one activation, nothing sampled) costs nothing per row.

CREATE FUNCTION flywheel.eligible_sql(w flywheel.validator_versions, lo bigint, hi bigint) RETURNS text
    LANGUAGE sql STABLE
AS $$
    SELECT concat_ws(' AND ',
        format('t.id BETWEEN %s AND %s', lo, hi),
        CASE WHEN w.pipeline IS NOT NULL THEN format('t.pipeline = %L', w.pipeline) END,
        CASE WHEN w.node IS NOT NULL THEN format('t.node = %L', w.node) END,
        CASE WHEN w.node_type IS NOT NULL THEN format('t.node_type = %L', w.node_type) END,
        (SELECT CASE
            WHEN bool_or(a.lo <= eligible_sql.lo AND (a.hi IS NULL OR a.hi >= eligible_sql.hi)
                         AND a.since = '-infinity' AND a.until = 'infinity' AND a.sample_rate >= 1) THEN NULL
            ELSE format('(%s)', coalesce(string_agg(concat_ws(' AND ',
                format('t.id >= %s', a.lo),
                CASE WHEN a.hi IS NOT NULL THEN format('t.id <= %s', a.hi) END,
                CASE WHEN a.since > '-infinity' THEN format('t.created_at >= %L::timestamptz', a.since) END,
                CASE WHEN a.until < 'infinity' THEN format('t.created_at < %L::timestamptz', a.until) END,
                CASE WHEN a.sample_rate < 1 THEN
                    format('flywheel.sample_point(t.trace_id, %L) < double precision %L', w.validator, a.sample_rate) END
            ), ' OR '), 'false'))
         END
         FROM flywheel.activations a
         WHERE a.version_id = w.id AND a.lo <= eligible_sql.hi AND (a.hi IS NULL OR a.hi >= eligible_sql.lo)))
$$;

COMMENT ON FUNCTION flywheel.eligible_sql(flywheel.validator_versions, bigint, bigint) IS
'Internal: WHERE condition on flywheel.traces t for the steps lo..hi that the version is to validate; the same rule as in flywheel.answers.';

CREATE FUNCTION flywheel.wanted_sql(w flywheel.validator_versions, lo bigint, hi bigint, changed boolean) RETURNS text
    LANGUAGE sql STABLE
    RETURN concat_ws(' AND ',
        flywheel.eligible_sql(w, lo, hi),
        -- NOT IN is hashed. The newest steps are beyond what ANALYZE has seen: for the one row that it then expects, NOT EXISTS
        -- becomes a nested loop over the verdicts of the whole range (0.5 s for 2,048 steps that have theirs).
        CASE WHEN changed THEN NULL ELSE format(
            't.id NOT IN (SELECT v.step_id FROM flywheel.verdicts v WHERE v.version_id = %s AND v.step_id BETWEEN %s AND %s)',
            w.id, lo, hi) END,
        format('NOT EXISTS (SELECT FROM flywheel.dead_letters x WHERE x.version_id = %s AND x.step_id = t.id)', w.id));

COMMENT ON FUNCTION flywheel.wanted_sql(flywheel.validator_versions, bigint, bigint, boolean) IS
'Internal: flywheel.eligible_sql, without the steps that are given up on and (unless changed) those that have a verdict.';

CREATE FUNCTION flywheel.field_sql(field text) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN CASE
        WHEN field IN ('started_at', 'ended_at', 'created_at', 'tags') THEN format('(pg_catalog.to_jsonb(t.%I) #>> ''{}''::text[])', field)
        WHEN field IN ('id', 'prompt_tokens', 'completion_tokens', 'cost_usd', 'context', 'attributes') THEN format('t.%I::text', field)
        ELSE format('t.%I', field)
    END;

COMMENT ON FUNCTION flywheel.field_sql(text) IS
'Internal: SQL text of a column of the step t in the text form that Python validators decode: ISO 8601 for times, JSON for arrays and jsonb.';
