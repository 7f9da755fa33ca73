-- A role for each schema that generated SQL may read: it has no other right, no member and no login.

CREATE FUNCTION flywheel.allow_generated_sql(schema text) RETURNS text
    LANGUAGE plpgsql
AS $$
DECLARE
    reader CONSTANT text := 'flywheel_reads_' || schema; -- the name of the role, and of a schema of its own for its functions
    runner CONSTANT text := quote_ident(reader) || '.run_generated_sql(text, int, double precision, text[])';
    name   text;
BEGIN
    IF to_regnamespace(quote_ident(schema)) IS NULL OR octet_length(reader) > 63 OR schema ~ '^(pg_|flywheel(_reads_.*)?$|information_schema$)' THEN
        RAISE EXCEPTION 'generated SQL cannot be allowed to read schema %', coalesce(quote_ident(schema), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give a schema of this database, with your tables or views and a name of at most 48 bytes.';
    END IF;
    IF to_regrole(quote_ident(reader)) IS NULL THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', reader);
            EXECUTE format('COMMENT ON ROLE %I IS %L', reader, format('pg_flywheel. Generated SQL runs with its rights: it reads schema %s.', schema));
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this cluster was faster
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'role % is missing and user % may not create it', quote_ident(reader), current_user
                    USING ERRCODE = 'insufficient_privilege',
                          HINT = format('Have it created: CREATE ROLE %I NOLOGIN; GRANT %1$I TO %2$I; then call this again.', reader, current_user);
        END;
    END IF;
    IF NOT pg_has_role(current_user, reader, 'USAGE') THEN
        EXECUTE format('GRANT %I TO %I', reader, current_user); -- whoever gives away an object is a member of who gets it
    END IF;

    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', schema, reader);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', schema, reader);
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %1$I', reader);
    FOREACH name IN ARRAY '{generated_sql_refusal,run_generated_sql}'::text[] LOOP
        EXECUTE regexp_replace(pg_get_functiondef(('flywheel.' || name)::regproc), ' FUNCTION flywheel\.', format(' FUNCTION %I.', reader));
        EXECUTE format('ALTER FUNCTION %I.%I OWNER TO %1$I', reader, name);
        EXECUTE format('REVOKE ALL ON FUNCTION %I.%I FROM PUBLIC', reader, name);
    END LOOP;
    EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET standard_conforming_strings = on SET work_mem = ''16MB''
                    SET hash_mem_multiplier = 1 SET max_parallel_workers_per_gather = 0 SET jit = off SET lock_timeout = ''2s''', runner);
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        IF NOT has_parameter_privilege(reader, 'temp_file_limit', 'SET') THEN
            LOCK TABLE pg_parameter_acl IN SHARE ROW EXCLUSIVE MODE; -- of the whole cluster: two databases may do this at once
            EXECUTE format('GRANT SET ON PARAMETER temp_file_limit TO %I', reader);
        END IF;
        EXECUTE format('ALTER FUNCTION %s SET temp_file_limit = ''256MB''', runner);
    END IF;
    FOREACH name IN ARRAY '{flywheel_writer,flywheel_worker,flywheel_admin}'::text[] LOOP
        CONTINUE WHEN to_regrole(name) IS NULL;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', reader, name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', runner, name);
    END LOOP;
    RETURN reader;
END
$$;

COMMENT ON FUNCTION flywheel.allow_generated_sql(text) IS
'Lets the validators that run generated SQL read the tables and views that schema has now; call it again for later ones, and after an upgrade. They run as role flywheel_reads_<schema>, which is returned: it has no other right, so take away what is not for them (REVOKE SELECT ON schema.table FROM ...). A view shows what its owner can read. Who may run validators, also by flywheel.check, can ask yes-or-no questions about what it reads. Needs the right to create roles, and to grant on the schema. Undo: DROP OWNED BY flywheel_reads_<schema> CASCADE. Databases of one cluster share the role: a schema of the same name in another one is to be allowed again after that.';
