-- One message of the code queue: claimed under a lease, then worked off in one transaction with its acknowledgement.

CREATE FUNCTION flywheel.claim(queue text, qty int, lease_seconds int, after bigint DEFAULT -1) RETURNS SETOF pgmq.message_record
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- pgmq.read() and a starting point. What was deleted stays in the index while anybody holds an old snapshot: a drain
    -- that began at the front each time would walk over all that it has done.
    IF to_regclass(format('pgmq.%I', 'q_' || flywheel.own_queue(queue))) IS NOT NULL THEN
        RETURN QUERY EXECUTE format(
            'WITH next AS (
                 SELECT msg_id FROM pgmq.%1$I WHERE msg_id > $1 AND vt <= clock_timestamp()
                 ORDER BY msg_id LIMIT $2 FOR UPDATE SKIP LOCKED)
             UPDATE pgmq.%1$I m
             SET last_read_at = clock_timestamp(), vt = clock_timestamp() + make_interval(secs => $3), read_ct = m.read_ct + 1
             FROM next WHERE m.msg_id = next.msg_id
             RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.last_read_at, m.vt, m.message, m.headers', 'q_' || queue)
        USING after, qty, lease_seconds;
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.claim(text, int, int, bigint) IS
'Internal: up to qty messages of a queue, leased for so many seconds, oldest first; only those with a msg_id beyond after.';

CREATE FUNCTION flywheel.lapsed(m pgmq.message_record) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN m.read_ct > CASE WHEN m.message ? 'lapses' THEN 1 ELSE 2 END;

COMMENT ON FUNCTION flywheel.lapsed(pgmq.message_record) IS
'Internal: whether a range did not come back twice, which once may happen to any, or once since it is part of one that did not.';

