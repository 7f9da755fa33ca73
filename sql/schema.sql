-- The schema's own facts.

COMMENT ON SCHEMA flywheel IS
'pg_flywheel: validators, judges and metrics for LLM pipelines. INSERT steps INTO flywheel.traces, register validators with flywheel.add_validator() and flywheel.add_judge(), read flywheel.metrics and flywheel.coverage.';

CREATE FUNCTION flywheel.version() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '0.1.0';

COMMENT ON FUNCTION flywheel.version() IS
'Version of this schema. flywheel.admit_worker() says which workers it serves.';

CREATE FUNCTION flywheel.admit_worker(version text) RETURNS text
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    -- Raised by the upgrade that breaks what older workers call.
    oldest CONSTANT text := '0.1.0';
BEGIN
    IF string_to_array(version, '.')::int[] > string_to_array(flywheel.version(), '.')::int[] THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('this worker is version %s, the database has pg_flywheel %s', version, flywheel.version()),
            HINT = 'Bring the database up to it: flywheel install';
    ELSIF string_to_array(version, '.')::int[] < string_to_array(oldest, '.')::int[] THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('this worker is version %s, the database has pg_flywheel %s, which serves workers from %s on',
                             version, flywheel.version(), oldest),
            HINT = 'Upgrade the worker: pip install -U pg-flywheel';
    END IF;
    RETURN flywheel.version();
END
$$;

COMMENT ON FUNCTION flywheel.admit_worker(text) IS
'For the worker: the version of this schema, or an error that says what to upgrade. Served are workers of this version and older ones that call nothing which has changed: first upgrade the database, then one worker after the other.';
