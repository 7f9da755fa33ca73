-- A function that is replaced in place is a new validator version, although nobody called add_validator; so is on_topic
-- with other examples.

CREATE FUNCTION flywheel.fingerprint_of(runs_in text, function text, config jsonb) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp -- or pg_get_function_sqlbody names schemas for some callers only
AS $$
    SELECT CASE runs_in
        WHEN 'sql' THEN
            (SELECT md5(concat_ws(chr(31), p.prosrc, p.probin, pg_get_function_sqlbody(p.oid), p.prolang,
                 (SELECT t.fingerprint FROM flywheel.topics t
                  WHERE t.topic = config ->> 'topic' AND function = 'flywheel.on_topic(flywheel.traces,jsonb)')))
             FROM pg_proc p WHERE p.oid = to_regprocedure(function))
        WHEN 'python' THEN
            (SELECT p.fingerprint FROM flywheel.python_validators p WHERE p.name = function)
    END
$$;

COMMENT ON FUNCTION flywheel.fingerprint_of(text, text, jsonb) IS
'Hash of what a code validator runs now: its source and, for on_topic, the examples of the topic. NULL when the function is gone.';

CREATE FUNCTION flywheel.follow_replaced_functions() RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    w flywheel.validator_versions;
BEGIN
    IF EXISTS (
        SELECT FROM flywheel.validators d JOIN flywheel.validator_versions c ON c.id = d.version_id
        WHERE flywheel.fingerprint_of(c.runs_in, c.function, c.config) <> c.fingerprint
    ) THEN
        PERFORM flywheel.lock_registry();
        FOR w IN
            SELECT c.* FROM flywheel.validators d JOIN flywheel.validator_versions c ON c.id = d.version_id
            WHERE flywheel.fingerprint_of(c.runs_in, c.function, c.config) <> c.fingerprint
        LOOP
            w.fingerprint := flywheel.fingerprint_of(w.runs_in, w.function, w.config);
            PERFORM flywheel.add_version(w);
        END LOOP;
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.follow_replaced_functions() IS
'Makes a new version of each validator whose function was replaced. The drain calls it.';

CREATE FUNCTION flywheel.hand_over(old_id int, lo bigint, hi bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old flywheel.validator_versions := (SELECT w FROM flywheel.validator_versions w WHERE w.id = old_id);
    new flywheel.validator_versions;
BEGIN
    IF flywheel.fingerprint_of(old.runs_in, old.function, old.config) IS NOT DISTINCT FROM old.fingerprint AND old.suspended IS NULL THEN
        RETURN false;
    END IF;
    PERFORM flywheel.lock_registry();
    PERFORM flywheel.follow_replaced_functions();
    SELECT w.* INTO new FROM flywheel.validator_versions w
    WHERE w.validator = old.validator AND w.id > old.id AND w.suspended IS NULL
      AND w.fingerprint = flywheel.fingerprint_of(w.runs_in, w.function, w.config)
      AND (w.function = old.function OR old.suspended IS NOT NULL)
    ORDER BY w.id DESC LIMIT 1;
    IF new.id IS NULL THEN
        RETURN false; -- the function is gone for good: its steps get the error that says so
    END IF;
    INSERT INTO flywheel.activations (version_id, kind, lo, hi, since, until, sample_rate)
    SELECT new.id, 'backfill', greatest(a.lo, hand_over.lo), least(coalesce(a.hi, hand_over.hi), hand_over.hi), a.since, a.until, a.sample_rate
    FROM flywheel.activations a
    WHERE a.version_id = old.id AND a.lo <= hand_over.hi AND (a.hi IS NULL OR a.hi >= hand_over.lo);
    PERFORM flywheel.recount(old.validator, lo, hi);
    INSERT INTO flywheel.inbox (lo, hi, n, version_id) VALUES (lo, hi, hi - lo + 1, new.id);
    RETURN true;
END
$$;

COMMENT ON FUNCTION flywheel.hand_over(int, bigint, bigint) IS
'Internal: steps that waited for a version whose function was replaced meanwhile, or that switched itself off, go to the newest version that can run. False when there is nothing to hand over.';
