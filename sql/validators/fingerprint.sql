-- A function that is replaced in place is a new validator version, although nobody called add_validator.

CREATE FUNCTION flywheel.fingerprint_of(runs_in text, function text) RETURNS text
    LANGUAGE sql STABLE
AS $$
    SELECT CASE runs_in
        WHEN 'sql' THEN
            (SELECT md5(concat_ws(chr(31), p.prosrc, p.probin, pg_get_function_sqlbody(p.oid), p.prolang))
             FROM pg_proc p WHERE p.oid = to_regprocedure(function))
        WHEN 'python' THEN
            (SELECT p.fingerprint FROM flywheel.python_validators p WHERE p.name = function)
    END
$$;

COMMENT ON FUNCTION flywheel.fingerprint_of(text, text) IS
'Hash of the source that a code validator runs now; NULL when the function is gone.';

CREATE FUNCTION flywheel.follow_replaced_functions() RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    w flywheel.validator_versions;
BEGIN
    IF EXISTS (
        SELECT FROM flywheel.validators d JOIN flywheel.validator_versions c ON c.id = d.version_id
        WHERE d.enabled AND flywheel.fingerprint_of(c.runs_in, c.function) <> c.fingerprint
    ) THEN
        PERFORM flywheel.lock_registry();
        FOR w IN
            SELECT c.* FROM flywheel.validators d JOIN flywheel.validator_versions c ON c.id = d.version_id
            WHERE d.enabled AND flywheel.fingerprint_of(c.runs_in, c.function) <> c.fingerprint
        LOOP
            w.fingerprint := flywheel.fingerprint_of(w.runs_in, w.function);
            PERFORM flywheel.add_version(w);
        END LOOP;
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.follow_replaced_functions() IS
'Makes a new version of each validator whose function was replaced. The drain calls it.';
