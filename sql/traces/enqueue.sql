-- The insert path: one statement-level trigger, one row. It reads no registry, notifies nobody and has no
-- constraint to violate, so that it cannot fail or slow the application's INSERT.

CREATE FUNCTION flywheel.enqueue_inserted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Off while pg_dump's output is loaded: that holds the inbox and the queues, too, and a judgement would be asked for
    -- twice. Whoever else has it off is found by the sweep. Here, because a WHEN is parsed anew by every statement (3 µs).
    IF current_setting('check_function_bodies') = 'off' THEN
        RETURN NULL;
    END IF;
    -- One statement for the usual case: each costs 1 to 2 µs.
    INSERT INTO flywheel.inbox (lo, hi, n)
    SELECT min(i.id), max(i.id), count(*) FROM inserted i HAVING count(*) - 1 = max(i.id) - min(i.id);
    IF NOT FOUND THEN -- writers interleave, or there was no row: a statement of no rows fires the trigger, too
        INSERT INTO flywheel.inbox (lo, hi, n, ids)
        SELECT min(i.id), max(i.id), count(*), range_agg(int8range(i.id, i.id, '[]')) FROM inserted i HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.enqueue_inserted() IS
'Trigger: notes the id range of an INSERT or COPY in flywheel.inbox, in the same transaction.';

CREATE TRIGGER enqueue_inserted
    AFTER INSERT ON flywheel.traces
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION flywheel.enqueue_inserted();

COMMENT ON TRIGGER enqueue_inserted ON flywheel.traces IS
'Enqueues new steps. Rows it does not see (session_replication_role, logical replication) are found by the sweep.';
