-- Making a version, and moving the live activation to it.

CREATE FUNCTION flywheel.move_live(validator text) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    next_id bigint := flywheel.next_step_id(); -- once: writers draw ids meanwhile, and none may fall in between
BEGIN
    UPDATE flywheel.activations a SET hi = next_id - 1
    FROM flywheel.validator_versions w
    WHERE w.validator = move_live.validator AND a.version_id = w.id AND a.hi IS NULL;

    -- An empty one where the validator takes no steps: it tells what came before from what was passed over.
    INSERT INTO flywheel.activations (version_id, kind, lo, hi, sample_rate)
    SELECT d.version_id, 'live', next_id, CASE WHEN d.enabled AND d.mode = 'eager' THEN NULL ELSE next_id - 1 END, d.sample_rate
    FROM flywheel.validators d
    WHERE d.name = move_live.validator;

    PERFORM flywheel.recount(validator, next_id);
END
$$;

COMMENT ON FUNCTION flywheel.move_live(text) IS
'Internal: ends the live activation of a validator with the newest step and lets its current version, if enabled and eager, take steps from the next one on. The caller holds the registry lock.';

CREATE FUNCTION flywheel.add_version(w flywheel.validator_versions) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    new_id int;
    number int := CASE WHEN w.runs_in <> 'judge' THEN flywheel.current_rubric(w.validator) END;
BEGIN
    number := coalesce(number, flywheel.number_rubric(w.validator, w.rubric));
    INSERT INTO flywheel.validator_versions
        (validator, version, runs_in, function, config, pipeline, node, node_type, reads, provider, model, rubric,
         rubric_version, fingerprint)
    SELECT w.validator, coalesce(max(o.version), 0) + 1, w.runs_in, w.function, w.config, w.pipeline, w.node, w.node_type,
           w.reads, w.provider, w.model, w.rubric,
           number, w.fingerprint
    FROM flywheel.validator_versions o WHERE o.validator = w.validator
    RETURNING id INTO new_id;

    UPDATE flywheel.validators SET version_id = new_id WHERE name = w.validator;
    PERFORM flywheel.move_live(w.validator);
    -- What waits for a version that switched itself off goes to this one: see hand_over.
    PERFORM flywheel.enqueue_waiting(o.id) FROM flywheel.validator_versions o
    WHERE o.validator = w.validator AND o.suspended IS NOT NULL;
    RETURN new_id;
END
$$;

COMMENT ON FUNCTION flywheel.add_version(flywheel.validator_versions) IS
'Internal: stores a version and makes it current from the next step on. The caller holds the registry lock.';

CREATE FUNCTION flywheel.register(
    w flywheel.validator_versions, kind text, mode text, sample_rate double precision, enabled boolean
) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    current flywheel.validator_versions;
    known   flywheel.validators;
BEGIN
    IF w.validator IS NULL OR w.validator !~ '^[A-Za-z][A-Za-z0-9_.-]{0,62}$' THEN
        RAISE EXCEPTION 'bad validator name: %', coalesce(quote_literal(w.validator), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A letter, then up to 62 letters, digits, dots, dashes or underscores.';
    END IF;
    PERFORM flywheel.check_sample_rate(sample_rate);
    IF mode IS NULL OR mode NOT IN ('eager', 'on_demand') THEN
        RAISE EXCEPTION 'bad mode: %', coalesce(quote_literal(mode), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected ''eager'' or ''on_demand''.';
    END IF;
    IF w.node_type NOT IN ('classifier', 'writer', 'codegen', 'retriever', 'tool', 'agent', 'other') THEN
        RAISE EXCEPTION 'unknown node_type: %', quote_literal(w.node_type)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Expected classifier, writer, codegen, retriever, tool, agent or other; for a type of your own limit the validator by node.';
    END IF;

    PERFORM flywheel.lock_registry();
    SELECT * INTO known FROM flywheel.validators d WHERE d.name = w.validator;
    IF known.name IS NULL THEN
        INSERT INTO flywheel.validators (name, kind, mode, sample_rate, enabled)
        VALUES (w.validator, register.kind, register.mode, register.sample_rate, register.enabled);
        RETURN flywheel.add_version(w);
    ELSIF known.kind <> kind THEN
        RAISE EXCEPTION 'validator "%" exists and is a %', w.validator, known.kind
            USING ERRCODE = 'duplicate_object', HINT = 'Choose another name.';
    END IF;

    -- Adding what is already there changes nothing: set-up scripts can run again.
    SELECT * INTO current FROM flywheel.validator_versions c WHERE c.id = known.version_id;
    IF (current.runs_in, current.function, current.config, current.pipeline, current.node, current.node_type,
        current.provider, current.model, current.rubric, current.fingerprint)
        IS DISTINCT FROM
       (w.runs_in, w.function, w.config, w.pipeline, w.node, w.node_type, w.provider, w.model, w.rubric, w.fingerprint)
    THEN
        UPDATE flywheel.validators d
        SET mode = register.mode, sample_rate = register.sample_rate, enabled = register.enabled
        WHERE d.name = w.validator;
        RETURN flywheel.add_version(w);
    END IF;
    PERFORM flywheel.change_activation(w.validator, enabled, sample_rate, mode);
    RETURN known.version_id;
END
$$;

COMMENT ON FUNCTION flywheel.register(flywheel.validator_versions, text, text, double precision, boolean) IS
'Internal: what add_validator and add_judge share: checks, and a new version where something changed.';

CREATE FUNCTION flywheel.check_sample_rate(sample_rate double precision) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF sample_rate IS NULL OR NOT sample_rate BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'bad sample rate: %', coalesce(sample_rate::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected a share of the traces from 0 to 1, such as 0.1.';
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.check_sample_rate(double precision) IS
'Raises unless the share is from 0 to 1.';
