-- Validate a range and store the verdicts, all or nothing.

CREATE FUNCTION flywheel.lock_steps(version_id int, lo bigint, hi bigint) RETURNS void
    LANGUAGE sql
AS $$
    -- Two writers of the same verdict take turns, and each reads the step after its turn has come. So the verdict that
    -- stays is the one of the newest content, without a lock on any step.
    SELECT pg_advisory_xact_lock(hashtextextended(format('flywheel.steps %s %s', version_id, b), 0))
    FROM generate_series(flywheel.block_of(lo), flywheel.block_of(hi)) AS b ORDER BY b
$$;

COMMENT ON FUNCTION flywheel.lock_steps(int, bigint, bigint) IS
'Internal: until the end of the transaction, no other session writes verdicts of this version for these steps.';

CREATE FUNCTION flywheel.store_outcomes(w flywheel.validator_versions, wanted text, guarded boolean) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    stored bigint;
BEGIN
    EXECUTE format(
        'INSERT INTO flywheel.verdicts (step_id, version_id, step_created_at, pipeline, node, variant,
                                        passed, score, reason, details, status, latency_ms)
         SELECT o.id, %s, o.created_at, o.pipeline, o.node, o.variant, (o.r).passed, (o.r).score, (o.r).reason, (o.r).details,
                (o.r).status, (o.r).latency_ms
         FROM (%s OFFSET 0) AS o (id, created_at, pipeline, node, variant, r)
         ON CONFLICT DO NOTHING',
        w.id, flywheel.outcomes_sql(w, wanted, guarded));
    GET DIAGNOSTICS stored = ROW_COUNT;
    RETURN stored;
END
$$;

COMMENT ON FUNCTION flywheel.store_outcomes(flywheel.validator_versions, text, boolean) IS
'Internal: validates the wanted steps in one statement and stores the verdicts; returns how many.';

CREATE FUNCTION flywheel.validate(w flywheel.validator_versions, lo bigint, hi bigint, changed boolean) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    began  timestamptz := clock_timestamp();
    wanted text;
    stored bigint;
    rest   bigint;
    middle bigint;
BEGIN
    PERFORM flywheel.lock_steps(w.id, lo, hi);
    IF changed THEN
        DELETE FROM flywheel.verdicts v WHERE v.version_id = w.id AND v.step_id BETWEEN lo AND hi;
    END IF;
    wanted := flywheel.wanted_sql(w, lo, hi, false);
    BEGIN
        stored := flywheel.store_outcomes(w, wanted, false);
    EXCEPTION WHEN OTHERS OR assert_failure THEN
        IF w.runs_in = 'sql' THEN
            stored := flywheel.store_outcomes(w, wanted, true);
        ELSIF lo < hi THEN
            -- The bridge answers for each step itself; what is left is a batch too large for one array.
            middle := (SELECT t.id FROM flywheel.traces t WHERE t.id BETWEEN lo AND hi ORDER BY t.id
                       OFFSET (SELECT count(*) / 2 FROM flywheel.traces c WHERE c.id BETWEEN lo AND hi) LIMIT 1);
            IF middle > lo THEN
                RETURN flywheel.validate(w, lo, middle - 1, false) + flywheel.validate(w, middle, hi, false);
            END IF;
            stored := flywheel.store_error(w, wanted, SQLSTATE || ': ' || SQLERRM);
        ELSE
            stored := flywheel.store_error(w, wanted, SQLSTATE || ': ' || SQLERRM);
        END IF;
    END;
    IF w.runs_in = 'python' AND clock_timestamp() - began > interval '5 seconds' THEN
        EXECUTE 'SELECT min(t.id) FROM flywheel.traces t WHERE ' || wanted INTO rest;
        IF rest IS NOT NULL THEN
            PERFORM flywheel.requeue(jsonb_build_object('version', w.id, 'lo', rest, 'hi', hi, 'changed', false));
        END IF;
    END IF;
    RETURN stored;
END
$$;

COMMENT ON FUNCTION flywheel.validate(flywheel.validator_versions, bigint, bigint, boolean) IS
'Internal: verdicts of one version for the eligible steps lo..hi that have none; changed: for all of them again. Returns how many were stored.';

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
