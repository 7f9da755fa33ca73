-- The insert path: one statement-level trigger, one row. It reads no registry, notifies nobody and has no
-- constraint to violate, so that it cannot fail or slow the application's INSERT.

CREATE FUNCTION flywheel.enqueue_inserted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lo bigint;
    hi bigint;
    n  bigint;
BEGIN
    SELECT min(i.id), max(i.id), count(*) INTO lo, hi, n FROM inserted i;
    IF n = 0 THEN
        RETURN NULL; -- a statement of no rows fires the trigger, too
    ELSIF n = hi - lo + 1 THEN
        INSERT INTO flywheel.inbox (lo, hi, n) VALUES (lo, hi, n);
    ELSE
        INSERT INTO flywheel.inbox (lo, hi, n, ids)
        SELECT lo, hi, n, range_agg(int8range(i.id, i.id, '[]')) FROM inserted i;
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
