-- pgmq queues, made when first needed: a queue made by the extension's script would belong to the extension and
-- collide with itself on restore.

CREATE FUNCTION flywheel.own_queue(queue text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF queue !~ '^flywheel_(code|python|(judge|embed)_[a-z][a-z0-9_]*)$' THEN
        RAISE EXCEPTION 'not a queue of pg_flywheel: %', queue USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN queue;
END
$$;

COMMENT ON FUNCTION flywheel.own_queue(text) IS
'Internal: the queue, or an error for one of another application: functions that take its name run with the owner''s rights.';

CREATE FUNCTION flywheel.ensure_queue(queue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM flywheel.own_queue(queue);
    IF to_regclass(format('pgmq.%I', 'q_' || queue)) IS NULL THEN
        PERFORM pgmq.create(queue);
        -- Small, hot and short-lived rows: vacuum often, or readers of the queue walk over the dead.
        EXECUTE format('ALTER TABLE pgmq.%I SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)', 'q_' || queue);
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.ensure_queue(text) IS
'Internal: creates the pgmq queue unless it is there.';

CREATE FUNCTION flywheel.queue_of(runs_in text, provider text) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE runs_in
        WHEN 'judge' THEN 'flywheel_judge_' || provider
        WHEN 'python' THEN CASE WHEN flywheel.has_python() THEN 'flywheel_code' ELSE 'flywheel_python' END
        ELSE 'flywheel_code'
    END;

COMMENT ON FUNCTION flywheel.queue_of(text, text) IS
'The queue that takes a version''s messages.';
