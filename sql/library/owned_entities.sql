-- Whatever the input mentions (order numbers, accounts, e-mail addresses) has to belong to the user who asks.

CREATE FUNCTION flywheel.owned_entities(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    entities CONSTANT text[] := ARRAY(
        SELECT DISTINCT coalesce(m[1], m[2], m[3], m[4]) FROM regexp_matches(step.input, config ->> 'pattern', 'g') AS m ORDER BY 1);
    lookup   CONSTANT regprocedure := config ->> 'lookup' || '(text,text)';
    entity   text;
    owned    boolean;
    others   text[] := '{}';
BEGIN
    IF step.input IS NULL THEN
        RETURN ROW(NULL, NULL, 'the step has no input', NULL)::flywheel.verdict;
    END IF;
    FOREACH entity IN ARRAY entities LOOP
        IF step.user_id IS NULL THEN
            owned := false;
        ELSE
            EXECUTE format('SELECT %s($1, $2)', lookup::regproc) INTO owned USING step.user_id, entity;
        END IF;
        IF owned IS NOT TRUE THEN
            others := others || entity;
        END IF;
    END LOOP;
    RETURN ROW(cardinality(others) = 0, NULL,
               CASE WHEN cardinality(others) > 0 THEN
                   format('%s of %s mentioned entities %s', cardinality(others), cardinality(entities),
                          CASE WHEN step.user_id IS NULL THEN 'cannot belong to anybody: the step has no user_id'
                               ELSE 'do not belong to the user' END)
               END,
               CASE WHEN cardinality(others) > 0 THEN jsonb_build_object('not_owned', others) END)::flywheel.verdict;
END
$$;

COMMENT ON FUNCTION flywheel.owned_entities(flywheel.traces, jsonb) IS
'Validator of inputs: passes when every entity that the input mentions belongs to the step''s user_id. Config: "pattern", a regular expression of Postgres whose first group, or the whole of which, is an entity; "lookup", a function of yours, schema.name(user_id text, entity text) returning boolean. Have it owned by a role that may read that one table, SECURITY DEFINER with a pinned search_path: then it can do nothing else, whoever validates. Fails when entities are mentioned and the step has no user; passes when none is mentioned; abstains without an input.';

CREATE FUNCTION flywheel.owned_entities_check(config jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    PERFORM regexp_matches('', config ->> 'pattern');
    IF (SELECT p.prorettype <> 'boolean'::regtype FROM pg_proc p
        WHERE p.oid = to_regprocedure(config ->> 'lookup' || '(text,text)')) IS NOT FALSE
    THEN
        RAISE EXCEPTION 'lookup % is not a function (user_id text, entity text) returning boolean', config ->> 'lookup'
            USING ERRCODE = 'undefined_function', HINT = 'See \df+ flywheel.owned_entities.';
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.owned_entities_check(jsonb) IS
'Raises when the pattern is no regular expression, or the lookup no function of the right kind.';

CREATE FUNCTION flywheel.owned_entities_config() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN '{"properties": {"pattern": {"type": "string"}, "lookup": {"type": "string"}}, "required": ["pattern", "lookup"]}'::jsonb;

COMMENT ON FUNCTION flywheel.owned_entities_config() IS
'What config flywheel.owned_entities takes, as JSON Schema.';
