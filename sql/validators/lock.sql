-- Registry changes and dispatch exclude each other: a step belongs to exactly one activation of a validator.

CREATE FUNCTION flywheel.share_steps() RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    -- TRUNCATE locks traces, then what is derived from it. Whoever holds some of that and then waits for traces is half
    -- of a deadlock, so every transaction of ours takes traces first (1 µs).
    LOCK TABLE ONLY flywheel.traces IN ACCESS SHARE MODE;
END
$$;

COMMENT ON FUNCTION flywheel.share_steps() IS
'Internal: until the end of the transaction nobody truncates flywheel.traces. Comes before any other lock.';

CREATE FUNCTION flywheel.lock_registry() RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    SELECT flywheel.share_steps();
    SELECT pg_advisory_xact_lock(hashtextextended('flywheel.registry', 0));
END;

COMMENT ON FUNCTION flywheel.lock_registry() IS
'Internal: keeps dispatch waiting until the change of the registry commits. Keep such transactions short.';

CREATE FUNCTION flywheel.share_registry() RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    SELECT flywheel.share_steps();
    SELECT pg_advisory_xact_lock_shared(hashtextextended('flywheel.registry', 0));
END;

COMMENT ON FUNCTION flywheel.share_registry() IS
'Internal: dispatch holds it, so that no validator comes or goes between reading the registry and sending messages.';

CREATE FUNCTION flywheel.next_step_id() RETURNS bigint
    LANGUAGE sql STABLE
    RETURN coalesce(pg_sequence_last_value(pg_get_serial_sequence('flywheel.traces', 'id')::regclass), 0) + 1;

COMMENT ON FUNCTION flywheel.next_step_id() IS
'The id that the next step will get: where a live activation begins. By id and not by time, because history is loaded with its own created_at.';
