-- Calls that brought no verdict: whose fault it was, and what becomes of the step.
--
-- provider  whoever asks would fail: never counted against the step.
-- judge     this version fails for every step (no such model): it is paused, others of the provider go on.
-- step      the provider answered, and the answer is none: counted, tried again later, given up after five. Where the model
--           did say something that cannot be read as an answer, it is asked once more at once, and then that is the verdict: error.
-- unclear   a timeout, a 500, a broken connection: the step's, if it failed before, the provider has answered others since
--           and did so lately; else the provider's. So an outage costs no step anything, whatever it looks like.
--
-- And nothing is counted while a version fails for everybody: five steps that failed since it last gave a verdict.

CREATE FUNCTION flywheel.blame(provider text, failures jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
AS $$
    WITH failed AS (
        SELECT r.*, r.whose = 'step' OR r.whose = 'unclear' AND f.failed_at IS NOT NULL
                   AND s.answered_at > greatest(f.failed_at, clock_timestamp() - make_interval(secs => p.timeout_seconds / 2)) AS own
        FROM jsonb_to_recordset(failures) AS r (
            msg_id bigint, step_id bigint, version_id int, attempt int, whose text, unreadable boolean, error text, at_once boolean,
            retry_after double precision, called boolean, calls int, prompt_tokens int, completion_tokens int,
            content bigint, prompt_hash text, details jsonb, latency_ms real)
        JOIN flywheel.provider_state s ON s.provider = blame.provider
        JOIN flywheel.providers p ON p.name = s.provider
        LEFT JOIN flywheel.deferrals f ON f.step_id = r.step_id AND f.version_id = r.version_id
    ), failing AS (
        SELECT v.version_id, coalesce(j.unreadable, 0) + (
            SELECT count(*) FROM (
                -- Steps that waited for the answer to another's prompt are no failures of their own.
                SELECT r.step_id FROM failed r WHERE r.version_id = v.version_id AND r.own AND r.called IS NOT FALSE
                  AND (j.answered_at >= now()) IS NOT TRUE -- it answered others that came back together with these
                UNION
                SELECT f.step_id FROM flywheel.deferrals f
                WHERE f.version_id = v.version_id AND f.failed_at > coalesce(j.answered_at, '-infinity')
                  AND NOT EXISTS (SELECT FROM failed r WHERE r.version_id = f.version_id AND r.step_id = f.step_id AND r.called IS FALSE)
                UNION
                SELECT x.step_id FROM flywheel.dead_letters x
                WHERE x.version_id = v.version_id AND x.created_at > coalesce(j.answered_at, '-infinity')) s) AS steps
        FROM (SELECT DISTINCT r.version_id FROM failed r WHERE r.own) v
        LEFT JOIN flywheel.judge_state j ON j.version_id = v.version_id
    )
    SELECT jsonb_agg(to_jsonb(r) || jsonb_build_object(
        'own', coalesce(r.own, false),
        'whole_judge', w.whole_judge,
        'ends', coalesce(r.own AND NOT w.whole_judge AND r.attempt >= CASE WHEN r.unreadable THEN 2 ELSE 5 END, false)))
    FROM failed r LEFT JOIN failing g ON g.version_id = r.version_id
    CROSS JOIN LATERAL (SELECT r.whose = 'judge' OR coalesce(r.own AND g.steps >= 5, false) AS whole_judge) w
$$;

COMMENT ON FUNCTION flywheel.blame(text, jsonb) IS
'Internal: adds to failures whether each is the step''s own, whether its judge fails for everybody, and whether the step is not tried again.';

CREATE FUNCTION flywheel.fail_judgements(provider text, failures jsonb) RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    blamed   jsonb;
    struck   int;
    opens    boolean;
    worst    jsonb;
    s        flywheel.provider_state;
BEGIN
    PERFORM flywheel.share_steps();
    PERFORM flywheel.lock_judgements(failures) WHERE failures @> '[{"unreadable": true}]';
    SELECT * INTO s FROM flywheel.provider_state c WHERE c.provider = fail_judgements.provider FOR UPDATE;
    blamed := flywheel.blame(provider, failures);

    -- The steps: an error, given up, or deferred; what is not their fault is not counted.
    PERFORM flywheel.store_judgements(provider, jsonb_agg(r || jsonb_build_object('status', 'error', 'reason', r -> 'error')))
    FROM jsonb_array_elements(blamed) AS r WHERE r @> '{"ends": true, "unreadable": true}' HAVING count(*) > 0;
    PERFORM flywheel.bury_judgements(provider, jsonb_agg(r || jsonb_build_object('attempts', r -> 'attempt')))
    FROM jsonb_array_elements(blamed) AS r WHERE r @> '{"ends": true}' AND NOT r @> '{"unreadable": true}' HAVING count(*) > 0;
    PERFORM flywheel.unread(provider, array_agg((r ->> 'msg_id')::bigint))
    FROM jsonb_array_elements(blamed) AS r WHERE NOT (r -> 'own')::boolean OR (r -> 'whole_judge')::boolean;
    PERFORM flywheel.defer_judgements(provider, jsonb_agg(r || jsonb_build_object(
        'reason', r -> 'error',
        'seconds', CASE WHEN NOT (r -> 'own')::boolean OR (r -> 'whole_judge')::boolean THEN 1 + random()
                        WHEN r @> '{"unreadable": true}' THEN 0
                        ELSE (1 + random()) * 2 ^ (r ->> 'attempt')::int END)))
    FROM jsonb_array_elements(blamed) AS r WHERE NOT (r -> 'ends')::boolean HAVING count(*) > 0;

    -- The judges and the provider.
    INSERT INTO flywheel.judge_state AS j (version_id, unreadable)
    SELECT r.version_id, count(*) FROM jsonb_to_recordset(blamed) AS r (version_id int, ends boolean, unreadable boolean, called boolean)
    WHERE r.ends AND r.unreadable AND r.called IS NOT FALSE GROUP BY 1 ORDER BY 1
    ON CONFLICT (version_id) DO UPDATE SET unreadable = j.unreadable + excluded.unreadable;
    UPDATE flywheel.judge_state j SET paused_until = NULL, probing = false
    FROM jsonb_to_recordset(blamed) AS r (version_id int, whole_judge boolean)
    WHERE j.version_id = r.version_id AND j.probing AND NOT r.whole_judge;
    PERFORM flywheel.pause_judge(r.version_id, min(r.error))
    FROM jsonb_to_recordset(blamed) AS r (version_id int, error text, whole_judge boolean)
    WHERE r.whole_judge GROUP BY r.version_id ORDER BY r.version_id;
    PERFORM flywheel.settle_calls(provider,
        ARRAY(SELECT r.msg_id FROM jsonb_to_recordset(blamed) AS r (msg_id bigint, whose text, called boolean)
              WHERE r.called AND r.whose IN ('step', 'judge')),
        ARRAY(SELECT r.msg_id FROM jsonb_to_recordset(blamed) AS r (msg_id bigint, whose text, own boolean, called boolean)
              WHERE NOT r.called OR r.whose = 'unclear' AND r.own));
    SELECT count(*), bool_or(r.at_once), (array_agg(to_jsonb(r) ORDER BY r.retry_after DESC NULLS LAST))[1] INTO struck, opens, worst
    FROM jsonb_to_recordset(blamed) AS r (whose text, own boolean, at_once boolean, called boolean, retry_after double precision, error text)
    WHERE r.called AND NOT r.own AND r.whose IN ('provider', 'unclear');
    IF struck > 0 THEN
        UPDATE flywheel.provider_state c SET strikes = c.strikes + struck WHERE c.provider = s.provider RETURNING * INTO s;
        IF opens OR s.strikes >= 5 OR s.failures > 0 AND coalesce(s.credits, 0) <= 0 THEN
            PERFORM flywheel.pause_provider(provider, worst ->> 'error', (worst ->> 'retry_after')::double precision);
        END IF;
    END IF;
    PERFORM flywheel.account_calls(provider, blamed);
    RETURN (SELECT c.paused_until FROM flywheel.provider_state c WHERE c.provider = s.provider AND c.paused_until > clock_timestamp());
END
$$;

COMMENT ON FUNCTION flywheel.fail_judgements(text, jsonb) IS
'For the worker: calls that brought no verdict. failures: array of {msg_id, step_id, version_id, attempt, whose (provider, judge, step, unclear), unreadable (the model replied, and that is no answer), error, at_once (nobody should call the provider now), retry_after (seconds, or null), called (false: waited for the same prompt), calls (1 if left out), prompt_tokens, completion_tokens; and for unreadable ones content, prompt_hash, details, latency_ms, as for flywheel.record_judgements}. Steps are deferred, or given up after five failures of their own, or get an error verdict for the second unreadable reply; a provider or judge that fails for everybody is paused. Returns until when the provider is, or NULL.';
