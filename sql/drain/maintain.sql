-- Chores of the drain, each at its own interval, by whichever session gets there first.

CREATE TABLE flywheel.maintenance (
    task        text PRIMARY KEY,
    every       interval NOT NULL,
    last_run_at timestamptz NOT NULL DEFAULT '-infinity',
    took_ms     real,
    problem     text
);

INSERT INTO flywheel.maintenance (task, every) VALUES
    ('drain', '1 second'),
    ('measure_queues', '2 seconds'),
    ('merge_rollup', '10 seconds'),
    ('sweep', '30 seconds'),
    ('failure_reasons', '5 minutes'),
    ('partitions', '5 seconds'),
    ('retention', '1 hour'),
    ('embeddings', '5 minutes');

COMMENT ON TABLE flywheel.maintenance IS
'Chores of flywheel.drain(): when each last ran and how long it took. UPDATE every to change an interval.';
COMMENT ON COLUMN flywheel.maintenance.task IS 'drain itself, measure_queues, merge_rollup, sweep, failure_reasons, partitions, retention, embeddings.';
COMMENT ON COLUMN flywheel.maintenance.every IS 'Shortest time between two runs.';
COMMENT ON COLUMN flywheel.maintenance.last_run_at IS 'When it last began.';
COMMENT ON COLUMN flywheel.maintenance.took_ms IS 'Milliseconds of the last run.';
COMMENT ON COLUMN flywheel.maintenance.problem IS 'What the last run could not do, and what to do about it: also in flywheel.queue_health.';

CREATE FUNCTION flywheel.replace_installed_task() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM flywheel.maintenance m WHERE m.task = NEW.task;
    RETURN NEW;
END
$$;

CREATE TRIGGER replace_installed_task BEFORE INSERT ON flywheel.maintenance
    FOR EACH ROW EXECUTE FUNCTION flywheel.replace_installed_task();

COMMENT ON FUNCTION flywheel.replace_installed_task() IS
'Trigger: a row that pg_dump saved takes the place of the one that CREATE EXTENSION made, so that a changed interval survives.';
COMMENT ON TRIGGER replace_installed_task ON flywheel.maintenance IS 'Intervals that were changed survive a restore.';

CREATE TABLE flywheel.queue_stats (
    queue       text PRIMARY KEY,
    waiting     bigint NOT NULL,
    leased      bigint NOT NULL,
    oldest_at   timestamptz,
    measured_at timestamptz NOT NULL
);

INSERT INTO flywheel.queue_stats VALUES ('inbox', 0, 0, NULL, now()); -- so that queue_health can warn before the first drain

COMMENT ON TABLE flywheel.queue_stats IS
'Queue lengths as the drain last measured them, so that readers do not touch the queues. Read flywheel.queue_health.';
COMMENT ON COLUMN flywheel.queue_stats.queue IS 'inbox, or a pgmq queue.';
COMMENT ON COLUMN flywheel.queue_stats.waiting IS 'Messages ready to be taken; for the inbox, statements not yet dispatched.';
COMMENT ON COLUMN flywheel.queue_stats.leased IS 'Messages being worked on, or deferred.';
COMMENT ON COLUMN flywheel.queue_stats.oldest_at IS 'When the oldest was enqueued.';
COMMENT ON COLUMN flywheel.queue_stats.measured_at IS 'When this was measured.';

CREATE FUNCTION flywheel.due(task text) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE flywheel.maintenance m SET last_run_at = clock_timestamp()
    WHERE m.ctid = (SELECT c.ctid FROM flywheel.maintenance c
                    WHERE c.task = due.task AND c.last_run_at + c.every <= clock_timestamp()
                    FOR UPDATE SKIP LOCKED);
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION flywheel.due(text) IS
'Internal: true for one session when the task''s interval is over.';

CREATE FUNCTION flywheel.done(task text, problem text DEFAULT NULL) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    UPDATE flywheel.maintenance m
    SET took_ms = extract(epoch FROM clock_timestamp() - m.last_run_at) * 1000, problem = done.problem
    WHERE m.task = done.task;
END;

COMMENT ON FUNCTION flywheel.done(text, text) IS 'Internal: notes how long the task took, and what it could not do.';

CREATE FUNCTION flywheel.measure_queues() RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    q text;
BEGIN
    INSERT INTO flywheel.queue_stats AS s
    SELECT 'inbox', count(*), 0, min(i.at), clock_timestamp() FROM flywheel.inbox i
    ON CONFLICT (queue) DO UPDATE
    SET waiting = excluded.waiting, oldest_at = excluded.oldest_at, measured_at = excluded.measured_at;

    FOR q IN SELECT l.queue_name FROM pgmq.list_queues() l WHERE l.queue_name LIKE 'flywheel\_%' ORDER BY 1 LOOP
        EXECUTE format(
            'INSERT INTO flywheel.queue_stats AS s
             SELECT %L, count(*) FILTER (WHERE vt <= clock_timestamp()), count(*) FILTER (WHERE vt > clock_timestamp()),
                    min(enqueued_at), clock_timestamp() FROM pgmq.%I
             ON CONFLICT (queue) DO UPDATE
             SET waiting = excluded.waiting, leased = excluded.leased, oldest_at = excluded.oldest_at, measured_at = excluded.measured_at',
            q, 'q_' || q);
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.measure_queues() IS
'Internal: counts the queues into flywheel.queue_stats.';

CREATE FUNCTION flywheel.maintain(leaving boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    mine     boolean;
    retained record;
BEGIN
    PERFORM flywheel.share_steps();
    mine := flywheel.due('measure_queues');
    IF mine OR leaving THEN
        PERFORM flywheel.measure_queues();
        IF mine THEN -- else another session has the row of this chore, and may be waiting for those that were just written
            PERFORM flywheel.done('measure_queues');
        END IF;
    END IF;
    IF flywheel.due('merge_rollup') THEN
        PERFORM flywheel.merge_rollup();
        PERFORM flywheel.tend_alignment();
        PERFORM flywheel.done('merge_rollup');
    END IF;
    IF flywheel.due('failure_reasons') THEN
        REFRESH MATERIALIZED VIEW CONCURRENTLY flywheel.failure_reason_counts;
        PERFORM flywheel.done('failure_reasons');
    END IF;
    -- Last, because their locks stay until the caller commits.
    IF flywheel.due('partitions') THEN
        PERFORM flywheel.done('partitions', flywheel.tend_partitions());
    END IF;
    IF flywheel.due('retention') THEN
        SELECT * INTO retained FROM flywheel.apply_retention();
        PERFORM flywheel.done('retention', retained.problem);
        UPDATE flywheel.maintenance m SET last_run_at = clock_timestamp() - m.every + retained.again
        WHERE m.task = 'retention' AND retained.again IS NOT NULL;
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.maintain(boolean) IS
'Runs the chores of flywheel.maintenance that are due; leaving: the caller looks no more, so the queues are measured now. flywheel.drain() calls it.';

CREATE FUNCTION flywheel.begin_drain() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM flywheel.due('drain');
    IF flywheel.has_python() AND EXISTS (
        SELECT FROM flywheel.validators d JOIN flywheel.validator_versions w ON w.id = d.version_id WHERE w.runs_in = 'python')
    THEN
        EXECUTE 'SELECT flywheel.py_sync()';
    END IF;
    PERFORM flywheel.follow_replaced_functions();
END
$$;

COMMENT ON FUNCTION flywheel.begin_drain() IS
'Internal: the drain''s heartbeat, and new versions of validators whose function was replaced.';
