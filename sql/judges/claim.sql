-- What the worker asks for: judgements, leased, with everything a prompt needs.

CREATE FUNCTION flywheel.content_hash(t flywheel.traces, reads text[]) RETURNS bigint
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    content jsonb := to_jsonb(t);
BEGIN
    RETURN hashtextextended((SELECT jsonb_agg(content -> f ORDER BY n)
        FROM unnest(reads || '{trace_id,pipeline,node,node_type,variant,created_at}'::text[]) WITH ORDINALITY AS u (f, n))::text, 0);
END
$$;

COMMENT ON FUNCTION flywheel.content_hash(flywheel.traces, text[]) IS
'Internal: hash of what a version reads of a step and of what makes it eligible, to notice that it changed while a worker was at it.';

CREATE FUNCTION flywheel.stale(claimed pgmq.message_record[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE -- plans are kept
AS $$
BEGIN
    -- Nothing to do: the step is gone or no longer eligible, or was answered meanwhile (two messages for one step).
    RETURN ARRAY(SELECT c.msg_id
    FROM (SELECT m.*, row_number() OVER (PARTITION BY m.message ->> 'step', m.message ->> 'version' ORDER BY m.msg_id) AS copy
          FROM unnest(claimed) m) c
    WHERE c.copy > 1
       OR NOT EXISTS (
            SELECT FROM flywheel.traces t
            JOIN flywheel.validator_versions w ON w.id = (c.message ->> 'version')::int
            JOIN flywheel.activations a ON a.version_id = w.id
            WHERE t.id = (c.message ->> 'step')::bigint AND t.id >= a.lo AND (a.hi IS NULL OR t.id <= a.hi)
              AND t.created_at >= a.since AND t.created_at < a.until
              AND (a.sample_rate >= 1 OR flywheel.sample_point(t.trace_id, w.validator) < a.sample_rate)
              AND flywheel.filter_matches(w, t.pipeline, t.node, t.node_type))
       OR EXISTS (SELECT FROM flywheel.verdicts v
                  WHERE v.step_id = (c.message ->> 'step')::bigint AND v.version_id = (c.message ->> 'version')::int));
END
$$;

COMMENT ON FUNCTION flywheel.stale(pgmq.message_record[]) IS
'Internal: the claimed judgements that need no call any more.';

CREATE FUNCTION flywheel.too_many(claimed pgmq.message_record[], probe boolean) RETURNS bigint[]
    LANGUAGE sql VOLATILE
AS $$
    -- Of a judge that is tried after a pause one, of the others what their budget allows, of a provider's probe one in all:
    -- any of them, so that a step which nobody can answer does not stand in the way for ever.
    SELECT coalesce(array_agg(c.msg_id), '{}')
    FROM (SELECT m.msg_id, w.validator, j.failures > 0 AS tried,
                 row_number() OVER (PARTITION BY w.id ORDER BY CASE WHEN j.failures > 0 THEN random() END, m.msg_id) AS of_version,
                 row_number() OVER (PARTITION BY w.validator ORDER BY m.msg_id) AS of_judge,
                 row_number() OVER (ORDER BY random()) AS of_all
          FROM unnest(claimed) m
          JOIN flywheel.validator_versions w ON w.id = (m.message ->> 'version')::int
          LEFT JOIN flywheel.judge_state j ON j.version_id = w.id) c
    LEFT JOIN flywheel.budgets b ON b.validator = c.validator
    WHERE c.of_judge > b.calls_left OR c.tried AND c.of_version > 1 OR probe AND c.of_all > 1
$$;

COMMENT ON FUNCTION flywheel.too_many(pgmq.message_record[], boolean) IS
'Internal: which of the claimed judgements have to go back, because only so many may be asked now.';

CREATE FUNCTION flywheel.must_count(provider text) RETURNS boolean
    LANGUAGE plpgsql STABLE -- its plan is kept: every claim asks
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM flywheel.provider_state s JOIN flywheel.providers p ON p.name = s.provider
                   WHERE p.name = must_count.provider
                     AND (s.failures > 0 OR num_nonnulls(p.requests_per_minute, p.daily_usd, p.daily_calls) > 0))
        OR EXISTS (SELECT FROM flywheel.validator_versions w
                   JOIN flywheel.validators d ON d.name = w.validator
                   LEFT JOIN flywheel.judge_state j ON j.version_id = w.id
                   WHERE w.provider = must_count.provider
                     AND (j.failures > 0 OR num_nonnulls(j.parked_until, d.daily_usd, d.daily_calls) > 0));
END
$$;

COMMENT ON FUNCTION flywheel.must_count(text) IS
'Internal: whether anything limits the calls of a provider over all workers, who then take turns to claim.';

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
    queue    text := 'flywheel_judge_' || provider;
    counting boolean := flywheel.must_count(provider);
    wanted   int := qty;
    probe    boolean := false;
    claimed  pgmq.message_record[];
    back     bigint[];
    over     bigint[];
    taken    pgmq.message_record[] := '{}';
BEGIN
    IF counting THEN
        PERFORM FROM flywheel.provider_state s WHERE s.provider = claim_judgements.provider FOR UPDATE;
        SELECT a.calls, a.probe INTO wanted, probe FROM flywheel.allowed_calls(provider, qty) a;
        IF wanted = 0 OR to_regclass(format('pgmq.%I', 'q_' || queue)) IS NULL THEN
            RETURN;
        END IF;
        PERFORM flywheel.unpark(provider);
    END IF;

    FOR round IN 1..5 LOOP -- again for those in whose place a judge that may not be asked had stood
        claimed := ARRAY(SELECT c FROM flywheel.claim(queue, CASE WHEN probe THEN 10 ELSE wanted - cardinality(taken) END, lease_seconds) c);
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
            over := flywheel.too_many(claimed, probe);
            PERFORM flywheel.unread(provider, over);
            back := back || over;
            claimed := ARRAY(SELECT c FROM unnest(claimed) c WHERE c.msg_id <> ALL (back));
            PERFORM flywheel.reserve_calls(provider, ARRAY(SELECT (c.message ->> 'version')::int FROM unnest(claimed) c));
            UPDATE flywheel.judge_state j SET probing = true, paused_until = clock_timestamp() + flywheel.probe_lease(provider)
            WHERE j.failures > 0 AND j.version_id IN (SELECT (c.message ->> 'version')::int FROM unnest(claimed) c);
        END IF;
        taken := taken || claimed;
        EXIT WHEN cardinality(back) = 0 OR cardinality(taken) >= wanted;
    END LOOP;

    RETURN QUERY
    SELECT c.msg_id, c.read_ct, t.id, w.id, w.rubric, w.model, (w.config ->> 'temperature')::double precision,
           t.input, t.output, t.expected, t.context, flywheel.content_hash(t, w.reads)
    FROM unnest(taken) c
    JOIN flywheel.traces t ON t.id = (c.message ->> 'step')::bigint
    JOIN flywheel.validator_versions w ON w.id = (c.message ->> 'version')::int;
    IF counting AND cardinality(taken) > 0 THEN
        PERFORM flywheel.take_calls(provider, cardinality(taken), CASE WHEN probe THEN taken[1].msg_id END);
        PERFORM flywheel.spend_calls(provider, cardinality(taken));
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.claim_judgements(text, int, int) IS
'For the worker: leases up to qty judgements of a provider for so many seconds, as far as its rate limit, its health and the budgets allow. Messages that need no call any more are acknowledged on the way.';

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
