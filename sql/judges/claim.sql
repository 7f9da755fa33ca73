-- What the worker asks for: judgements, leased, with everything a prompt needs.

CREATE FUNCTION flywheel.content_hash(t flywheel.traces, reads text[]) RETURNS bigint
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    -- Not by to_jsonb(t): jsonb has no string over 256 MB, nor always room on the stack for a context that the column took.
    RETURN (
        SELECT hashtextextended(string_agg(coalesce(hashtextextended(CASE f
            WHEN 'input' THEN t.input WHEN 'output' THEN t.output WHEN 'expected' THEN t.expected
            WHEN 'context' THEN t.context::text WHEN 'attributes' THEN t.attributes::text WHEN 'tags' THEN t.tags::text
            WHEN 'id' THEN t.id::text WHEN 'trace_id' THEN t.trace_id WHEN 'span_id' THEN t.span_id
            WHEN 'parent_span_id' THEN t.parent_span_id WHEN 'session_id' THEN t.session_id
            WHEN 'pipeline' THEN t.pipeline WHEN 'node' THEN t.node WHEN 'node_type' THEN t.node_type
            WHEN 'model' THEN t.model WHEN 'variant' THEN t.variant WHEN 'prompt_tokens' THEN t.prompt_tokens::text
            WHEN 'completion_tokens' THEN t.completion_tokens::text WHEN 'cost_usd' THEN t.cost_usd::text
            WHEN 'started_at' THEN extract(epoch FROM t.started_at)::text WHEN 'ended_at' THEN extract(epoch FROM t.ended_at)::text
            WHEN 'created_at' THEN extract(epoch FROM t.created_at)::text WHEN 'status' THEN t.status
            WHEN 'error' THEN t.error WHEN 'user_id' THEN t.user_id END, 0)::text, ''), ',' ORDER BY n), 0)
        FROM unnest(reads || '{trace_id,pipeline,node,node_type,variant,created_at}'::text[]) WITH ORDINALITY AS u (f, n));
END
$$;

COMMENT ON FUNCTION flywheel.content_hash(flywheel.traces, text[]) IS
'Internal: hash of what a version reads of a step and of what makes it eligible, to notice that it changed while a worker was at it.';

CREATE FUNCTION flywheel.call_level(s flywheel.provider_state, per_minute int) RETURNS double precision
    LANGUAGE sql VOLATILE
    -- A token bucket that holds one second's worth: over all workers, since it lives here.
    RETURN least(greatest(1, per_minute / 60.0),
        coalesce(s.tokens + extract(epoch FROM clock_timestamp() - s.refilled_at) * per_minute / 60.0, 1));

COMMENT ON FUNCTION flywheel.call_level(flywheel.provider_state, int) IS
'Internal: calls that the rate limit allows right now.';

CREATE FUNCTION flywheel.allowed_calls(provider text, wanted int) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    per_minute int := (SELECT p.requests_per_minute FROM flywheel.providers p WHERE p.name = provider);
    s          flywheel.provider_state;
BEGIN
    IF per_minute IS NOT NULL THEN
        PERFORM FROM flywheel.provider_state c WHERE c.provider = allowed_calls.provider FOR UPDATE; -- workers take turns
    END IF;
    SELECT * INTO s FROM flywheel.provider_state c WHERE c.provider = allowed_calls.provider;
    RETURN CASE WHEN s.paused_until > clock_timestamp() THEN 0
                WHEN per_minute IS NULL THEN wanted
                ELSE least(wanted, floor(flywheel.call_level(s, per_minute))) END;
END
$$;

COMMENT ON FUNCTION flywheel.allowed_calls(text, int) IS
'Internal: how many of the wanted calls the provider may get now: none while it is paused, and no more than its rate limit.';

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

CREATE FUNCTION flywheel.claim_judgements(provider text, qty int, lease_seconds int) RETURNS TABLE (
    msg_id      bigint,
    attempt     int,
    step_id     bigint,
    version_id  int,
    rubric      text,
    model       text,
    temperature double precision,
    input       text,
    output      text,
    expected    text,
    context     jsonb,
    content     bigint
)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queue   text := 'flywheel_judge_' || provider;
    claimed pgmq.message_record[];
    stale   bigint[];
    n       int := flywheel.allowed_calls(provider, qty);
