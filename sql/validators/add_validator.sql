-- Register a code validator: any function f(step flywheel.traces, config jsonb), or 'py:<name>'.

CREATE FUNCTION flywheel.resolve_function(function text) RETURNS regprocedure
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    oids oid[];
    args text;
    bare text := substring(function FROM '^(?:[^"(]|"[^"]*")*'); -- a quoted name may hold a parenthesis
BEGIN
    -- The name may be qualified or not, with its arguments or without: parse_ident follows SQL's quoting.
    SELECT pg_catalog.array_agg(p.oid), pg_catalog.string_agg(pg_catalog.format('%s returns %s', p.oid::regprocedure, p.prorettype::regtype), '; ')
    INTO oids, args
    FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace
    WHERE CASE pg_catalog.cardinality(pg_catalog.parse_ident(bare))
        WHEN 1 THEN p.proname = (pg_catalog.parse_ident(bare))[1] AND pg_catalog.pg_function_is_visible(p.oid)
        ELSE s.nspname = (pg_catalog.parse_ident(bare))[1] AND p.proname = (pg_catalog.parse_ident(bare))[2]
    END;
    IF oids IS NULL THEN
        RAISE EXCEPTION 'function % does not exist', function
            USING ERRCODE = 'undefined_function',
                  HINT = 'Give schema.name of a function f(step flywheel.traces, config jsonb), or ''py:<name>'' for one of flywheel.python_validators.';
    END IF;

    SELECT pg_catalog.array_agg(p.oid) INTO oids
    FROM pg_proc p
    WHERE p.oid = ANY (oids) AND p.prokind = 'f' AND NOT p.proretset
      AND p.pronargs = 2 AND p.proargtypes[0] = 'flywheel.traces'::regtype AND p.proargtypes[1] = 'jsonb'::regtype
      AND p.prorettype IN ('flywheel.verdict'::regtype, 'boolean'::regtype);
    IF oids IS NULL THEN
        RAISE EXCEPTION 'function % is not a validator: it is %', function, args
            USING ERRCODE = 'invalid_function_definition',
                  HINT = 'Expected f(step flywheel.traces, config jsonb) returning flywheel.verdict or boolean.';
    END IF;
    RETURN oids[1];
END
$$;

COMMENT ON FUNCTION flywheel.resolve_function(text) IS
'Finds the validator function of this name, or raises with what it found and what it expected.';

CREATE FUNCTION flywheel.add_validator(
    name        text,
    function    text,
    config      jsonb DEFAULT '{}',
    pipeline    text DEFAULT NULL,
    node        text DEFAULT NULL,
    node_type   text DEFAULT NULL,
    sample_rate double precision DEFAULT 1,
    mode        text DEFAULT 'eager',
    enabled     boolean DEFAULT true
) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    w       flywheel.validator_versions;
    p       flywheel.python_validators;
    library regprocedure;
    spec    jsonb;
BEGIN
    IF pg_catalog.jsonb_typeof(config) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'config of a validator is a JSON object, not %', coalesce(config::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Such as config => ''{"limit": 500}''.';
    END IF;
    w.validator := name;
    w.config := config;
    w.pipeline := pipeline;
    w.node := node;
    w.node_type := node_type;
    IF function LIKE 'py:%' THEN
        SELECT * INTO p FROM flywheel.python_validators v WHERE v.name = pg_catalog.substr(function, 4);
        IF p.name IS NULL THEN
            RAISE EXCEPTION 'there is no Python validator "%"', pg_catalog.substr(function, 4)
                USING ERRCODE = 'undefined_function',
                      HINT = pg_catalog.format('Known: %s.', (SELECT pg_catalog.string_agg(v.name, ', ' ORDER BY v.name) FROM flywheel.python_validators v));
        END IF;
        PERFORM flywheel.check_config(function, p.config_schema, config);
        IF flywheel.has_python() THEN
            EXECUTE 'SELECT flywheel.py_check_config($1, $2)' USING p.name, config::text;
        END IF;
        w.runs_in := 'python';
        w.function := p.name;
        w.reads := p.fields;
    ELSE
        w.runs_in := 'sql';
        -- Stored with its schema, whatever the caller's search_path.
        w.function := (SELECT pg_catalog.format('%I.%I(flywheel.traces,jsonb)', s.nspname, f.proname)
                       FROM pg_proc f JOIN pg_namespace s ON s.oid = f.pronamespace
                       WHERE f.oid = flywheel.resolve_function(function));
        -- The library's validators say what config they take; that of others is theirs, and no function of theirs is
        -- run here, with the rights of whoever registers.
        library := pg_catalog.to_regprocedure(substring(w.function FROM '^(flywheel\.\w+)\(') || '_config()');
        IF library IS NOT NULL THEN
            EXECUTE 'SELECT ' || library INTO spec;
            PERFORM flywheel.check_config(function, spec, config);
        END IF;
        library := pg_catalog.to_regprocedure(substring(w.function FROM '^(flywheel\.\w+)\(') || '_check(jsonb)');
        IF library IS NOT NULL THEN
            EXECUTE pg_catalog.format('SELECT %s($1)', library::regproc) USING config;
        END IF;
    END IF;
    w.fingerprint := flywheel.fingerprint_of(w.runs_in, w.function, w.config);
    RETURN flywheel.register(w, 'code', mode, sample_rate, enabled);
END
$$;

COMMENT ON FUNCTION flywheel.add_validator(text, text, jsonb, text, text, text, double precision, text, boolean) IS
'Registers a code validator, or makes a new version of it when something changed; returns the version''s id. function: schema.name of f(step flywheel.traces, config jsonb) returning flywheel.verdict or boolean, or ''py:<name>'' of flywheel.python_validators. pipeline, node, node_type: only those steps. sample_rate: share of the traces, 0..1. mode: eager, or on_demand (see flywheel.evaluate). New steps only: for older ones see flywheel.backfill.';

CREATE FUNCTION flywheel.has_python() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN to_regprocedure('flywheel.py_validate(text, text, text[])') IS NOT NULL;

COMMENT ON FUNCTION flywheel.has_python() IS
'Whether Python validators run in this database (extension pg_flywheel_python) or in the worker.';
