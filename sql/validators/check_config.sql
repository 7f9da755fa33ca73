-- Bad config is an error at the call that gives it, not a thousand error verdicts later.

CREATE FUNCTION flywheel.check_config(validator text, spec jsonb, config jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    allowed text := (SELECT coalesce(string_agg(k, ', ' ORDER BY k), 'none') FROM jsonb_object_keys(spec -> 'properties') AS k);
    key     text;
    wanted  jsonb;
BEGIN
    SELECT k INTO key FROM jsonb_object_keys(config) AS k WHERE NOT spec -> 'properties' ? k LIMIT 1;
    IF key IS NOT NULL THEN
        RAISE EXCEPTION 'validator % does not take config key "%"', validator, key
            USING ERRCODE = 'invalid_parameter_value', HINT = format('It takes: %s.', allowed);
    END IF;

    SELECT k INTO key FROM jsonb_array_elements_text(spec -> 'required') AS k WHERE NOT config ? k LIMIT 1;
    IF key IS NOT NULL THEN
        RAISE EXCEPTION 'validator % needs config key "%"', validator, key
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('It takes: %s. Such as config => ''{"%s": ...}''.', allowed, key);
    END IF;

    FOR key, wanted IN SELECT p.key, p.value FROM jsonb_each(spec -> 'properties') p WHERE config ? p.key LOOP
        IF NOT flywheel.fits_schema(config -> key, wanted) THEN
            RAISE EXCEPTION 'validator % takes another kind of value for config key "%": %', validator, key, config -> key
                USING ERRCODE = 'invalid_parameter_value', HINT = format('Expected, as JSON Schema: %s.', wanted - 'default');
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.check_config(text, jsonb, jsonb) IS
'Raises with a hint when config has an unknown key, lacks a required one, or has a value of the wrong type by spec, the JSON Schema of the validator''s config.';

CREATE FUNCTION flywheel.fits_schema(value jsonb, spec jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT CASE
        WHEN spec ? 'anyOf' THEN
            (SELECT bool_or(flywheel.fits_schema(fits_schema.value, s.one)) FROM jsonb_array_elements(spec -> 'anyOf') AS s (one))
        WHEN spec ? 'enum' THEN spec -> 'enum' @> value
        WHEN NOT spec ? 'type' THEN true
        WHEN spec ->> 'type' IN ('integer', 'number') THEN
            CASE WHEN jsonb_typeof(value) = 'number' THEN
                (spec ->> 'type' = 'number' OR value::numeric % 1 = 0)
                AND coalesce(value::numeric >= (spec ->> 'minimum')::numeric, true)
            ELSE false END
        WHEN spec ->> 'type' = 'array' THEN
            CASE WHEN jsonb_typeof(value) = 'array' THEN
                (SELECT coalesce(bool_and(flywheel.fits_schema(e, coalesce(spec -> 'items', '{}'))), true)
                 FROM jsonb_array_elements(value) AS e)
            ELSE false END
        ELSE jsonb_typeof(value) = spec ->> 'type'
    END
$$;

COMMENT ON FUNCTION flywheel.fits_schema(jsonb, jsonb) IS
'Whether a JSON value fits the part of JSON Schema that configs need: type, minimum, items, enum, anyOf.';