CREATE FUNCTION flywheel.split(m pgmq.message_record, queue text, error text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lo     bigint := m.message ->> 'lo';
    hi     bigint := m.message ->> 'hi';
    width  bigint := (hi - lo) / 8 + 1; -- each round costs a lease: 2,048 steps take four
    lapses bigint := m.read_ct - 1 + coalesce((m.message ->> 'lapses')::bigint, 0);
BEGIN
    PERFORM pgmq.delete(flywheel.own_queue(queue), m.msg_id);
    IF lo < hi THEN
        PERFORM flywheel.send(queue, array_agg(
            m.message || jsonb_build_object('lo', part, 'hi', least(part + width - 1, hi), 'lapses', lapses) ORDER BY part))
        FROM generate_series(lo, hi, width) AS part;
    ELSE
        INSERT INTO flywheel.dead_letters (step_id, version_id, attempts, error)
        SELECT t.id, (m.message ->> 'version')::int, lapses, split.error
        FROM flywheel.traces t WHERE t.id = lo
        ON CONFLICT DO NOTHING;
    END IF;
    PERFORM flywheel.note_outcomes((m.message ->> 'version')::int, 0, 1, format('steps %s to %s, %s', lo, hi, error));
END
$$;

COMMENT ON FUNCTION flywheel.split(pgmq.message_record, text, text) IS
'Internal: takes a range that did not come back apart; a single step becomes a dead letter.';

CREATE FUNCTION flywheel.run(m pgmq.message_record) RETURNS bigint
    LANGUAGE plpgsql SET jit = off -- a guess of many rows would cost a second of compiling
AS $$
DECLARE
    lo      bigint := m.message ->> 'lo';
    hi      bigint := m.message ->> 'hi';
    changed boolean := coalesce((m.message ->> 'changed')::boolean, false);
    w       flywheel.validator_versions;
    stored  bigint := 0;
BEGIN
    PERFORM flywheel.share_steps();
    SELECT * INTO w FROM flywheel.validator_versions v WHERE v.id = (m.message ->> 'version')::int;
    IF flywheel.lapsed(m) AND w.suspended IS NULL THEN
        PERFORM flywheel.split(m, 'flywheel_code', coalesce(m.message ->> 'error',
            'the drain was killed every time it validated this step'));
        RETURN 0;
    END IF;
    PERFORM flywheel.validating();
    IF flywheel.hold('flywheel_code', m.msg_id) AND w.id IS NOT NULL AND NOT flywheel.hand_over(w.id, lo, hi) THEN
        IF w.suspended IS NULL THEN
            stored := flywheel.validate(w, lo, hi, changed, coalesce((m.message ->> 'careful')::boolean, false));
        ELSIF changed THEN
            DELETE FROM flywheel.verdicts v WHERE v.version_id = w.id AND v.step_id BETWEEN lo AND hi;
        END IF; -- else dropped: set_validator() enqueues what waits
    END IF;
    PERFORM flywheel.acknowledge('flywheel_code', ARRAY[m.msg_id]);
    RETURN stored;
EXCEPTION
    WHEN query_canceled THEN
        -- By stop_overdue, a statement_timeout, or somebody. Again at once, step by step; the drain ends.
        PERFORM flywheel.be_careful(m.msg_id);
        PERFORM pg_catalog.set_config('flywheel.cancelled', SQLERRM, true);
        RETURN 0;
    WHEN OTHERS THEN
        -- Writing failed, not validating: try again later, and remember why.
        RAISE WARNING 'flywheel: message % of flywheel_code failed: %', m.msg_id, SQLERRM;
        PERFORM flywheel.retry('flywheel_code', m.msg_id, 5, SQLSTATE || ': ' || SQLERRM);
        RETURN 0;
END
$$;

COMMENT ON FUNCTION flywheel.run(pgmq.message_record) IS
'Internal: validates the range of one claimed message and acknowledges it; returns the number of verdicts. The setting flywheel.cancelled says in this transaction why it was cancelled.';

CREATE FUNCTION flywheel.be_careful(msg_id bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE pgmq.q_flywheel_code q SET vt = clock_timestamp(), read_ct = 0, message = q.message || '{"careful": true}'
    WHERE q.msg_id = be_careful.msg_id;
END
$$;

COMMENT ON FUNCTION flywheel.be_careful(bigint) IS
'Internal: makes a code message visible again, to be worked off step by step.';

CREATE FUNCTION flywheel.hold(queue text, msg_id bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_it boolean;
BEGIN
    -- While this transaction lives, the row lock keeps others off even after the lease; when it dies, the lease decides.
    EXECUTE format('SELECT true FROM pgmq.%I WHERE msg_id = $1 FOR UPDATE', 'q_' || flywheel.own_queue(queue)) INTO found_it USING msg_id;
    RETURN coalesce(found_it, false);
END
$$;

COMMENT ON FUNCTION flywheel.hold(text, bigint) IS
'Internal: keeps a message for this transaction; false when it is gone already.';

CREATE FUNCTION flywheel.acknowledge(queue text, msg_ids bigint[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pgmq.delete(flywheel.own_queue(queue), msg_ids)
$$;

COMMENT ON FUNCTION flywheel.acknowledge(text, bigint[]) IS 'Internal: deletes messages that are done.';

CREATE FUNCTION flywheel.retry(queue text, msg_id bigint, delay_seconds int, error text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Resources, locks, a standby: not the steps' fault, so not an attempt of theirs.
    EXECUTE format('UPDATE pgmq.%I SET vt = clock_timestamp() + make_interval(secs => $2),
                    read_ct = read_ct - (left($3, 2) IN (''25'', ''40'', ''53'', ''55'', ''58''))::int,
                    message = message || jsonb_build_object(''error'', left($3, 1000)) WHERE msg_id = $1', 'q_' || flywheel.own_queue(queue))
    USING msg_id, delay_seconds, error;
END
$$;

COMMENT ON FUNCTION flywheel.retry(text, bigint, int, text) IS
'Internal: makes a message visible again after a delay and notes the error in it.';
