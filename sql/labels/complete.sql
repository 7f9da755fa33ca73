-- What follows from its step is filled into a new label; a label that cannot be is refused.

CREATE FUNCTION flywheel.place_label(INOUT l flywheel.labels) RETURNS flywheel.labels
    LANGUAGE plpgsql
AS $$
DECLARE
    shingles int[] := (SELECT flywheel.shingles(concat_ws(E'\n', t.input, t.output)) FROM flywheel.traces t WHERE t.id = l.step_id);
    twins    bigint[];
    splits   text[];
BEGIN
    l.keys := flywheel.shingle_keys(shingles);
    IF cardinality(l.keys) > 0 THEN
        SELECT array_agg(n.label_id), array_agg(n.split) INTO twins, splits FROM flywheel.near_duplicates(l.trace_group, shingles, l.keys) n;
    END IF;
    l.split := (SELECT g.split FROM flywheel.trace_groups g WHERE g.trace_group = l.trace_group);
    IF l.split IS NULL THEN
        l.split := coalesce(splits[1], flywheel.split_of(l.trace_group));
        INSERT INTO flywheel.trace_groups (trace_group, split) VALUES (l.trace_group, l.split)
        ON CONFLICT DO NOTHING; -- under REPEATABLE READ, where it came out of sight: a serialization failure
    END IF;
    l.duplicate_of := (SELECT d.twin FROM unnest(twins, splits) AS d (twin, split) WHERE d.split <> l.split LIMIT 1);
END
$$;

COMMENT ON FUNCTION flywheel.place_label(flywheel.labels) IS
'Internal: the split of a label, and of which label of another split its step is a near-duplicate.';

CREATE FUNCTION flywheel.complete_label() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    current int := flywheel.current_rubric(NEW.validator);
    step    record;
    other   record;
BEGIN
    IF flywheel.loads_a_dump() THEN
        RETURN NEW;
    END IF;
    SELECT t.pipeline, t.node, t.variant, t.created_at, t.session_id, t.trace_id INTO step
    FROM flywheel.traces t WHERE t.id = NEW.step_id FOR KEY SHARE; -- a step that is being deleted would leave its label behind
    IF NOT FOUND THEN
        RAISE EXCEPTION 'step % does not exist', coalesce(NEW.step_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation', HINT = 'Expected an id of flywheel.traces.';
    ELSIF current IS NULL THEN
        RAISE EXCEPTION 'there is no validator "%"', coalesce(NEW.validator, 'NULL')
            USING ERRCODE = 'foreign_key_violation',
                  HINT = format('Known: %s.', coalesce((SELECT string_agg(d.name, ', ' ORDER BY d.name) FROM flywheel.validators d), 'none'));
    ELSIF NEW.rubric_version <> current THEN
        RAISE EXCEPTION 'rubric version % of "%" is not in use', NEW.rubric_version, NEW.validator
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('The current one is %s: leave rubric_version out.', current);
    END IF;
    NEW.rubric_version := current;
    NEW.pipeline := step.pipeline;
    NEW.node := step.node;
    NEW.variant := step.variant;
    NEW.step_created_at := step.created_at;
    NEW.trace_group := flywheel.trace_group(step.session_id, step.trace_id);
    -- One at a time: two near-duplicates that are labelled at once would not see each other. A lock per key would need
    -- twelve a row, in no order that rules out deadlocks, and more than the lock table holds for an import.
    PERFORM pg_advisory_xact_lock(hashtextextended('flywheel.labels', 0));
    SELECT l.split, l.keys, l.duplicate_of INTO other
    FROM flywheel.labels l WHERE l.step_id = NEW.step_id AND l.trace_group = NEW.trace_group AND l.step_changed_at IS NULL LIMIT 1;
    IF FOUND THEN
        NEW.split := other.split;
        NEW.keys := other.keys;
        NEW.duplicate_of := other.duplicate_of;
    ELSE
        NEW := flywheel.place_label(NEW);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.complete_label() IS
'Trigger: checks a new label and fills in what follows from its step.';

CREATE TRIGGER complete_label
    BEFORE INSERT ON flywheel.labels
    FOR EACH ROW EXECUTE FUNCTION flywheel.complete_label();

COMMENT ON TRIGGER complete_label ON flywheel.labels IS 'The rubric, the split and where the step belongs are filled in.';

CREATE FUNCTION flywheel.mark_shared() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE flywheel.labels l SET shared = true
    FROM (SELECT DISTINCT i.step_id, i.validator, i.rubric_version FROM inserted i) n
    WHERE l.step_id = n.step_id AND l.validator = n.validator AND l.rubric_version = n.rubric_version AND NOT l.shared
      AND EXISTS (SELECT FROM flywheel.labels o
                  WHERE o.step_id = l.step_id AND o.validator = l.validator AND o.rubric_version = l.rubric_version AND o.id <> l.id);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.mark_shared() IS
'Trigger: sets shared of labels on steps that several people labelled.';

CREATE TRIGGER mark_shared
    AFTER INSERT ON flywheel.labels REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION flywheel.mark_shared();

COMMENT ON TRIGGER mark_shared ON flywheel.labels IS 'Finds steps with several raters.';
