-- Bad config is an error at the call that gives it, not a thousand error verdicts later.

CREATE FUNCTION flywheel.check_python_config(validator text, config jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    spec    jsonb := (SELECT p.config_schema FROM flywheel.python_validators p WHERE p.name = validator);
    allowed text := (SELECT coalesce(string_agg(k, ', ' ORDER BY k), 'none') FROM jsonb_object_keys(spec -> 'properties') AS k);
    key     text;
    wanted  jsonb;
BEGIN
    SELECT k INTO key FROM jsonb_object_keys(config) AS k WHERE NOT spec -> 'properties' ? k LIMIT 1;
    IF key IS NOT NULL THEN
        RAISE EXCEPTION 'validator py:% does not take config key "%"', validator, key
            USING ERRCODE = 'invalid_parameter_value', HINT = format('It takes: %s.', allowed);
    END IF;

    SELECT k INTO key FROM jsonb_array_elements_text(spec -> 'required') AS k WHERE NOT config ? k LIMIT 1;
    IF key IS NOT NULL THEN
        RAISE EXCEPTION 'validator py:% needs config key "%"', validator, key
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('It takes: %s. Such as config => ''{"%s": ...}''.', allowed, key);
    END IF;

    FOR key, wanted IN SELECT p.key, p.value FROM jsonb_each(spec -> 'properties') p WHERE config ? p.key LOOP
        IF NOT flywheel.fits_schema(config -> key, wanted) THEN
            RAISE EXCEPTION 'validator py:% takes another kind of value for config key "%": %', validator, key, config -> key
                USING ERRCODE = 'invalid_parameter_value', HINT = format('Expected, as JSON Schema: %s.', wanted - 'default');
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.check_python_config(text, jsonb) IS
'Raises with a hint when config has an unknown key, lacks a required one, or has a value of the wrong type for the Python validator.';

CREATE FUNCTION flywheel.fits_schema(value jsonb, spec jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT CASE
        WHEN spec ? 'anyOf' THEN
            (SELECT bool_or(flywheel.fits_schema(fits_schema.value, s.value)) FROM jsonb_array_elements(spec -> 'anyOf') AS s)
        WHEN spec ? 'enum' THEN spec -> 'enum' @> value
        WHEN NOT spec ? 'type' THEN true
        WHEN spec ->> 'type' = 'integer' THEN jsonb_typeof(value) = 'number' AND value::numeric % 1 = 0
        WHEN spec ->> 'type' = 'array' THEN
            CASE WHEN jsonb_typeof(value) = 'array' THEN
                (SELECT coalesce(bool_and(flywheel.fits_schema(e, coalesce(spec -> 'items', '{}'))), true)
                 FROM jsonb_array_elements(value) AS e)
            ELSE false END
        ELSE jsonb_typeof(value) = spec ->> 'type'
    END
$$;

COMMENT ON FUNCTION flywheel.fits_schema(jsonb, jsonb) IS
'Whether a JSON value fits the part of JSON Schema that Python signatures give: type, items, enum, anyOf.';
