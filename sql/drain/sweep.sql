-- Repair and bookkeeping over steps that nobody touches any more: finds eligible steps that have no answer and no
-- message (a trigger was off, a row was replicated, a message was lost) and settles the coverage of finished blocks.

CREATE FUNCTION flywheel.queued() RETURNS TABLE (version_id int, steps int8multirange)
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    parts text;
BEGIN
    SELECT string_agg(format('SELECT message FROM pgmq.%I', 'q_' || q.queue_name), ' UNION ALL ')
    INTO parts FROM pgmq.list_queues() q WHERE q.queue_name LIKE 'flywheel\_%';
    RETURN QUERY EXECUTE
        'SELECT q.version_id, range_agg(q.steps) FROM (
             SELECT i.version_id, unnest(coalesce(i.ids, int8multirange(int8range(i.lo, i.hi, ''[]'')))) AS steps FROM flywheel.inbox i
             UNION ALL
             SELECT (m.message ->> ''version'')::int, int8range(coalesce(m.message ->> ''step'', m.message ->> ''lo'')::bigint,
                    coalesce(m.message ->> ''step'', m.message ->> ''hi'')::bigint, ''[]'')
             FROM (' || coalesce(parts, 'SELECT NULL::jsonb AS message WHERE false') || ') m
         ) q GROUP BY q.version_id';
END
$$;

COMMENT ON FUNCTION flywheel.queued() IS
'Internal: the steps that wait in the inbox (version NULL: for any version) or in a queue. Reads queue tables: for the sweep only.';

CREATE FUNCTION flywheel.sweep(max_blocks int DEFAULT 64) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_steps bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('flywheel.sweep', 0)) THEN
        RETURN 0;
    END IF;

    -- One statement, one snapshot: what is pending here and neither queued nor in the inbox is lost.
    WITH lost AS (
        SELECT a.version_id, a.step_id
        FROM (SELECT u.* FROM flywheel.unsettled() u ORDER BY u.lo DESC LIMIT max_blocks * (SELECT count(*) FROM flywheel.validators)) u
        CROSS JOIN LATERAL flywheel.answers(u.lo, u.hi, u.validator) a
        LEFT JOIN flywheel.queued() q ON q.version_id = a.version_id AND q.steps @> a.step_id
        LEFT JOIN flywheel.queued() i ON i.version_id IS NULL AND i.steps @> a.step_id
        WHERE a.answer = 'pending' AND q.version_id IS NULL AND i.steps IS NULL
    ), again AS (
        INSERT INTO flywheel.inbox (lo, hi, n, ids, version_id)
        SELECT min(l.step_id), max(l.step_id), count(*), range_agg(int8range(l.step_id, l.step_id, '[]')), l.version_id
        FROM lost l GROUP BY l.version_id
        RETURNING n
    )
    SELECT coalesce(sum(n), 0) INTO found_steps FROM again;

    PERFORM flywheel.settle(max_blocks);
    RETURN found_steps;
END
$$;

COMMENT ON FUNCTION flywheel.sweep(int) IS
'Enqueues eligible steps that have neither an answer nor a message, and settles coverage; returns how many steps it found. flywheel.drain() calls it.';

CREATE FUNCTION flywheel.settle(max_blocks int) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    -- The newest block still fills up.
    newest bigint := (SELECT flywheel.block_of(max(id)) FROM flywheel.traces);
BEGIN
    WITH touched AS (
        DELETE FROM flywheel.coverage_dirty RETURNING block
    )
    DELETE FROM flywheel.coverage_ledger l WHERE l.block IN (SELECT t.block FROM touched t);

    INSERT INTO flywheel.coverage_ledger
    SELECT c.validator, c.block, c.steps, c.verdicts, c.dead_letters, c.filtered, c.sampled_out, c.not_requested, c.before, c.paused
    FROM (SELECT u.* FROM flywheel.unsettled() u WHERE flywheel.block_of(u.lo) < newest ORDER BY u.lo
          LIMIT max_blocks * (SELECT count(*) FROM flywheel.validators)) u
    CROSS JOIN LATERAL flywheel.count_answers(u.lo, u.hi, u.validator) c
    WHERE c.pending = 0 AND c.deferred = 0
    ON CONFLICT DO NOTHING;
END
$$;

COMMENT ON FUNCTION flywheel.settle(int) IS
'Internal: counts blocks with nothing pending once and for all. A step that comes late, or a change, marks its block again.';
