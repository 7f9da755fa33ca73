-- What keeps flywheel.aligned: labels and verdicts as they are written, in whatever order they come.

CREATE FUNCTION flywheel.align_labels() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    steps bigint[];
BEGIN
    IF flywheel.loads_a_dump() THEN
        RETURN NULL;
    END IF;
    steps := ARRAY(SELECT DISTINCT c.step_id FROM changed c);
    IF cardinality(steps) > 0 THEN
        PERFORM flywheel.align(steps);
        INSERT INTO flywheel.align_again (step_id) SELECT unnest(steps);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.align_labels() IS 'Trigger: changed labels change flywheel.aligned.';

CREATE FUNCTION flywheel.align_verdicts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lo bigint;
    hi bigint;
    steps bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM flywheel.labels) OR flywheel.loads_a_dump() THEN
        RETURN NULL;
    END IF;
    -- Once per statement: new steps, which is what the drain stores verdicts of, have no labels yet.
    SELECT min(c.step_id), max(c.step_id) INTO lo, hi FROM changed c;
    IF NOT EXISTS (SELECT FROM flywheel.labels l WHERE l.step_id BETWEEN lo AND hi) THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(DISTINCT c.step_id) INTO steps
    FROM changed c JOIN flywheel.validator_versions w ON w.id = c.version_id
    JOIN flywheel.labels l ON l.step_id = c.step_id AND l.validator = w.validator;
    IF steps IS NOT NULL THEN
        PERFORM flywheel.align(steps);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.align_verdicts() IS 'Trigger: verdicts of labelled steps change flywheel.aligned.';

CREATE TRIGGER align_inserted AFTER INSERT ON flywheel.labels
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.align_labels();
CREATE TRIGGER align_deleted AFTER DELETE ON flywheel.labels
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.align_labels();
CREATE TRIGGER align_update_out AFTER UPDATE ON flywheel.labels
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.align_labels();
CREATE TRIGGER align_update_in AFTER UPDATE ON flywheel.labels
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.align_labels();
CREATE TRIGGER align_inserted AFTER INSERT ON flywheel.verdicts
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.align_verdicts();
CREATE TRIGGER align_deleted AFTER DELETE ON flywheel.verdicts
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.align_verdicts();
CREATE TRIGGER align_update_out AFTER UPDATE ON flywheel.verdicts
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.align_verdicts();
CREATE TRIGGER align_update_in AFTER UPDATE ON flywheel.verdicts
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.align_verdicts();

COMMENT ON TRIGGER align_inserted ON flywheel.labels IS 'Keeps flywheel.aligned.';
COMMENT ON TRIGGER align_deleted ON flywheel.labels IS 'Keeps flywheel.aligned.';
COMMENT ON TRIGGER align_update_out ON flywheel.labels IS 'Keeps flywheel.aligned: the steps that labels are of no longer.';
COMMENT ON TRIGGER align_update_in ON flywheel.labels IS 'Keeps flywheel.aligned.';
COMMENT ON TRIGGER align_inserted ON flywheel.verdicts IS 'Keeps flywheel.aligned.';
COMMENT ON TRIGGER align_deleted ON flywheel.verdicts IS 'Keeps flywheel.aligned.';
COMMENT ON TRIGGER align_update_out ON flywheel.verdicts IS 'Keeps flywheel.aligned: the steps that verdicts are of no longer.';
COMMENT ON TRIGGER align_update_in ON flywheel.verdicts IS 'Keeps flywheel.aligned.';

CREATE FUNCTION flywheel.empty_aligned() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    TRUNCATE flywheel.aligned, flywheel.alignment_rollup, flywheel.align_again;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.empty_aligned() IS 'Trigger: TRUNCATE of labels or verdicts empties what pairs them.';

CREATE TRIGGER empty_aligned AFTER TRUNCATE ON flywheel.labels FOR EACH STATEMENT EXECUTE FUNCTION flywheel.empty_aligned();
CREATE TRIGGER empty_aligned AFTER TRUNCATE ON flywheel.verdicts FOR EACH STATEMENT EXECUTE FUNCTION flywheel.empty_aligned();

COMMENT ON TRIGGER empty_aligned ON flywheel.labels IS 'Keeps flywheel.aligned.';
COMMENT ON TRIGGER empty_aligned ON flywheel.verdicts IS 'Keeps flywheel.aligned.';

-- A code validator's rubric can change under its version; see flywheel.set_rubric().
CREATE FUNCTION flywheel.align_rubric() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM flywheel.align(ARRAY(SELECT DISTINCT l.step_id FROM flywheel.labels l WHERE l.validator = NEW.validator));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.align_rubric() IS 'Trigger: a version that answers to another rubric is held against other labels.';

CREATE TRIGGER align_rubric AFTER UPDATE OF rubric_version ON flywheel.validator_versions
    FOR EACH ROW WHEN (OLD.rubric_version <> NEW.rubric_version) EXECUTE FUNCTION flywheel.align_rubric();

COMMENT ON TRIGGER align_rubric ON flywheel.validator_versions IS 'Keeps flywheel.aligned.';
