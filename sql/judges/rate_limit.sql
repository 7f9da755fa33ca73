-- Calls a minute, over all workers.

CREATE FUNCTION flywheel.call_level(s flywheel.provider_state, per_minute int) RETURNS double precision
    LANGUAGE sql VOLATILE
    -- A token bucket that holds one second's worth: over all workers, since it lives here.
    RETURN least(greatest(1, per_minute / 60.0),
        coalesce(s.tokens + extract(epoch FROM clock_timestamp() - s.refilled_at) * per_minute / 60.0, 1));

COMMENT ON FUNCTION flywheel.call_level(flywheel.provider_state, int) IS
'Internal: calls that the rate limit allows right now.';

CREATE FUNCTION flywheel.spend_calls(provider text, spent int) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    UPDATE flywheel.provider_state s
    SET tokens = flywheel.call_level(s, p.requests_per_minute) - spent, refilled_at = clock_timestamp()
    FROM flywheel.providers p
    WHERE s.provider = spend_calls.provider AND p.name = s.provider AND p.requests_per_minute IS NOT NULL AND spent > 0;
END;

COMMENT ON FUNCTION flywheel.spend_calls(text, int) IS
'Internal: takes calls out of the provider''s rate limit.';
