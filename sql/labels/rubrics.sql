-- What people and judges hold an output against, in versions: a label says which one it was given under.

CREATE TABLE flywheel.rubrics (
    validator  text REFERENCES flywheel.validators,
    version    int,
    rubric     text,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT session_user,
    PRIMARY KEY (validator, version)
);

ALTER TABLE flywheel.validator_versions ADD FOREIGN KEY (validator, rubric_version) REFERENCES flywheel.rubrics;

COMMENT ON TABLE flywheel.rubrics IS
'Every wording of what passes and what fails, per validator. A judge''s follow from flywheel.add_judge(); for a code validator write flywheel.set_rubric(). The current one is that of the validator''s current version; labels under another are stale, see flywheel.stale_labels.';
COMMENT ON COLUMN flywheel.rubrics.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.rubrics.version IS '1, 2, 3 ... within the validator. A wording that comes back has its old version.';
COMMENT ON COLUMN flywheel.rubrics.rubric IS 'The wording; NULL for a code validator: as its function decides.';
COMMENT ON COLUMN flywheel.rubrics.created_at IS 'When it was first used.';
COMMENT ON COLUMN flywheel.rubrics.created_by IS 'Who wrote it.';

CREATE FUNCTION flywheel.number_rubric(validator text, rubric text) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    number int := (SELECT max(r.version) FROM flywheel.rubrics r
                   WHERE r.validator = number_rubric.validator AND r.rubric IS NOT DISTINCT FROM number_rubric.rubric);
BEGIN
    IF number IS NULL THEN
        INSERT INTO flywheel.rubrics (validator, version, rubric)
        SELECT number_rubric.validator, coalesce(max(r.version), 0) + 1, number_rubric.rubric
        FROM flywheel.rubrics r WHERE r.validator = number_rubric.validator
        RETURNING version INTO number;
    END IF;
    RETURN number;
END
$$;

COMMENT ON FUNCTION flywheel.number_rubric(text, text) IS
'Internal: the version of a wording, which is stored if it is new. The caller holds the registry lock.';

CREATE FUNCTION flywheel.current_rubric(validator text) RETURNS int
    LANGUAGE sql STABLE
    RETURN (SELECT w.rubric_version FROM flywheel.validators d JOIN flywheel.validator_versions w ON w.id = d.version_id
            WHERE d.name = current_rubric.validator);

COMMENT ON FUNCTION flywheel.current_rubric(text) IS
'Version of the rubric that a validator''s current version answers to; NULL: there is no such validator.';

CREATE FUNCTION flywheel.set_rubric(validator text, rubric text) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    d      flywheel.validators := flywheel.known_validator(validator);
    number int;
BEGIN
    IF d.kind = 'judge' THEN
        RAISE EXCEPTION 'the rubric of judge "%" is part of its version', validator
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A new version with another rubric: SELECT flywheel.add_judge(...).';
    ELSIF coalesce(btrim(rubric), '') = '' THEN
        RAISE EXCEPTION 'the rubric of "%" is empty', validator
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Say what passes and what fails, for the people who label.';
    END IF;
    PERFORM flywheel.lock_registry();
    number := flywheel.number_rubric(validator, rubric);
    UPDATE flywheel.validator_versions w SET rubric_version = number WHERE w.id = d.version_id;
    RETURN number;
END
$$;

COMMENT ON FUNCTION flywheel.set_rubric(text, text) IS
'Says in words what a code validator is to decide, for the people who label; returns the rubric''s version. Labels under an earlier one become stale.';
