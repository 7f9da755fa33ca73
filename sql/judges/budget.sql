-- Daily budgets, of a provider and of a judge: what is over them waits for the next day (UTC).

CREATE FUNCTION flywheel.check_budget(daily_usd numeric, daily_calls bigint) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF NOT (daily_usd >= 0 AND daily_usd < 'Infinity') OR daily_calls < 0 THEN
        RAISE EXCEPTION 'bad budget: daily_usd %, daily_calls %', coalesce(daily_usd::text, 'NULL'), coalesce(daily_calls::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected 0 or more; NULL for no limit.';
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.check_budget(numeric, bigint) IS 'Raises for a budget that is none.';

CREATE FUNCTION flywheel.set_budget(judge text, daily_usd numeric DEFAULT NULL, daily_calls bigint DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    d flywheel.validators := flywheel.known_validator(judge);
BEGIN
    IF d.kind <> 'judge' THEN
        RAISE EXCEPTION 'validator "%" is no judge', judge
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Code validators call no provider and cost nothing.';
    END IF;
    PERFORM flywheel.check_budget(daily_usd, daily_calls);
    UPDATE flywheel.validators v SET daily_usd = set_budget.daily_usd, daily_calls = set_budget.daily_calls WHERE v.name = d.name;
END
$$;

COMMENT ON FUNCTION flywheel.set_budget(text, numeric, bigint) IS
'Sets what a judge may spend a day (UTC), over all its versions; NULL: no limit. No new version. What is over it is deferred to the next day; a raised budget releases it at once. For a provider see flywheel.set_provider.';

CREATE VIEW flywheel.budgets AS
SELECT b.provider, b.validator, b.daily_calls, b.daily_usd, t.calls, t.reserved, t.cost_usd, t.usd_per_call,
       least(b.daily_calls - t.calls - t.reserved,
             CASE WHEN b.daily_usd IS NULL OR t.usd_per_call = 0 THEN NULL
                  WHEN t.cost_usd >= b.daily_usd THEN 0
                  WHEN t.usd_per_call IS NULL THEN 1 - t.reserved
                  ELSE ceil(least(1e15, (b.daily_usd - t.cost_usd) / t.usd_per_call)) - t.reserved END
       )::bigint AS calls_left
FROM (SELECT p.name AS provider, NULL::text AS validator, p.daily_calls, p.daily_usd FROM flywheel.providers p
      UNION ALL
      SELECT NULL, d.name, d.daily_calls, d.daily_usd FROM flywheel.validators d WHERE d.kind = 'judge') b
CROSS JOIN LATERAL (
    SELECT coalesce(sum(s.calls) FILTER (WHERE s.day = flywheel.utc_day()), 0)::bigint AS calls,
           coalesce(sum(s.reserved) FILTER (WHERE s.day = flywheel.utc_day()), 0)::bigint AS reserved,
           coalesce(sum(s.cost_usd) FILTER (WHERE s.day = flywheel.utc_day()), 0) AS cost_usd,
           sum(s.cost_usd) / nullif(sum(s.calls), 0) AS usd_per_call
    FROM flywheel.spending s
    WHERE s.day > flywheel.utc_day() - 7 AND (s.provider = b.provider OR s.validator = b.validator)) t
WHERE b.daily_calls IS NOT NULL OR b.daily_usd IS NOT NULL;

COMMENT ON VIEW flywheel.budgets IS
'The daily budgets and what is left of them today (UTC). Calls under way count as spent: daily_calls is never exceeded; daily_usd by at most one judgement, and by what the calls under way cost more than the mean call.';
COMMENT ON COLUMN flywheel.budgets.provider IS 'The provider whose budget it is, or NULL.';
COMMENT ON COLUMN flywheel.budgets.validator IS 'The judge whose budget it is, or NULL.';
COMMENT ON COLUMN flywheel.budgets.daily_calls IS 'Calls a day; NULL: no limit.';
COMMENT ON COLUMN flywheel.budgets.daily_usd IS 'US dollars a day; NULL: no limit.';
COMMENT ON COLUMN flywheel.budgets.calls IS 'Calls of today that came back.';
COMMENT ON COLUMN flywheel.budgets.reserved IS 'Calls of today that workers hold.';
COMMENT ON COLUMN flywheel.budgets.cost_usd IS 'US dollars of today.';
COMMENT ON COLUMN flywheel.budgets.usd_per_call IS 'Mean of the last seven days; NULL: not known yet, then one call at a time.';
COMMENT ON COLUMN flywheel.budgets.calls_left IS 'Calls that may still begin today.';

CREATE FUNCTION flywheel.votes_of(w flywheel.validator_versions) RETURNS int
    LANGUAGE sql IMMUTABLE
    RETURN coalesce((w.config ->> 'votes')::int, 1);

COMMENT ON FUNCTION flywheel.votes_of(flywheel.validator_versions) IS
'Calls that one judgement takes: one per vote.';

CREATE FUNCTION flywheel.reserve_calls(provider text, version_ids int[]) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO flywheel.spending AS s (day, provider, validator, reserved)
    SELECT flywheel.utc_day(), reserve_calls.provider, w.validator, sum(flywheel.votes_of(w))
    FROM unnest(version_ids) AS v (id) JOIN flywheel.validator_versions w ON w.id = v.id
    GROUP BY w.validator ORDER BY w.validator
    ON CONFLICT (day, provider, validator) DO UPDATE SET reserved = s.reserved + excluded.reserved;
END;

COMMENT ON FUNCTION flywheel.reserve_calls(text, int[]) IS
'Internal: counts the calls of judgements that a worker takes, one version per judgement, against the budgets.';

CREATE FUNCTION flywheel.account_calls(provider text, results jsonb) RETURNS void
    LANGUAGE plpgsql -- plans are kept
AS $$
BEGIN
    INSERT INTO flywheel.spending (day, provider, validator)
    SELECT DISTINCT flywheel.utc_day(), account_calls.provider, w.validator
    FROM jsonb_to_recordset(results) AS r (version_id int)
    JOIN flywheel.validator_versions w ON w.id = r.version_id
    ORDER BY w.validator
    ON CONFLICT DO NOTHING;

    -- The caller holds the row of provider_state: no two of these at once for a provider.
    UPDATE flywheel.spending s
    SET calls = s.calls + n.calls, cost_usd = s.cost_usd + n.cost_usd, reserved = greatest(s.reserved - n.held, 0)
    FROM (SELECT w.validator, sum(flywheel.votes_of(w)) AS held,
                 coalesce(sum(coalesce(r.calls, 1)) FILTER (WHERE r.called), 0) AS calls,
                 coalesce(sum((coalesce(r.prompt_tokens, 0) * p.usd_per_million_input
                             + coalesce(r.completion_tokens, 0) * p.usd_per_million_output) / 1000000), 0) AS cost_usd
          FROM jsonb_to_recordset(results) AS r (version_id int, called boolean, calls int, prompt_tokens int, completion_tokens int)
          JOIN flywheel.validator_versions w ON w.id = r.version_id
          LEFT JOIN flywheel.prices p ON p.provider = w.provider AND p.model = w.model
          GROUP BY w.validator) n
    WHERE s.day = flywheel.utc_day() AND s.provider = account_calls.provider AND s.validator = n.validator;
END
$$;

COMMENT ON FUNCTION flywheel.account_calls(text, jsonb) IS
'Internal: counts what workers bring back: their reservations end, and what was called is spent. results: array of {version_id, called, calls (1 if left out), prompt_tokens, completion_tokens}.';
