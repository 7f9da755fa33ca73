-- A schema of look-alikes of everything in pg_catalog that the source of our functions names: functions and aggregates of
-- the same signature, operators of each pair of types that ours meet (where pg_catalog only has a cast or a polymorphic
-- one, the look-alike fits better), a catalog and a type. Each tells who ran it, then does what the real one does.
CREATE SCHEMA planted;
GRANT USAGE ON SCHEMA planted TO PUBLIC;

CREATE FUNCTION planted.note(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'planted % ran as %', what, current_user;
    RETURN true;
END
$$;

DO $plant$
DECLARE
    source CONSTANT text := (SELECT string_agg(p.prosrc, ' ') FROM pg_proc p WHERE p.pronamespace = 'flywheel'::regnamespace);
    met    CONSTANT regtype[] := '{text,name,int,bigint,boolean,double precision,numeric,jsonb,timestamptz,interval,oid,text[],bigint[],
                                   int8range,int8multirange,flywheel.traces,flywheel.validator_versions,flywheel.verdict}';
    f      record;
    result regtype;
BEGIN
    FOR f IN
        SELECT p.proname, p.prokind, p.proretset, pg_get_function_arguments(p.oid) AS args, pg_get_function_result(p.oid) AS result,
               coalesce((SELECT string_agg('$' || n, ', ') FROM generate_series(1, p.pronargs) n), '') AS given,
               array_to_string(p.proargtypes::regtype[], ', ') AS types, p.provariadic <> 0 AS variadic
        FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a')
          AND p.proname::text = ANY (SELECT (regexp_matches(source, '(\w+)\s*\(', 'g'))[1])
    LOOP
        BEGIN
            IF f.prokind = 'a' THEN
                EXECUTE format('CREATE FUNCTION planted.%I(int, %s) RETURNS int LANGUAGE plpgsql AS %L', 'state ' || f.proname, f.types,
                    format('BEGIN PERFORM planted.note(%L); RETURN 0; END', f.proname));
                EXECUTE format('CREATE AGGREGATE planted.%I(%s) (sfunc = planted.%I, stype = int, initcond = 0)',
                    f.proname, f.types, 'state ' || f.proname);
            ELSIF f.variadic THEN
                EXECUTE format('CREATE FUNCTION planted.%I(%s VARIADIC text[]) RETURNS %s LANGUAGE sql AS %L',
                    f.proname, CASE WHEN f.types LIKE '%,%' THEN 'text, ' END, f.result,
                    format('SELECT planted.note(%L); SELECT NULL::%s', f.proname, f.result));
            ELSE
                EXECUTE format('CREATE FUNCTION planted.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', f.proname, f.args, f.result,
                    format(CASE WHEN f.proretset THEN 'BEGIN PERFORM planted.note(%L); RETURN QUERY SELECT * FROM pg_catalog.%I(%s); END'
                                ELSE 'BEGIN PERFORM planted.note(%L); RETURN pg_catalog.%I(%s); END' END, f.proname, f.proname, f.given));
            END IF;
        EXCEPTION WHEN OTHERS THEN
            NULL; -- of internal types, which nobody can plant either
        END;
    END LOOP;

    -- Polymorphic ones, for each type.
    FOR f IN
        SELECT DISTINCT p.proname, p.prokind, a AS type, replace(replace(pg_get_function_result(p.oid), 'anyarray', a::text),
               'anyelement', coalesce((SELECT e.typelem::regtype FROM pg_type e WHERE e.oid = a AND e.typelem <> 0), a)::text) AS result
        FROM pg_proc p CROSS JOIN unnest(met) AS a
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.pronargs = 1 AND p.prokind IN ('f', 'a')
          AND p.proargtypes[0]::regtype::text LIKE 'any%'
          AND p.proname::text = ANY (SELECT (regexp_matches(source, '(\w+)\s*\(', 'g'))[1])
    LOOP
        BEGIN
            IF f.prokind = 'a' THEN
                EXECUTE format('CREATE FUNCTION planted.%I(int, %s) RETURNS int LANGUAGE plpgsql AS %L', 'state ' || f.proname, f.type,
                    format('BEGIN PERFORM planted.note(%L); RETURN 0; END', f.proname));
                EXECUTE format('CREATE AGGREGATE planted.%I(%s) (sfunc = planted.%I, stype = int, initcond = 0)',
                    f.proname, f.type, 'state ' || f.proname);
            ELSIF f.result NOT LIKE 'SETOF%' THEN
                EXECUTE format('CREATE FUNCTION planted.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', f.proname, f.type, f.result,
                    format('BEGIN PERFORM planted.note(%L); RETURN pg_catalog.%I($1); END', f.proname, f.proname));
            ELSE
                EXECUTE format('CREATE FUNCTION planted.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', f.proname, f.type, f.result,
                    format('BEGIN PERFORM planted.note(%L); RETURN QUERY SELECT pg_catalog.%I($1); END', f.proname, f.proname));
            END IF;
        EXCEPTION WHEN OTHERS THEN
            NULL; -- does not take such a type
        END;
    END LOOP;

    FOR f IN
        SELECT DISTINCT o.oprname, l, r
        FROM pg_operator o CROSS JOIN unnest(met) AS l CROSS JOIN unnest(met) AS r
        WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprkind = 'b' AND strpos(source, o.oprname) > 0
    LOOP
        BEGIN
            EXECUTE format('SELECT pg_typeof(NULL::%s OPERATOR(pg_catalog.%s) NULL::%s)', f.l, f.oprname, f.r) INTO result;
            EXECUTE format('CREATE FUNCTION planted.%I(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', 'operator ' || f.oprname, f.l, f.r, result,
                format('BEGIN PERFORM planted.note(%L); RETURN $1 OPERATOR(pg_catalog.%s) $2; END', f.oprname, f.oprname));
            EXECUTE format('CREATE OPERATOR planted.%s (leftarg = %s, rightarg = %s, function = planted.%I)',
                f.oprname, f.l, f.r, 'operator ' || f.oprname);
        EXCEPTION WHEN OTHERS THEN
            NULL; -- pg_catalog has no such operator either
        END;
    END LOOP;
END
$plant$;

CREATE VIEW planted.pg_proc AS SELECT * FROM pg_catalog.pg_proc WHERE planted.note('pg_proc');
CREATE VIEW planted.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE planted.note('pg_class');
CREATE VIEW planted.pg_extension AS SELECT * FROM pg_catalog.pg_extension WHERE planted.note('pg_extension');
GRANT SELECT ON ALL TABLES IN SCHEMA planted TO PUBLIC;
CREATE DOMAIN planted.jsonb AS pg_catalog.jsonb CHECK (planted.note('jsonb'));
CREATE DOMAIN planted.regprocedure AS pg_catalog.regprocedure CHECK (planted.note('regprocedure'));
