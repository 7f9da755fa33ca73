-- Switch a validator on or off, or change its sampling, from the next step on.

CREATE FUNCTION flywheel.known_validator(name text) RETURNS flywheel.validators
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    d flywheel.validators;
BEGIN
    SELECT * INTO d FROM flywheel.validators v WHERE v.name = known_validator.name;
    IF d.name IS NULL THEN
        RAISE EXCEPTION 'validator % does not exist', coalesce(quote_ident(name), 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = format('Known: %s.', coalesce((SELECT string_agg(v.name, ', ' ORDER BY v.name) FROM flywheel.validators v), 'none'));
    END IF;
    RETURN d;
END
$$;

COMMENT ON FUNCTION flywheel.known_validator(text) IS
'The validator of this name, or an error that lists the known ones.';

CREATE FUNCTION flywheel.change_activation(
    validator text, enabled boolean, sample_rate double precision, mode text
) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    d flywheel.validators := flywheel.known_validator(validator);
BEGIN
    IF (d.enabled, d.sample_rate, d.mode) IS DISTINCT FROM (enabled, sample_rate, mode) THEN
        UPDATE flywheel.validators v
        SET enabled = change_activation.enabled, sample_rate = change_activation.sample_rate, mode = change_activation.mode
        WHERE v.name = d.name;
        PERFORM flywheel.move_live(d.name);
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.change_activation(text, boolean, double precision, text) IS
'Internal: closes the live activation and opens another under the new terms. The caller holds the registry lock.';

CREATE FUNCTION flywheel.set_validator(
    name text, enabled boolean DEFAULT NULL, sample_rate double precision DEFAULT NULL
) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    d flywheel.validators;
BEGIN
    IF sample_rate IS NOT NULL THEN
        PERFORM flywheel.check_sample_rate(sample_rate);
    END IF;
    PERFORM flywheel.lock_registry();
    d := flywheel.known_validator(name);
    IF set_validator.enabled THEN
        PERFORM flywheel.resume(d.name);
    END IF;
    PERFORM flywheel.change_activation(
        d.name, coalesce(set_validator.enabled, d.enabled), coalesce(set_validator.sample_rate, d.sample_rate), d.mode);
END
$$;

COMMENT ON FUNCTION flywheel.set_validator(text, boolean, double precision) IS
'Switches a validator on or off, or changes its sample rate, from the next step on; NULL leaves a setting as it is. Steps inserted while it is off are not eligible ("paused" in flywheel.coverage); flywheel.backfill() catches up on them. enabled => true also brings back a validator that switched itself off (see flywheel.coverage.suspended), with all steps that waited.';
