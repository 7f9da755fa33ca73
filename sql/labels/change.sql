-- Who may change a label, and what follows: its author may think again, somebody else lets it stand in prompts.

CREATE FUNCTION flywheel.is_admin(who name DEFAULT current_user) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN pg_has_role(who, (SELECT c.relowner FROM pg_class c WHERE c.oid = 'flywheel.labels'::regclass), 'USAGE')
        OR coalesce(pg_has_role(who, to_regrole('flywheel_admin'), 'USAGE'), false);

COMMENT ON FUNCTION flywheel.is_admin(name) IS
'Whether a user, the current one by default, is a member of flywheel_admin, or owns the installation.';

CREATE FUNCTION flywheel.own_label() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF OLD.created_by <> session_user AND NOT flywheel.is_admin() THEN
        RAISE EXCEPTION 'label % is by %', OLD.id, quote_ident(OLD.created_by)
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Say otherwise in a label of your own: both count. flywheel_admin may change any.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;

COMMENT ON FUNCTION flywheel.own_label() IS
'Trigger: people change and take back what they said themselves.';

CREATE FUNCTION flywheel.renew_label() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.rubric_version <> flywheel.current_rubric(NEW.validator) THEN
        RAISE EXCEPTION 'label % was given under rubric version % of "%", which is not in use', NEW.id, NEW.rubric_version, NEW.validator
            USING ERRCODE = 'invalid_parameter_value', HINT = 'INSERT a new label: it is given under the current rubric.';
    END IF;
    -- The same answer, said again or with another critique, may have been known when a version was made.
    IF NEW.step_changed_at IS NOT NULL OR (NEW.passed, NEW.score, NEW.category) IS DISTINCT FROM (OLD.passed, OLD.score, OLD.category) THEN
        NEW.created_at := now();
    END IF;
    NEW.example_approved_by := NULL;
    NEW.example_approved_at := NULL;
    IF NEW.step_changed_at IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('flywheel.labels', 0));
        NEW.step_changed_at := NULL;
        NEW := flywheel.place_label(NEW);
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.renew_label() IS
'Trigger: another answer is given now, of the step as it is now; what was approved was another one.';

CREATE FUNCTION flywheel.vet_example() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.example_approved_by IS NULL THEN
        NEW.example_approved_at := NULL;
        RETURN NEW;
    ELSIF session_user IN (OLD.rater, OLD.created_by) AND NOT flywheel.is_admin() THEN
        RAISE EXCEPTION 'label % is your own', OLD.id
            USING ERRCODE = 'insufficient_privilege', HINT = 'Have it approved by another reviewer: two look at what stands in prompts.';
    ELSIF num_nonnulls(NEW.step_changed_at, NEW.duplicate_of) > 0 THEN
        RAISE EXCEPTION 'label % does not count', OLD.id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Its step changed afterwards, or has a near-duplicate in another split: see step_changed_at and duplicate_of.';
    END IF;
    NEW.example_approved_by := session_user;
    NEW.example_approved_at := now();
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.vet_example() IS
'Trigger: who lets a label stand in prompts is not who gave it.';

CREATE TRIGGER own_label
    BEFORE DELETE OR UPDATE OF passed, score, category, critique ON flywheel.labels
    FOR EACH ROW EXECUTE FUNCTION flywheel.own_label();

CREATE TRIGGER renew_label
    BEFORE UPDATE OF passed, score, category, critique ON flywheel.labels
    FOR EACH ROW EXECUTE FUNCTION flywheel.renew_label();

CREATE TRIGGER vet_example
    BEFORE UPDATE OF example_approved_by, example_approved_at ON flywheel.labels
    FOR EACH ROW EXECUTE FUNCTION flywheel.vet_example();

COMMENT ON TRIGGER own_label ON flywheel.labels IS 'Only created_by changes or deletes a label.';
COMMENT ON TRIGGER renew_label ON flywheel.labels IS 'A changed answer is a new one.';
COMMENT ON TRIGGER vet_example ON flywheel.labels IS 'Nobody approves an example alone.';

CREATE FUNCTION flywheel.approve_example(label_id bigint, withdraw boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    l flywheel.labels := (SELECT l FROM flywheel.labels l WHERE l.id = label_id);
BEGIN
    IF l.id IS NULL THEN
        RAISE EXCEPTION 'there is no label %', coalesce(label_id::text, 'NULL') USING ERRCODE = 'no_data_found', HINT = 'Expected an id of flywheel.labels.';
    ELSIF l.split <> 'few_shot' THEN
        RAISE EXCEPTION 'label % is of the % split', label_id, l.split
            USING ERRCODE = 'check_violation', HINT = 'Examples come from the few_shot split: a judge that has seen a label is not measured by it.';
    END IF;
    UPDATE flywheel.labels SET example_approved_by = CASE WHEN NOT withdraw THEN session_user END WHERE id = label_id;
END
$$;

COMMENT ON FUNCTION flywheel.approve_example(bigint, boolean) IS
'Lets a label of the few_shot split stand in prompts, which takes somebody else than its rater, or flywheel_admin; withdraw => true takes it back. Who changes the answer or the step takes it back, too.';

CREATE FUNCTION flywheel.correct(step_id bigint, validator text, critique text, rater text DEFAULT session_user) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    verdict boolean;
    new_id  bigint;
BEGIN
    PERFORM flywheel.known_validator(validator);
    IF coalesce(btrim(critique), '') = '' THEN
        RAISE EXCEPTION 'the correction of "%" says nothing', validator
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why it is wrong: the judge learns from that.';
    END IF;
    SELECT v.passed INTO verdict
    FROM flywheel.verdicts v JOIN flywheel.validators d ON d.version_id = v.version_id
    WHERE v.step_id = correct.step_id AND d.name = correct.validator;
    IF verdict IS NULL THEN
        RAISE EXCEPTION '"%" has not passed or failed step %', validator, coalesce(step_id::text, 'NULL')
            USING ERRCODE = 'no_data_found',
                  HINT = format('SELECT * FROM flywheel.why(%s, %L) says why. A label needs no verdict: INSERT INTO flywheel.labels.', step_id, validator);
    END IF;
    INSERT INTO flywheel.labels AS l (step_id, validator, passed, critique, rater)
    VALUES (correct.step_id, correct.validator, NOT verdict, correct.critique, correct.rater)
    ON CONFLICT ON CONSTRAINT labels_one_per_rater DO UPDATE SET passed = excluded.passed, critique = excluded.critique
    RETURNING l.id INTO new_id;
    RETURN new_id;
END
$$;

COMMENT ON FUNCTION flywheel.correct(bigint, text, text, text) IS
'The current verdict on a step is wrong, because: a label that says the opposite, with the reason as its critique. Replaces one''s own earlier label; returns the label''s id.';
