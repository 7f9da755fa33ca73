-- The schema's own facts.

COMMENT ON SCHEMA flywheel IS
'pg_flywheel: validators, judges and metrics for LLM pipelines. INSERT steps INTO flywheel.traces, register validators with flywheel.add_validator() and flywheel.add_judge(), read flywheel.metrics and flywheel.coverage.';

CREATE FUNCTION flywheel.version() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '0.1.0';

COMMENT ON FUNCTION flywheel.version() IS
'Version of this schema. The worker refuses a schema that it does not know.';
