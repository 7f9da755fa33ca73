-- Reading labels, by split: the test split only with a note of who did.

CREATE FUNCTION flywheel.read_labels(validator text DEFAULT NULL, split text DEFAULT NULL) RETURNS SETOF flywheel.labels
    LANGUAGE plpgsql
AS $$
BEGIN
    IF validator IS NOT NULL THEN
        PERFORM flywheel.known_validator(validator);
    END IF;
    IF split NOT IN ('few_shot', 'dev', 'test') THEN
        RAISE EXCEPTION 'there is no split "%"', split USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected few_shot, dev, test, or NULL for all.';
    END IF;
    PERFORM flywheel.note_test_read(l.validator, 'labels')
    FROM (SELECT DISTINCT t.validator FROM flywheel.labels t
          WHERE t.split = 'test' AND coalesce(read_labels.split, 'test') = 'test' AND t.validator = coalesce(read_labels.validator, t.validator)) l;
    RETURN QUERY
    SELECT l.* FROM flywheel.labels l
    WHERE l.validator = coalesce(read_labels.validator, l.validator) AND l.split = coalesce(read_labels.split, l.split);
END
$$;

COMMENT ON FUNCTION flywheel.read_labels(text, text) IS
'Labels of a validator and split, NULL for all: as flywheel.labels, but reading test labels is logged in flywheel.test_reads, once per call and validator.';
