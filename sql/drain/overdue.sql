-- The time limit of a drain. statement_timeout counts from the start of CALL flywheel.drain() and cannot be set from
-- within (measured); a transaction of the drain is one range of steps, which is what should be limited.

CREATE FUNCTION flywheel.validating() RETURNS void
    LANGUAGE sql
    RETURN pg_advisory_xact_lock_shared(hashtextextended('flywheel.validating', 0));

COMMENT ON FUNCTION flywheel.validating() IS
'Internal: marks this transaction as one that runs a validator, for flywheel.stop_overdue().';

CREATE UNLOGGED TABLE flywheel.stopped_drains (
    pid        int,
    xact_start timestamptz,
    PRIMARY KEY (pid, xact_start)
);

COMMENT ON TABLE flywheel.stopped_drains IS
'Transactions that flywheel.stop_overdue() has cancelled. A second cancel, while the first is rolled back, would end the drain before it has noted which range it was.';
COMMENT ON COLUMN flywheel.stopped_drains.pid IS 'pg_stat_activity.pid.';
COMMENT ON COLUMN flywheel.stopped_drains.xact_start IS 'pg_stat_activity.xact_start.';

CREATE FUNCTION flywheel.stop_overdue(seconds double precision DEFAULT 30) RETURNS int
    LANGUAGE sql
AS $$
    WITH key AS (
        SELECT hashtextextended('flywheel.validating', 0) AS k
    ), overdue AS (
        SELECT a.pid, a.xact_start, extract(epoch FROM clock_timestamp() - a.xact_start) AS age
        FROM key
        JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                       AND l.classid = ((k >> 32) & 4294967295)::oid AND l.objid = (k & 4294967295)::oid
                       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE a.xact_start < clock_timestamp() - make_interval(secs => seconds)
    ), forgotten AS (
        DELETE FROM flywheel.stopped_drains s WHERE s.xact_start < clock_timestamp() - interval '1 day'
    ), first AS ( -- of all that look
        INSERT INTO flywheel.stopped_drains SELECT o.pid, o.xact_start FROM overdue o ON CONFLICT DO NOTHING RETURNING pid
    )
    -- Whoever catches its own cancel has to go.
    SELECT count(*) FILTER (WHERE CASE WHEN o.age > 3 * seconds THEN pg_terminate_backend(o.pid) ELSE pg_cancel_backend(o.pid) END)::int
    FROM overdue o
    WHERE o.age > 3 * seconds OR o.pid IN (SELECT f.pid FROM first f)
$$;

COMMENT ON FUNCTION flywheel.stop_overdue(double precision) IS
'Cancels, once, the drains of this role that have been validating one range of steps for longer than so many seconds, and ends those that go on after three times as long; returns how many. The range is then worked off step by step, and the step that takes too long becomes a timeout. The worker and flywheel.schedule() have it run all the time.';
