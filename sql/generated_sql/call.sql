-- What the validators of generated SQL share: the statement in an answer, their config, and the call of the sandbox.

CREATE FUNCTION flywheel.sql_of(output text) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN (
        WITH lines AS (
            SELECT l.n, l.line, l.line ~ '^ {0,3}(```|~~~)' AS fence
            FROM regexp_split_to_table(output, '\r?\n') WITH ORDINALITY AS l (line, n)
        ), blocks AS (
            SELECT l.*, count(*) FILTER (WHERE l.fence) OVER (ORDER BY l.n) AS fences FROM lines l
        ), code AS (
            SELECT b.fences, string_agg(b.line, chr(10) ORDER BY b.n) AS sql FROM blocks b
            WHERE NOT b.fence AND b.fences % 2 = 1 GROUP BY b.fences
        )
        SELECT nullif(btrim(CASE WHEN EXISTS (SELECT FROM lines l WHERE l.fence) THEN string_agg(c.sql, ';' || chr(10) ORDER BY c.fences)
                                 ELSE output END, E' \t\r\n;'), '')
        FROM code c
    );

COMMENT ON FUNCTION flywheel.sql_of(text) IS
'The SQL in an answer: what is in Markdown''s code fences, or all of it where there are none; NULL when that is nothing.';

CREATE FUNCTION flywheel.check_generated_sql(config jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    reader CONSTANT text := 'flywheel_reads_' || (config ->> 'schema');
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.proname = 'run_generated_sql' AND s.nspname = reader AND r.rolname = reader AND p.prosecdef)
    THEN
        RAISE EXCEPTION 'generated SQL is not allowed to read schema %', config ->> 'schema'
            USING ERRCODE = 'insufficient_privilege', HINT = format('SELECT flywheel.allow_generated_sql(%L);', config ->> 'schema');
    ELSIF (config ->> 'timeout_seconds')::double precision NOT BETWEEN 0.001 AND 20 THEN -- a range may take 30
        RAISE EXCEPTION 'timeout_seconds is %, expected more than 0 and at most 20', config -> 'timeout_seconds'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Such as {"timeout_seconds": 5}.';
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.check_generated_sql(jsonb) IS
'Internal: raises when the schema of the config was not opened by flywheel.allow_generated_sql(), or the timeout is none.';

CREATE FUNCTION flywheel.call_generated_sql(
    sql text, config jsonb, OUT state text, OUT reason text, OUT columns int, OUT rows bigint[], OUT more boolean
)
    LANGUAGE plpgsql
AS $$
DECLARE
    confined CONSTANT boolean := flywheel.has_python();
BEGIN
    PERFORM flywheel.check_generated_sql(config); -- again: who drains runs no function that took the place of ours
    IF confined THEN
        EXECUTE 'SELECT flywheel.py_limit_memory(256)';
    END IF;
    BEGIN
        EXECUTE format('SELECT * FROM %I.run_generated_sql($1, $2, $3, $4)', 'flywheel_reads_' || (config ->> 'schema'))
        INTO state, reason, columns, rows, more
        USING sql, coalesce((config ->> 'max_rows')::int, 1000), coalesce((config ->> 'timeout_seconds')::double precision, 5),
              ARRAY(SELECT jsonb_array_elements_text(config -> 'functions'));
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        IF confined THEN
            EXECUTE 'SELECT flywheel.py_limit_memory(NULL)';
        END IF;
        RAISE;
    END;
    IF confined THEN
        EXECUTE 'SELECT flywheel.py_limit_memory(NULL)';
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.call_generated_sql(text, jsonb) IS
'Internal: flywheel.run_generated_sql() with the rights of the role that may read the schema of the config; where Python runs in the database, within 256 MB of memory beyond what the session has.';
