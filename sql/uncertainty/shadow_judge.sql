-- A second opinion that costs nothing: how people labelled the outputs that look most like this one.

CREATE FUNCTION flywheel.shadow_judge(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v record;
BEGIN
    SELECT * INTO v FROM flywheel.vote_of_neighbours(
        config ->> 'fit', step.output, flywheel.trace_group(step.session_id, step.trace_id), (config ->> 'k')::int);
    IF v.neighbours = 0 THEN
        RETURN (NULL, NULL, CASE WHEN coalesce(step.output, '') ~ '[[:alnum:]]'
                                 THEN 'the labels of this version are gone: SELECT flywheel.add_shadow_judge(...)'
                                 ELSE 'the output has no letters or digits' END, NULL)::flywheel.verdict;
    END IF;
    RETURN (v.p >= 0.5, v.p, CASE WHEN v.p < 0.5 THEN format('people failed most outputs like this one, such as that of step %s', v.nearest[1]) END,
            jsonb_build_object('neighbours', v.neighbours, 'nearest', v.nearest))::flywheel.verdict;
END
$$;

COMMENT ON FUNCTION flywheel.shadow_judge(flywheel.traces, jsonb) IS
'Validator: passes when the k labelled outputs that are most like this one pass, by weight (the eighth power of the similarity). Register it with flywheel.add_shadow_judge(). score: p, the weighted share that passes; details: {"neighbours": how many, "nearest": the three nearest steps}. It compares spelling, not meaning: it finds wordings that people fail, such as refusals. Abstains without letters or digits.';

CREATE FUNCTION flywheel.shadow_judge_config() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN '{"properties": {"judge": {"type": "string"}, "k": {"type": "integer", "minimum": 1}, "fit": {"type": "string"}}, "required": ["judge", "k", "fit"]}'::jsonb;

COMMENT ON FUNCTION flywheel.shadow_judge_config() IS 'JSON Schema of the config of flywheel.shadow_judge.';

CREATE FUNCTION flywheel.add_shadow_judge(judge text, k int DEFAULT 15) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    d      flywheel.validators := flywheel.known_validator(judge);
    w      flywheel.validator_versions;
    labels int;
    good   int;
    fit    text;
    new_id int;
BEGIN
    IF k IS NULL OR NOT k BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'bad number of neighbours: %', coalesce(k::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected k of 1 to 100.';
    END IF;
    PERFORM flywheel.lock_registry();
    SELECT count(*), count(*) FILTER (WHERE l.passed), md5(string_agg(concat(l.label_id, l.passed, md5(t.output)), ',' ORDER BY l.label_id))
    INTO labels, good, fit
    FROM flywheel.shadow_labels l JOIN flywheel.traces t ON t.id = l.step_id WHERE l.validator = d.name;
    IF labels < k OR good IN (0, labels) THEN
        RAISE EXCEPTION 'a shadow of "%" has too little to go by: % labels, % of them passing', d.name, labels, good
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('It wants %s labels at least, some passing and some failing, under the current rubric, of the few_shot and dev splits.', k);
    END IF;
    INSERT INTO flywheel.shadow_examples (fit, label_id, step_id, trace_group, passed, embedding)
    SELECT fit, l.label_id, l.step_id, l.trace_group, l.passed, e.v
    FROM flywheel.shadow_labels l
    JOIN flywheel.traces t ON t.id = l.step_id
    CROSS JOIN LATERAL (SELECT flywheel.embed_output(t.output) AS v OFFSET 0) e
    WHERE l.validator = d.name AND e.v IS NOT NULL
    ON CONFLICT DO NOTHING;

    SELECT * INTO w FROM flywheel.validator_versions v WHERE v.id = d.version_id;
    new_id := flywheel.add_validator(d.name || '.shadow', 'flywheel.shadow_judge',
        jsonb_build_object('judge', d.name, 'k', k, 'fit', fit), w.pipeline, w.node, w.node_type);
    -- Those of the version before stay: it may have steps to do.
    DELETE FROM flywheel.shadow_examples x
    WHERE x.fit IN (SELECT o.config ->> 'fit' FROM flywheel.validator_versions o WHERE o.validator = d.name || '.shadow')
      AND x.fit NOT IN (SELECT o.config ->> 'fit' FROM flywheel.validator_versions o
                        WHERE o.validator = d.name || '.shadow' ORDER BY o.version DESC LIMIT 2);
    RETURN new_id;
END
$$;

COMMENT ON FUNCTION flywheel.add_shadow_judge(text, int) IS
'Registers a second opinion on a judge, the code validator "<judge>.shadow", or makes a new version of it when there are new labels; returns the version''s id. It goes by the k nearest labels: see flywheel.shadow_judge(). It knows the labels that are there now, of the few_shot and dev splits and the current rubric: call it again after labelling, and flywheel.backfill() for older steps. Never those of the test split, nor of the trace group of the step that it looks at.';
