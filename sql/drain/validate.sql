-- Validate a range and store the verdicts, all or nothing.

CREATE FUNCTION flywheel.lock_steps(version_id int, lo bigint, hi bigint) RETURNS void
    LANGUAGE sql
AS $$
    -- Two writers of the same verdict take turns, and each reads the step after its turn has come. So the verdict that
    -- stays is the one of the newest content, without a lock on any step.
    -- In cells of the usual message, so that drains side by side do not wait for each other.
    SELECT pg_advisory_xact_lock(hashtextextended(format('flywheel.steps %s %s', version_id, cell), 0))
    FROM generate_series(lo >> 11, hi >> 11) AS cell ORDER BY cell
$$;

COMMENT ON FUNCTION flywheel.lock_steps(int, bigint, bigint) IS
'Internal: until the end of the transaction, no other session writes verdicts of this version for these steps.';

CREATE FUNCTION flywheel.store_outcomes(w flywheel.validator_versions, wanted text, first bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    stored bigint;
BEGIN
    EXECUTE pg_catalog.format(
        'INSERT INTO flywheel.verdicts (step_id, version_id, step_created_at, pipeline, node, variant,
                                        passed, score, reason, details, status, latency_ms)
         SELECT o.id, %s, o.created_at, o.pipeline, o.node, o.variant, (o.r).passed, (o.r).score, (o.r).reason, (o.r).details,
                (o.r).status, (o.r).latency_ms
         FROM (%s OFFSET 0) AS o (id, created_at, pipeline, node, variant, r) %s',
        w.id, flywheel.outcomes_sql(w, wanted, first),
        CASE WHEN first IS NOT NULL THEN 'WHERE (o.r).status IS NOT NULL ON CONFLICT DO NOTHING' END);
    GET DIAGNOSTICS stored = ROW_COUNT;
    RETURN stored;
END
$$;

COMMENT ON FUNCTION flywheel.store_outcomes(flywheel.validator_versions, text, bigint) IS
'Internal: validates the wanted steps in one statement and stores the verdicts; returns how many. first: the first of them, to go step by step, slower: one step''s exception is that step''s error, and a verdict that is there stays.';

CREATE FUNCTION flywheel.validate(w flywheel.validator_versions, lo bigint, hi bigint, changed boolean, careful boolean) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    began  timestamptz := pg_catalog.clock_timestamp();
    wanted text := flywheel.wanted_sql(w, lo, hi, false);
    first  bigint;
    stored bigint := 0;
BEGIN
    PERFORM flywheel.lock_steps(w.id, lo, hi);
    IF changed THEN
        DELETE FROM flywheel.verdicts v WHERE v.version_id = w.id AND v.step_id BETWEEN lo AND hi;
    END IF;
    IF NOT careful THEN
        BEGIN
            stored := flywheel.store_outcomes(w, wanted);
        EXCEPTION WHEN OTHERS OR assert_failure THEN
            careful := true; -- one of the steps raises, or together they are too large for one array
        END;
    END IF;
    IF careful THEN
        EXECUTE 'SELECT pg_catalog.min(t.id) FROM flywheel.traces t WHERE ' || wanted INTO first;
        IF first IS NULL THEN
            RETURN 0;
        END IF;
        BEGIN
            stored := flywheel.store_outcomes(w, wanted, first);
        EXCEPTION WHEN OTHERS OR assert_failure THEN
            stored := flywheel.store_error(w, wanted, SQLSTATE || ': ' || SQLERRM); -- the function is gone, for example
        END;
    END IF;
    careful := coalesce(pg_catalog.current_setting('flywheel.cancelled', true), '') <> '';
    IF careful OR w.stuck > 0 OR pg_catalog.clock_timestamp() - began > interval '0.5 seconds' THEN
        PERFORM flywheel.note_stored(w.id, lo, hi);
    END IF;
    -- What a cancel or the CPU budget left over.
    IF careful OR (w.runs_in = 'python' AND pg_catalog.clock_timestamp() - began > interval '5 seconds') THEN
        EXECUTE 'SELECT pg_catalog.min(t.id) FROM flywheel.traces t WHERE ' || wanted INTO first;
        IF first IS NOT NULL THEN
            PERFORM flywheel.requeue(pg_catalog.jsonb_build_object('version', w.id, 'lo', first, 'hi', hi, 'changed', false, 'careful', careful));
        END IF;
    END IF;
    RETURN stored;
END
$$;

COMMENT ON FUNCTION flywheel.validate(flywheel.validator_versions, bigint, bigint, boolean, boolean) IS
'Internal: verdicts of one version for the eligible steps lo..hi that have none; changed: for all of them again; careful: step by step. Returns how many were stored.';

CREATE FUNCTION flywheel.note_stored(version_id int, lo bigint, hi bigint) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    ended int;
    stuck int;
    last  text;
BEGIN
    -- created_at is the start of the transaction that wrote it.
    SELECT count(*) FILTER (WHERE v.status <> 'timeout'), count(*) FILTER (WHERE v.status = 'timeout'),
           max(format('step %s, %s', v.step_id, v.reason)) FILTER (WHERE v.status = 'timeout')
    INTO ended, stuck, last
    FROM flywheel.verdicts v
    WHERE v.version_id = note_stored.version_id AND v.step_id BETWEEN lo AND hi AND v.created_at = now();
    IF ended + stuck > 0 THEN
        PERFORM flywheel.note_outcomes(version_id, ended, stuck, last);
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.note_stored(int, bigint, bigint) IS
'Internal: flywheel.note_outcomes() of what this transaction stored. Not called after quick ranges, where nothing can have timed out.';

CREATE FUNCTION flywheel.store_error(w flywheel.validator_versions, wanted text, reason text) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    stored bigint;
BEGIN
    EXECUTE format(
        'INSERT INTO flywheel.verdicts (step_id, version_id, step_created_at, pipeline, node, variant, reason, status)
         SELECT t.id, %s, t.created_at, t.pipeline, t.node, t.variant, %L, ''error'' FROM flywheel.traces t WHERE %s
         ON CONFLICT DO NOTHING', w.id, left(reason, 1000), wanted);
    GET DIAGNOSTICS stored = ROW_COUNT;
    RETURN stored;
END
$$;

COMMENT ON FUNCTION flywheel.store_error(flywheel.validator_versions, text, text) IS
'Internal: error verdicts for the wanted steps.';
