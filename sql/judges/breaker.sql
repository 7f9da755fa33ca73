-- The breaker of a provider, one for all workers:
--
-- closed    failures = 0. It opens when a failure concerns everybody (429, 401 ...) or after five in a row that are not the steps'.
-- open      until paused_until; 1 s, doubling to 5 min with every pause in a row, or what the provider asks for.
-- half-open one message, the probe, is given out. A lost one is replaced when its time is over, which is in paused_until.
-- ramp-up   credits: two for the first answer, and two for every further one, so that the calls in flight double with each
--           round trip. At 64 the breaker closes.

CREATE FUNCTION flywheel.probe_lease(provider text) RETURNS interval
    LANGUAGE sql STABLE
    RETURN (SELECT make_interval(secs => p.timeout_seconds + 10) FROM flywheel.providers p WHERE p.name = provider);

COMMENT ON FUNCTION flywheel.probe_lease(text) IS
'Internal: how long a call may take until it counts as lost with its worker.';

CREATE FUNCTION flywheel.allowed_calls(provider text, wanted int, OUT calls int, OUT probe boolean)
    LANGUAGE plpgsql
AS $$
DECLARE
    per_minute int := (SELECT p.requests_per_minute FROM flywheel.providers p WHERE p.name = provider);
    s          flywheel.provider_state;
BEGIN
    SELECT * INTO s FROM flywheel.provider_state c WHERE c.provider = allowed_calls.provider;
    probe := false;
    calls := 0;
    IF s.paused_until > clock_timestamp() THEN
        RETURN;
    END IF;
    probe := s.failures > 0 AND (s.credits IS NULL
             OR s.credits <= 0 AND s.answered_at < clock_timestamp() - flywheel.probe_lease(provider)); -- lost with their workers
    calls := CASE WHEN probe THEN 1 ELSE greatest(0, least(wanted, s.credits,
        CASE WHEN per_minute IS NOT NULL THEN floor(flywheel.call_level(s, per_minute)) END,
        (SELECT b.calls_left FROM flywheel.budgets b WHERE b.provider = allowed_calls.provider))) END;
END
$$;

COMMENT ON FUNCTION flywheel.allowed_calls(text, int) IS
'Internal: how many of the wanted calls a provider may get now, by its breaker, its rate limit and its budget; probe: only one, to see whether it is back.';

CREATE FUNCTION flywheel.take_calls(provider text, taken int, probe bigint) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    UPDATE flywheel.provider_state s
    SET probe = take_calls.probe,
        paused_until = CASE WHEN take_calls.probe IS NOT NULL THEN clock_timestamp() + flywheel.probe_lease(provider) END,
        credits = CASE WHEN take_calls.probe IS NULL THEN s.credits - taken END
    WHERE s.provider = take_calls.provider AND s.failures > 0;
END;

COMMENT ON FUNCTION flywheel.take_calls(text, int, bigint) IS
'Internal: takes calls out of the credits of a provider that ramps up, or notes the message that probes it.';

CREATE FUNCTION flywheel.settle_calls(provider text, answered bigint[], unasked bigint[]) RETURNS void
    LANGUAGE plpgsql -- its plan is kept
AS $$
BEGIN
    UPDATE flywheel.provider_state s
    SET answered_at = CASE WHEN n.answered > 0 THEN clock_timestamp() ELSE s.answered_at END,
        strikes = CASE WHEN n.answered > 0 THEN 0 ELSE s.strikes END,
        -- The probe's answer ends the pause; what was begun before the pause says nothing about it.
        paused_until = CASE WHEN n.probed IS NOT NULL THEN NULL ELSE s.paused_until END,
        probe = CASE WHEN n.probed IS NULL THEN s.probe END,
        credits = CASE WHEN n.probed THEN 2 WHEN n.credits < 64 THEN n.credits END,
        failures = CASE WHEN n.credits >= 64 THEN 0 ELSE s.failures END,
        paused_reason = CASE WHEN n.credits < 64 OR n.credits IS NULL THEN s.paused_reason END
    FROM (SELECT c.provider, cardinality(answered) AS answered,
                 c.credits + 2 * cardinality(answered) + cardinality(unasked) AS credits,
                 CASE WHEN c.probe = ANY (answered) THEN true WHEN c.probe = ANY (unasked) THEN false END AS probed
          FROM flywheel.provider_state c WHERE c.provider = settle_calls.provider FOR UPDATE) n
    WHERE s.provider = n.provider AND (n.answered > 0 OR s.failures > 0);
