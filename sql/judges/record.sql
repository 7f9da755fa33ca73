-- What the worker brings back: verdict and acknowledgement in one transaction.

CREATE FUNCTION flywheel.await_records(version_id int) RETURNS void
    LANGUAGE sql
    RETURN pg_advisory_xact_lock(hashtextextended(format('flywheel.record %s', version_id), 0));

COMMENT ON FUNCTION flywheel.await_records(int) IS
'Internal: waits until judgements of this version that are being recorded are committed; later ones see what this transaction sees.';

CREATE FUNCTION flywheel.lock_judgements(results jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM flywheel.share_steps();
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(format('flywheel.record %s', k.version_id), 0))
    FROM (SELECT DISTINCT r.version_id FROM jsonb_to_recordset(results) AS r (version_id int) ORDER BY 1) k;
    PERFORM flywheel.lock_steps(k.version_id, k.step_id, k.step_id)
    FROM (SELECT r.version_id, min(r.step_id) AS step_id FROM jsonb_to_recordset(results) AS r (step_id bigint, version_id int)
          GROUP BY r.version_id, flywheel.block_of(r.step_id) ORDER BY 1, 2) k;
END
$$;

COMMENT ON FUNCTION flywheel.lock_judgements(jsonb) IS
'For the worker, first in a transaction that brings back verdicts and failures: the turns of all of them, before anything else is locked. results: array of {step_id, version_id}.';

CREATE FUNCTION flywheel.store_judgements(provider text, results jsonb) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    stored int;
BEGIN
    INSERT INTO flywheel.verdicts (step_id, version_id, step_created_at, pipeline, node, variant, passed, score, reason,
                                   details, status, latency_ms, prompt_tokens, completion_tokens, cost_usd, prompt_hash)
    SELECT t.id, w.id, t.created_at, t.pipeline, t.node, t.variant, r.passed, r.score, r.reason, r.details, r.status,
           r.latency_ms, r.prompt_tokens, r.completion_tokens,
           (r.prompt_tokens * p.usd_per_million_input + r.completion_tokens * p.usd_per_million_output) / 1000000,
           decode(r.prompt_hash, 'hex')
    FROM jsonb_to_recordset(results) AS r (
        step_id bigint, version_id int, content bigint, passed boolean, score double precision, reason text, details jsonb,
        status text, latency_ms real, prompt_tokens int, completion_tokens int, prompt_hash text)
    JOIN flywheel.validator_versions w ON w.id = r.version_id
    JOIN flywheel.traces t ON t.id = r.step_id
    LEFT JOIN flywheel.prices p ON p.provider = w.provider AND p.model = w.model
    -- A step that changed meanwhile has a message of its own: this verdict would be about something that is gone.
    WHERE flywheel.content_hash(t, w.reads) IS NOT DISTINCT FROM r.content -- = could be hashed: for every step there is
    ORDER BY t.id
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS stored = ROW_COUNT;

    DELETE FROM flywheel.deferrals f
    USING jsonb_to_recordset(results) AS r (step_id bigint, version_id int)
    WHERE f.step_id = r.step_id AND f.version_id = r.version_id;

    PERFORM flywheel.acknowledge('flywheel_judge_' || provider,
        ARRAY(SELECT r.msg_id FROM jsonb_to_recordset(results) AS r (msg_id bigint)));
    RETURN stored;
END
$$;

COMMENT ON FUNCTION flywheel.store_judgements(text, jsonb) IS
'Internal: stores verdicts and acknowledges their messages; returns how many were stored. The caller has locked them.';

CREATE FUNCTION flywheel.record_judgements(provider text, results jsonb) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored int;
    called bigint[]; -- the others had an answer that was paid for before
