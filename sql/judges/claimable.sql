-- Which of the messages that were read may really be asked for now.

CREATE FUNCTION flywheel.stale(claimed pgmq.message_record[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE -- plans are kept
AS $$
DECLARE
    first_step bigint; -- of the claimed steps: no other partition is looked into
    last_step  bigint;
BEGIN
    SELECT min((m.message ->> 'step')::bigint), max((m.message ->> 'step')::bigint) INTO first_step, last_step FROM unnest(claimed) m;
    -- Nothing to do: the step is gone or no longer eligible, or was answered meanwhile (two messages for one step).
    RETURN ARRAY(SELECT c.msg_id
    FROM (SELECT m.*, row_number() OVER (PARTITION BY m.message ->> 'step', m.message ->> 'version' ORDER BY m.msg_id) AS copy
          FROM unnest(claimed) m) c
    WHERE c.copy > 1
       OR NOT EXISTS (
            SELECT FROM flywheel.traces t
            JOIN flywheel.validator_versions w ON w.id = (c.message ->> 'version')::int
            JOIN flywheel.activations a ON a.version_id = w.id
            WHERE t.id = (c.message ->> 'step')::bigint AND t.id BETWEEN first_step AND last_step AND t.id >= a.lo AND (a.hi IS NULL OR t.id <= a.hi)
              AND t.created_at >= a.since AND t.created_at < a.until
              AND (a.sample_rate >= 1 OR flywheel.sample_point(t.trace_id, w.validator) < a.sample_rate)
              AND flywheel.filter_matches(w, t.pipeline, t.node, t.node_type))
       OR EXISTS (SELECT FROM flywheel.verdicts v
                  WHERE v.step_id = (c.message ->> 'step')::bigint AND v.step_id BETWEEN first_step AND last_step
                    AND v.version_id = (c.message ->> 'version')::int));
END
$$;

COMMENT ON FUNCTION flywheel.stale(pgmq.message_record[]) IS
'Internal: the claimed judgements that need no call any more.';

CREATE FUNCTION flywheel.too_many(claimed pgmq.message_record[], most int) RETURNS bigint[]
    LANGUAGE sql VOLATILE
AS $$
    -- Of a judge that is tried after a pause one, of the others what their budget allows. To try something, one that has not
    -- failed before, and any of them: steps that nobody can answer must not stand in the way for ever.
    WITH asked AS (
        SELECT m.msg_id, w.validator, w.provider, j.failures > 0 AS tried, flywheel.votes_of(w) AS calls,
               CASE WHEN j.failures > 0 OR most = 1 THEN (f.step_id IS NOT NULL)::int + random() END AS turn,
               row_number() OVER (PARTITION BY w.id
                                  ORDER BY CASE WHEN j.failures > 0 THEN (f.step_id IS NOT NULL)::int + random() END, m.msg_id) AS of_version,
               sum(flywheel.votes_of(w)) OVER (PARTITION BY w.validator ORDER BY m.msg_id) AS of_judge
        FROM unnest(claimed) m
        JOIN flywheel.validator_versions w ON w.id = (m.message ->> 'version')::int
        LEFT JOIN flywheel.judge_state j ON j.version_id = w.id
        LEFT JOIN flywheel.deferrals f ON f.step_id = (m.message ->> 'step')::bigint AND f.version_id = w.id
    ), allowed AS (
        -- The last judgement may take more calls than are left of dollars and of the rate limit, which makes up for it: else
        -- one that takes several might never begin. Not of daily_calls.
        SELECT a.msg_id, a.calls, a.provider, sum(a.calls) OVER (ORDER BY a.turn, a.msg_id) AS place
        FROM asked a LEFT JOIN flywheel.budgets b ON b.validator = a.validator
        WHERE (a.of_judge - a.calls >= b.calls_left) IS NOT TRUE
          AND (a.of_judge > b.daily_calls - b.calls - b.reserved) IS NOT TRUE
          AND (a.tried AND a.of_version > 1) IS NOT TRUE
    )
    SELECT coalesce(array_agg(a.msg_id), '{}') FROM asked a
    WHERE a.msg_id NOT IN (
        SELECT l.msg_id FROM allowed l LEFT JOIN flywheel.budgets b ON b.provider = l.provider
        WHERE l.place - l.calls < most AND (l.place > b.daily_calls - b.calls - b.reserved) IS NOT TRUE)
$$;

COMMENT ON FUNCTION flywheel.too_many(pgmq.message_record[], int) IS
'Internal: which of the claimed judgements have to go back, because only so many may be asked now.';

CREATE FUNCTION flywheel.tries_a_judge(provider text) RETURNS boolean
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM flywheel.judge_state j JOIN flywheel.validator_versions w ON w.id = j.version_id
                   WHERE w.provider = tries_a_judge.provider AND j.failures > 0);
END
$$;

COMMENT ON FUNCTION flywheel.tries_a_judge(text) IS
'Internal: whether a judge of the provider failed for every step and is being tried again.';

CREATE FUNCTION flywheel.must_count(provider text) RETURNS boolean
    LANGUAGE plpgsql STABLE -- its plan is kept: every claim asks
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM flywheel.provider_state s JOIN flywheel.providers p ON p.name = s.provider
                   WHERE p.name = must_count.provider
                     AND (s.failures > 0 OR s.paused_until > now() OR num_nonnulls(p.requests_per_minute, p.daily_usd, p.daily_calls) > 0))
        OR EXISTS (SELECT FROM flywheel.validator_versions w
                   JOIN flywheel.validators d ON d.name = w.validator
                   LEFT JOIN flywheel.judge_state j ON j.version_id = w.id
                   WHERE w.provider = must_count.provider
                     AND (j.failures > 0 OR num_nonnulls(j.parked_until, d.daily_usd, d.daily_calls) > 0));
END
$$;

COMMENT ON FUNCTION flywheel.must_count(text) IS
'Internal: whether anything limits the calls of a provider over all workers, who then take turns to claim.';