BEGIN
    IF n = 0 THEN
        RETURN;
    END IF;
    claimed := ARRAY(SELECT c FROM flywheel.claim(queue, n, lease_seconds) c);

    -- Nothing to do: the step is gone or no longer eligible, or was answered meanwhile (two messages for one step).
    stale := ARRAY(
        SELECT c.msg_id FROM unnest(claimed) c
        WHERE NOT EXISTS (
                SELECT FROM flywheel.traces t
                JOIN flywheel.validator_versions w ON w.id = (c.message ->> 'version')::int
                JOIN flywheel.activations a ON a.version_id = w.id
                WHERE t.id = (c.message ->> 'step')::bigint AND t.id >= a.lo AND (a.hi IS NULL OR t.id <= a.hi)
                  AND t.created_at >= a.since AND t.created_at < a.until
                  AND (a.sample_rate >= 1 OR flywheel.sample_point(t.trace_id, w.validator) < a.sample_rate)
                  AND flywheel.filter_matches(w, t.pipeline, t.node, t.node_type))
           OR EXISTS (SELECT FROM flywheel.verdicts v
                      WHERE v.step_id = (c.message ->> 'step')::bigint AND v.version_id = (c.message ->> 'version')::int)
        UNION
        SELECT d.msg_id FROM (
            SELECT c.msg_id, row_number() OVER (PARTITION BY c.message ->> 'step', c.message ->> 'version' ORDER BY c.msg_id) AS copy
            FROM unnest(claimed) c) d
        WHERE d.copy > 1);
    IF cardinality(stale) > 0 THEN
        PERFORM flywheel.acknowledge(queue, stale);
    END IF;

    RETURN QUERY
    SELECT c.msg_id, c.read_ct, t.id, w.id, w.rubric, w.model, (w.config ->> 'temperature')::double precision,
           t.input, t.output, t.expected, t.context, flywheel.content_hash(t, w.reads)
    FROM unnest(claimed) c
    JOIN flywheel.traces t ON t.id = (c.message ->> 'step')::bigint
    JOIN flywheel.validator_versions w ON w.id = (c.message ->> 'version')::int
    WHERE c.msg_id <> ALL (stale);
    PERFORM flywheel.spend_calls(provider, cardinality(claimed) - cardinality(stale));
END
$$;

COMMENT ON FUNCTION flywheel.claim_judgements(text, int, int) IS
'For the worker: leases up to qty judgements of a provider for so many seconds, as far as its rate limit and its health allow. Messages that need no call any more are acknowledged on the way.';

CREATE FUNCTION flywheel.paid_answers(version_ids int[], prompt_hashes bytea[]) RETURNS TABLE (
    version_id int, prompt_hash bytea, passed boolean, score double precision, reason text
)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT ON (v.version_id, v.prompt_hash) v.version_id, v.prompt_hash, v.passed, v.score, v.reason
    FROM unnest(version_ids, prompt_hashes) AS k (version_id, prompt_hash)
    JOIN flywheel.verdicts v ON v.prompt_hash = k.prompt_hash AND v.version_id = k.version_id
    WHERE v.status = 'ok'
$$;

COMMENT ON FUNCTION flywheel.paid_answers(int[], bytea[]) IS
'For the worker: answers that the same version already gave to the same rendered prompt (version_ids[i], SHA-256 in prompt_hashes[i]).';

CREATE FUNCTION flywheel.extend_leases(queue text, msg_ids bigint[], lease_seconds int) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pgmq.set_vt(flywheel.own_queue(queue), msg_ids, lease_seconds);
END
$$;

COMMENT ON FUNCTION flywheel.extend_leases(text, bigint[], int) IS
'For the worker: keeps messages that are still being worked on for so many seconds from now; 0 gives them back.';
