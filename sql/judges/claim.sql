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
    content     bigint,
    votes       int,
    examples    jsonb
)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queue    text := 'flywheel_judge_' || provider;
    counting boolean := flywheel.must_count(provider);
    wanted   int := qty;
    probe    boolean := false;
    look     int; -- at so many messages, to find one that has not failed before
    claimed  pgmq.message_record[];
    back     bigint[];
    over     bigint[];
    taken    pgmq.message_record[] := '{}';
    room     int := qty; -- calls; a judgement may take several
    calls    int := 0;   -- of the taken ones
    first_step bigint; -- of the taken steps: no other partition is looked into
    last_step  bigint;
BEGIN
    PERFORM flywheel.share_steps();
    IF counting THEN
        PERFORM FROM flywheel.provider_state s WHERE s.provider = claim_judgements.provider FOR UPDATE;
        SELECT a.calls, a.calls, a.probe INTO wanted, room, probe FROM flywheel.allowed_calls(provider, qty) a;
        IF wanted = 0 OR to_regclass(format('pgmq.%I', 'q_' || queue)) IS NULL THEN
            RETURN;
        END IF;
        PERFORM flywheel.unpark(provider);
        look := CASE WHEN probe OR flywheel.tries_a_judge(provider) THEN 100 END;
    END IF;

    FOR round IN 1..5 LOOP -- again for those in whose place a judge that may not be asked had stood
        claimed := ARRAY(SELECT c FROM flywheel.claim(queue, coalesce(look, room), lease_seconds) c);
        EXIT WHEN cardinality(claimed) = 0;
        back := flywheel.stale(claimed);
        IF cardinality(back) > 0 THEN
            PERFORM flywheel.acknowledge(queue, back);
            claimed := ARRAY(SELECT c FROM unnest(claimed) c WHERE c.msg_id <> ALL (back));
        END IF;
        back := '{}';
        IF counting THEN
            back := ARRAY(SELECT c.msg_id FROM unnest(claimed) c
                          JOIN flywheel.holds h ON h.version_id = (c.message ->> 'version')::int AND NOT h.whole_provider);
            IF cardinality(back) > 0 THEN
                PERFORM flywheel.unread(provider, back);
                PERFORM flywheel.park(provider);
                claimed := ARRAY(SELECT c FROM unnest(claimed) c WHERE c.msg_id <> ALL (back));
            END IF;
            over := flywheel.too_many(claimed, CASE WHEN probe THEN 1 ELSE room END);
            PERFORM flywheel.unread(provider, over);
            back := back || over;
            claimed := ARRAY(SELECT c FROM unnest(claimed) c WHERE c.msg_id <> ALL (back));
            PERFORM flywheel.reserve_calls(provider, ARRAY(SELECT (c.message ->> 'version')::int FROM unnest(claimed) c));
            UPDATE flywheel.judge_state j SET probing = true, paused_until = clock_timestamp() + flywheel.probe_lease(provider)
            WHERE j.failures > 0 AND j.version_id IN (SELECT (c.message ->> 'version')::int FROM unnest(claimed) c);
        END IF;
        taken := taken || claimed;
        calls := (SELECT coalesce(sum(flywheel.votes_of(w)), 0) FROM unnest(taken) c
                  JOIN flywheel.validator_versions w ON w.id = (c.message ->> 'version')::int);
        room := wanted - calls;
        EXIT WHEN cardinality(back) = 0 OR room <= 0;
    END LOOP;

    SELECT min((c.message ->> 'step')::bigint), max((c.message ->> 'step')::bigint) INTO first_step, last_step FROM unnest(taken) c;
    RETURN QUERY
    SELECT c.msg_id, c.read_ct, t.id, w.id, w.rubric, w.model, (w.config ->> 'temperature')::double precision,
           t.input, t.output, t.expected, t.context, flywheel.content_hash(t, w.reads),
           flywheel.votes_of(w), flywheel.judge_examples(w, t)
    FROM unnest(taken) c
    JOIN flywheel.traces t ON t.id = (c.message ->> 'step')::bigint AND t.id BETWEEN first_step AND last_step
    JOIN flywheel.validator_versions w ON w.id = (c.message ->> 'version')::int;
    IF counting AND cardinality(taken) > 0 THEN
        PERFORM flywheel.take_calls(provider, cardinality(taken), CASE WHEN probe THEN taken[1].msg_id END);
        PERFORM flywheel.spend_calls(provider, calls);
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.claim_judgements(text, int, int) IS
'For the worker: leases up to qty judgements of a provider for so many seconds, as far as its rate limit, its health and the budgets allow. Messages that need no call any more are acknowledged on the way.';

CREATE FUNCTION flywheel.paid_answers(version_ids int[], prompt_hashes bytea[]) RETURNS TABLE (
    version_id int, prompt_hash bytea, passed boolean, score double precision, reason text, details jsonb
)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT ON (v.version_id, v.prompt_hash) v.version_id, v.prompt_hash, v.passed, v.score, v.reason, v.details
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
