-- Repair and bookkeeping over steps that nobody touches any more: finds eligible steps that have no answer and no
-- message (a trigger was off, a row was replicated, a message was lost) and settles the coverage of finished blocks.

CREATE FUNCTION flywheel.queued() RETURNS TABLE (version_id int, steps int8multirange)
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    parts text;
BEGIN
    SELECT string_agg(format('SELECT message FROM pgmq.%I', 'q_' || q.queue_name), ' UNION ALL ')
    INTO parts FROM pgmq.list_queues() q WHERE q.queue_name LIKE 'flywheel\_%' AND q.queue_name NOT LIKE 'flywheel\_embed\_%';
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
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    found_steps bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('flywheel.sweep', 0)) THEN
        RETURN 0;
    END IF;

    -- No activation may come while blocks are settled: its count would be of before, and stay.
    PERFORM flywheel.share_registry();

    -- In any order: blocks that stay pending, such as a paused provider's, must not hide the others.
    -- One statement, one snapshot: what is pending here and neither queued nor in the inbox is lost.
    -- As sets of ids, whose difference is one pass, however many judgements wait one by one.
    WITH pending AS (
        SELECT a.version_id, range_agg(int8range(a.step_id, a.step_id, '[]')) AS steps
        FROM (SELECT u.* FROM flywheel.unsettled() u ORDER BY random() LIMIT max_blocks * (SELECT count(*) FROM flywheel.validators)) u
        CROSS JOIN LATERAL flywheel.answers(u.lo, u.hi, u.validator) a
        WHERE a.answer = 'pending'
        GROUP BY a.version_id
    ), queued AS MATERIALIZED (
        SELECT * FROM flywheel.queued()
    ), lost AS (
        SELECT p.version_id, p.steps - coalesce(q.steps, '{}') - coalesce((SELECT i.steps FROM queued i WHERE i.version_id IS NULL), '{}') AS steps
        FROM pending p LEFT JOIN queued q ON q.version_id = p.version_id
    ), again AS (
        INSERT INTO flywheel.inbox (lo, hi, n, ids, version_id)
        SELECT lower(l.steps), upper(l.steps) - 1, (SELECT sum(upper(r) - lower(r)) FROM unnest(l.steps) r), l.steps, l.version_id
        FROM lost l WHERE NOT isempty(l.steps)
        RETURNING n
    )
    SELECT coalesce(sum(n), 0) INTO found_steps FROM again;

    PERFORM flywheel.settle(max_blocks);
    RETURN found_steps;
END
$$;

COMMENT ON FUNCTION flywheel.sweep(int) IS
'Enqueues eligible steps that have neither an answer nor a message, and settles coverage; returns how many steps it found. flywheel.drain() calls it.';

CREATE FUNCTION flywheel.advance_horizon() RETURNS bigint
    LANGUAGE sql
BEGIN ATOMIC
    UPDATE flywheel.coverage_horizon h
    SET complete_to = h.mark_id,
        mark_id = greatest(flywheel.next_step_id(), (SELECT max(t.id) + 1 FROM flywheel.traces t)), -- ids may be given
        mark_xid = pg_snapshot_xmax(pg_current_snapshot())
    WHERE h.mark_xid <= pg_snapshot_xmin(pg_current_snapshot());
    SELECT h.complete_to FROM flywheel.coverage_horizon h;
END;

COMMENT ON FUNCTION flywheel.advance_horizon() IS
'Internal: moves the horizon when the transactions of the last mark have ended; returns the id below which blocks are complete.';

CREATE FUNCTION flywheel.settle(max_blocks int) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    complete_to bigint := flywheel.advance_horizon();
BEGIN
    WITH touched AS (
        DELETE FROM flywheel.coverage_dirty RETURNING block
    )
    DELETE FROM flywheel.coverage_ledger l WHERE l.block IN (SELECT t.block FROM touched t);

    INSERT INTO flywheel.coverage_ledger
    SELECT c.validator, c.block, c.pipeline, c.steps, c.verdicts, c.dead_letters, c.filtered, c.sampled_out, c.not_requested, c.before, c.paused
    FROM (SELECT u.* FROM flywheel.unsettled() u WHERE u.hi < complete_to ORDER BY random()
          LIMIT max_blocks * (SELECT count(*) FROM flywheel.validators)) u
    CROSS JOIN LATERAL (
        SELECT n.*, sum(n.pending + n.deferred) OVER () AS waiting FROM flywheel.count_answers(u.lo, u.hi, u.validator) n) c
    WHERE c.waiting = 0
    ON CONFLICT DO NOTHING;
END
$$;

COMMENT ON FUNCTION flywheel.settle(int) IS
'Internal: counts blocks with nothing pending once and for all. A change marks its block again; so does dispatch, for a step that was given an old id.';
