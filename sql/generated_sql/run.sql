-- Runs one generated statement and rolls it back. Works in the copy that flywheel.allow_generated_sql() makes, with the
-- rights of a role that can read one schema and nothing else.

CREATE FUNCTION flywheel.run_generated_sql(
    sql             text,
    max_rows        int,
    timeout_seconds double precision,
    functions       text[],
    OUT state       text,
    OUT reason      text,
    OUT columns     int,
    OUT rows        bigint[],
    OUT more        boolean
)
    LANGUAGE plpgsql
AS $$
DECLARE
    own      CONSTANT text := current_user;
    parsed   CONSTANT text := 'parsed_' || pg_backend_pid(); -- others with the same name would wait for each other
    target   CONSTANT text := substr(own, length('flywheel_reads_') + 1);
    deadline CONSTANT timestamptz := clock_timestamp() + make_interval(secs => timeout_seconds);
    -- Without what cannot end a statement. With dollar quotes, nested comments or escapes nothing is taken away: to read
    -- those as the parser does takes a parser.
    bare     CONSTANT text := CASE WHEN sql ~* '\$|/\*|e''' THEN sql ELSE regexp_replace(sql, $r$'[^']*'|"[^"]*"|--[^\r\n]*$r$, '', 'g') END;
    max_size CONSTANT int := 16 * 1024 * 1024;
    found_it refcursor;
    r        record;
    as_json  json;
    size     int := 0;
BEGIN
    IF own NOT LIKE 'flywheel\_reads\_%' THEN
        RAISE EXCEPTION 'generated SQL does not run with the rights of %', own
            USING ERRCODE = 'insufficient_privilege', HINT = 'Use flywheel.sql_executes or flywheel.sql_same_result.';
    ELSIF length(sql) > 100000 THEN
        state := 'refused';
        reason := 'is longer than 100,000 characters';
        RETURN;
    ELSIF bare ~ ';\s*[^;\s]' THEN
        state := 'refused';
        reason := 'is more than one statement';
        RETURN;
    END IF;
    -- What lies outside is refused below. But the parser itself checks the conditions of a domain in the type of a literal.
    SELECT format('names schema %s, which is not allowed', s.nspname) INTO reason
    FROM pg_namespace s
    WHERE EXISTS (SELECT FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN pg_namespace d ON d.oid = t.typnamespace
                  WHERE d.nspname NOT IN (target, 'information_schema'))
      AND s.nspname <> target AND s.nspname !~ '^(pg_|information_schema$)' AND has_schema_privilege(s.oid, 'USAGE')
      AND (sql ~* 'u&"' OR sql ~* ('(^|[^\w$])' || regexp_replace(s.nspname::text, '(\W)', '\\\1', 'g') || '"?(\s|--[^\n]*|/\*.*\*/)*\.'))
      AND NOT EXISTS (SELECT FROM unnest(functions) AS f WHERE starts_with(f, s.nspname || '.'))
    LIMIT 1;
    IF reason IS NOT NULL THEN
        state := 'refused';
        RETURN;
    END IF;
    BEGIN
        -- For flywheel.stop_overdue(), in milliseconds: no timeout can be set from within a statement (measured).
        PERFORM pg_advisory_xact_lock_shared(hashtext('flywheel.generated_sql'),
            (ceil(extract(epoch FROM deadline) * 1000)::bigint & 4294967295)::bit(32)::int);
        state := 'invalid';
        PERFORM set_config('search_path', pg_catalog.format('pg_catalog, %I, pg_temp', target), true);
        EXECUTE pg_catalog.format('CREATE FUNCTION %I.%I() RETURNS SETOF record BEGIN ATOMIC %s%s; END', own, parsed, sql, chr(10));
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
        EXECUTE format('SELECT %I.generated_sql_refusal(to_regprocedure($1), to_regnamespace($2), $3)', own)
        INTO reason USING format('%I.%I()', own, parsed), quote_ident(target), functions;
        IF reason IS NOT NULL THEN
            state := 'refused';
        ELSE
            state := 'failed';
            PERFORM set_config('transaction_read_only', 'on', true);
            PERFORM set_config('search_path', pg_catalog.format('pg_catalog, %I, pg_temp', target), true);
            OPEN found_it NO SCROLL FOR EXECUTE sql; -- refuses what is more than one statement, or no query
            rows := '{}';
            more := false;
            LOOP
                FETCH found_it INTO r;
                as_json := pg_catalog.row_to_json(r); -- of the last row, and of none, too: all columns are NULL
                columns := coalesce(columns, (SELECT pg_catalog.count(*) FROM json_object_keys(as_json)));
                more := FOUND;
                EXIT WHEN NOT more OR cardinality(rows) >= max_rows;
                size := size + octet_length(as_json::text);
                IF size > max_size THEN
                    reason := 'has rows of more than 16 MB';
                    EXIT;
                END IF;
                -- Equal values have equal hashes, as 1 and 1.0, which jsonb_hash() sees to; but it does not see the sign of a
                -- number (measured). The names of columns do not count, their order does.
                rows := rows || (SELECT coalesce(pg_catalog.hash_array_extended(pg_catalog.array_agg(
                                     jsonb_hash_extended(v.value::jsonb, 1)
                                     # hashtextextended(regexp_replace(v.value::jsonb::text, '[0-9.]+', '', 'g'), 1) ORDER BY v.n), 0), 0)
                                 FROM json_each(as_json) WITH ORDINALITY AS v (name, value, n));
            END LOOP;
            IF reason IS NULL THEN
                state := 'ok';
            END IF;
        END IF;
        RAISE SQLSTATE 'FW000'; -- roll it back; the variables stay
    EXCEPTION
        WHEN SQLSTATE 'FW000' THEN
            NULL;
        WHEN query_canceled THEN
            -- Somebody else's, or the drain's own, whose transactions end after 30 s.
            IF clock_timestamp() < deadline OR clock_timestamp() > now() + interval '30 seconds' THEN
                RAISE;
            END IF;
            state := 'timeout';
            reason := format('did not end within %s s', timeout_seconds);
        WHEN OTHERS OR assert_failure THEN
            IF SQLSTATE ~ '^(40|55|57|58|XX|531|533)' OR state = 'invalid' AND SQLSTATE ~ '^25' THEN
                RAISE; -- a lock, a full disk, a caller's read-only transaction: not the statement's fault
            END IF;
            reason := CASE
                WHEN state = 'invalid' AND (SQLSTATE = '42P13' OR SQLSTATE = '0A000' AND SQLERRM LIKE '%SQL function body') THEN
                    'is no query: expected one SELECT, VALUES, TABLE or WITH'
                WHEN state = 'invalid' THEN left(SQLERRM, 500)
                -- Values that it read may be in the message, in quotes.
                WHEN SQLSTATE ~ '^5[34]' THEN SQLERRM -- out of memory and the like
                WHEN SQLSTATE ~ '^(0A|21|22|25|42)' THEN regexp_replace(SQLERRM, '\s*[":].*$', '')
                ELSE 'error ' || SQLSTATE END;
    END;
END
$$;

COMMENT ON FUNCTION flywheel.run_generated_sql(text, int, double precision, text[]) IS
'Internal: runs a generated statement, at most max_rows rows of it, in a read-only transaction that is rolled back; flywheel.allow_generated_sql() makes the copy that does. state: ok, refused (it would do more than read its schema), invalid (a syntax error, an unknown name), failed, or timeout, with a reason that holds no data. rows: a hash of each. more: there were more than max_rows.';