END
$$;

COMMENT ON FUNCTION flywheel.settle_calls(text, bigint[], bigint[]) IS
'Internal: what messages that come back say about the provider: it answered some, and was not asked about others.';

CREATE FUNCTION flywheel.backoff(failures int) RETURNS interval
    LANGUAGE sql IMMUTABLE
    RETURN make_interval(secs => least(300, 2 ^ least(failures, 9)));

COMMENT ON FUNCTION flywheel.backoff(int) IS 'Internal: a pause, from 1 second, doubling to 5 minutes.';

CREATE FUNCTION flywheel.pause_provider(provider text, reason text, retry_after_seconds double precision DEFAULT NULL) RETURNS timestamptz
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    -- Workers that fail within the same pause count once; a probe that fails is a pause more.
    UPDATE flywheel.provider_state s
    SET failures = CASE WHEN s.paused_until > clock_timestamp() AND s.probe IS NULL THEN s.failures ELSE s.failures + 1 END,
        paused_until = greatest(CASE WHEN s.probe IS NULL THEN s.paused_until END, clock_timestamp()
            -- A time in the past, by somebody's clock, is none.
            + CASE WHEN retry_after_seconds >= 1 THEN make_interval(secs => least(retry_after_seconds, 3600))
                   ELSE flywheel.backoff(s.failures) END),
        paused_reason = left(reason, 500), probe = NULL, credits = NULL, strikes = 0
    WHERE s.provider = pause_provider.provider
    RETURNING paused_until
$$;

COMMENT ON FUNCTION flywheel.pause_provider(text, text, double precision) IS
'For the worker: opens a provider''s breaker. Nobody calls it until the returned time: what it asked for (at most an hour), or 1 s doubling to 5 min. Then one call tries it, and its answers let in more and more.';

CREATE FUNCTION flywheel.pause_judge(version_id int, reason text) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO flywheel.judge_state AS j (version_id, failures, paused_until, paused_reason)
    VALUES (pause_judge.version_id, 1, clock_timestamp() + flywheel.backoff(0), left(reason, 500))
    ON CONFLICT (version_id) DO UPDATE
    SET failures = CASE WHEN j.paused_until > clock_timestamp() AND NOT j.probing THEN j.failures ELSE j.failures + 1 END,
        paused_until = CASE WHEN j.paused_until > clock_timestamp() AND NOT j.probing THEN j.paused_until
                            ELSE clock_timestamp() + flywheel.backoff(j.failures) END,
        paused_reason = excluded.paused_reason, probing = false;
END;

COMMENT ON FUNCTION flywheel.pause_judge(int, text) IS
'Internal: nobody asks this version for 1 s, doubling to 5 min; then one call tries it. A verdict ends the pause.';

CREATE FUNCTION flywheel.paused_judges(provider text) RETURNS int[]
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(w.id), '{}')
    FROM flywheel.validator_versions w
    JOIN flywheel.provider_state s ON s.provider = w.provider
    LEFT JOIN flywheel.judge_state j ON j.version_id = w.id
    WHERE w.provider = paused_judges.provider
      AND (s.paused_until > clock_timestamp() OR j.paused_until > clock_timestamp() AND NOT j.probing)
$$;

COMMENT ON FUNCTION flywheel.paused_judges(text) IS
'For the worker: versions of judges that nobody should ask now, because they or their provider fail for every step.';