BEGIN
    PERFORM flywheel.lock_judgements(results);
    stored := flywheel.store_judgements(provider, results);
    called := ARRAY(SELECT (r -> 'msg_id')::bigint FROM jsonb_array_elements(results) AS r WHERE NOT r @> '{"details": {"reused": true}}');
    PERFORM flywheel.settle_calls(provider, called,
        ARRAY(SELECT r.msg_id FROM jsonb_to_recordset(results) AS r (msg_id bigint) WHERE r.msg_id <> ALL (called)));
    INSERT INTO flywheel.judge_state AS j (version_id, answered_at)
    SELECT r.version_id, clock_timestamp()
    FROM jsonb_to_recordset(results) AS r (msg_id bigint, version_id int) WHERE r.msg_id = ANY (called) GROUP BY 1 ORDER BY 1
    ON CONFLICT (version_id) DO UPDATE
    SET answered_at = excluded.answered_at, failures = 0, unreadable = 0, paused_until = NULL, paused_reason = NULL, probing = false;
    PERFORM flywheel.account_calls(provider,
        (SELECT jsonb_agg(r || jsonb_build_object('called', (r -> 'msg_id')::bigint = ANY (called))) FROM jsonb_array_elements(results) AS r));
    RETURN stored;
END
$$;

COMMENT ON FUNCTION flywheel.record_judgements(text, jsonb) IS
'For the worker: stores verdicts and acknowledges their messages in one transaction; returns how many were stored. results: array of {msg_id, step_id, version_id, content, status, passed, score, reason, details, calls (1 if left out), latency_ms, prompt_tokens, completion_tokens, prompt_hash (hex)}. A result for a step that was changed or deleted meanwhile is dropped. Costs come from flywheel.prices.';

CREATE FUNCTION flywheel.defer_judgements(provider text, waits jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM flywheel.share_steps();
    INSERT INTO flywheel.deferrals (step_id, version_id, until, reason)
    SELECT DISTINCT ON (t.id, r.version_id) -- two messages for one step may fail together
           t.id, r.version_id, clock_timestamp() + make_interval(secs => r.seconds), left(r.reason, 1000)
    FROM jsonb_to_recordset(waits) AS r (step_id bigint, version_id int, seconds double precision, reason text)
    JOIN flywheel.traces t ON t.id = r.step_id
    ORDER BY t.id, r.version_id, r.seconds DESC
    ON CONFLICT (step_id, version_id) DO UPDATE SET until = excluded.until, reason = excluded.reason;

    PERFORM pgmq.set_vt('flywheel_judge_' || provider, r.msg_id, clock_timestamp() + make_interval(secs => r.seconds))
    FROM jsonb_to_recordset(waits) AS r (msg_id bigint, seconds double precision);
END
$$;

COMMENT ON FUNCTION flywheel.defer_judgements(text, jsonb) IS
'For the worker: judgements that are to be tried again later. waits: array of {msg_id, step_id, version_id, seconds, reason}.';

CREATE FUNCTION flywheel.bury_judgements(provider text, results jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM flywheel.share_steps();
    INSERT INTO flywheel.dead_letters (step_id, version_id, attempts, error)
    SELECT t.id, r.version_id, r.attempts, left(r.error, 1000)
    FROM jsonb_to_recordset(results) AS r (step_id bigint, version_id int, attempts int, error text)
    JOIN flywheel.traces t ON t.id = r.step_id
    ON CONFLICT DO NOTHING;

    DELETE FROM flywheel.deferrals f
    USING jsonb_to_recordset(results) AS r (step_id bigint, version_id int)
    WHERE f.step_id = r.step_id AND f.version_id = r.version_id;

    PERFORM flywheel.acknowledge('flywheel_judge_' || provider,
        ARRAY(SELECT r.msg_id FROM jsonb_to_recordset(results) AS r (msg_id bigint)));
END
$$;

COMMENT ON FUNCTION flywheel.bury_judgements(text, jsonb) IS
'For the worker: judgements that are given up. results: array of {msg_id, step_id, version_id, attempts, error}. flywheel.redrive(name) tries them again.';
