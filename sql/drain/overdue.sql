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
COMMENT ON COLUMN flywheel.stopped_drains.xact_start IS 'pg_stat_activity.xact_start; of a generated statement when its time was over.';

CREATE FUNCTION flywheel.stop_overdue(seconds double precision DEFAULT 30) RETURNS int
    LANGUAGE sql
AS $$
    WITH marks AS ( -- those of other roles' sessions have no xact_start to see
        SELECT a.pid, a.xact_start, l.objsubid, (l.classid::bigint << 32) | l.objid::bigint AS key
        FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.granted AND a.xact_start IS NOT NULL
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    ), overdue AS (
        SELECT m.pid, m.xact_start, extract(epoch FROM clock_timestamp() - m.xact_start) AS age
        FROM marks m
        WHERE m.objsubid = 1 AND m.key = hashtextextended('flywheel.validating', 0)
          AND m.xact_start < clock_timestamp() - make_interval(secs => seconds)
        UNION ALL
        -- A generated statement says itself until when, in milliseconds that begin anew after 49 days.
        SELECT m.pid, to_timestamp((t.now - late.ms) / 1000.0), 0
        FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now) t, marks m,
             LATERAL (SELECT (t.now - m.key) & 4294967295 AS ms) late
        WHERE m.objsubid = 2 AND (m.key >> 32)::int = hashtext('flywheel.generated_sql') AND late.ms < 2147483648
    ), forgotten AS (
        DELETE FROM flywheel.stopped_drains s WHERE s.xact_start < clock_timestamp() - interval '1 day'
    ), first AS ( -- of all that look
        INSERT INTO flywheel.stopped_drains SELECT o.pid, o.xact_start FROM overdue o ON CONFLICT DO NOTHING RETURNING pid, xact_start
    )
    -- Whoever catches its own cancel has to go.
    SELECT count(*) FILTER (WHERE CASE WHEN o.age > 3 * seconds THEN pg_terminate_backend(o.pid) ELSE pg_cancel_backend(o.pid) END)::int
    FROM (SELECT v.pid, max(v.age) AS age FROM overdue v
          WHERE v.age > 3 * seconds OR (v.pid, v.xact_start) IN (SELECT f.pid, f.xact_start FROM first f) GROUP BY v.pid) o
$$;

COMMENT ON FUNCTION flywheel.stop_overdue(double precision) IS
'Cancels, once, the drains of this role that have been validating one range of steps for longer than so many seconds, and ends those that go on after three times as long; returns how many. The range is then worked off step by step, and the step that takes too long becomes a timeout. A generated statement (see flywheel.sql_executes) is cancelled when its own time is over. The worker and flywheel.schedule() have it run all the time.';
