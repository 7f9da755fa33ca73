-- What people say of a step: the ground truth that judges are held against, and the examples they learn from.

CREATE TABLE flywheel.trace_groups (
    trace_group text PRIMARY KEY,
    split       text NOT NULL CHECK (split IN ('few_shot', 'dev', 'test')),
    UNIQUE (trace_group, split)
);

COMMENT ON TABLE flywheel.trace_groups IS
'The split of each group of traces with a label, fixed with its first label: no group is in two.';
COMMENT ON COLUMN flywheel.trace_groups.trace_group IS 'session_id of the step, else its trace_id: steps that know of each other.';
COMMENT ON COLUMN flywheel.trace_groups.split IS
'few_shot: may stand in prompts. dev: look at it as often as you like. test: kept for the final say; reading it is logged.';

CREATE TABLE flywheel.labels (
    id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step_id               bigint NOT NULL,
    validator             text NOT NULL,
    rubric_version        int NOT NULL,
    passed                boolean,
    score                 double precision CHECK (score NOT IN ('NaN', 'Infinity', '-Infinity')),
    category              text,
    critique              text,
    rater                 text NOT NULL DEFAULT session_user,
    sampling_design       text NOT NULL DEFAULT 'convenience' CHECK (
        sampling_design IN ('random', 'verdict_balanced', 'class_balanced', 'stratified', 'priority', 'convenience')),
    inclusion_probability double precision CHECK (inclusion_probability > 0 AND inclusion_probability <= 1), -- NaN is over 1
    created_at            timestamptz NOT NULL DEFAULT now(),
    created_by            text NOT NULL DEFAULT session_user,
    pipeline              text NOT NULL,
    node                  text,
    variant               text,
    step_created_at       timestamptz NOT NULL,
    trace_group           text NOT NULL,
    split                 text NOT NULL,
    step_changed_at       timestamptz,
    example_approved_by   text,
    example_approved_at   timestamptz,
    UNIQUE (step_id, validator, rubric_version, rater),
    FOREIGN KEY (validator, rubric_version) REFERENCES flywheel.rubrics (validator, version),
    FOREIGN KEY (trace_group, split) REFERENCES flywheel.trace_groups (trace_group, split),
    CONSTRAINT labels_say_something CHECK (num_nonnulls(passed, score, category) > 0),
    CONSTRAINT labels_examples_are_of_the_few_shot_split CHECK (
        split = 'few_shot' OR num_nonnulls(example_approved_by, example_approved_at) = 0)
);

CREATE INDEX labels_validator ON flywheel.labels (validator, rubric_version, split);
CREATE INDEX labels_trace_group ON flywheel.labels (trace_group);

COMMENT ON TABLE flywheel.labels IS
'One row per step, validator, rubric version and rater. INSERT (step_id, validator, passed, critique): the rest is filled in. A person who finds the judge wrong writes a label as well. Labels keep their step from retention.';
COMMENT ON COLUMN flywheel.labels.id IS 'Key.';
COMMENT ON COLUMN flywheel.labels.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.labels.validator IS 'The validator or judge whose question was answered.';
COMMENT ON COLUMN flywheel.labels.rubric_version IS 'flywheel.rubrics.version, default the current one; a retired one is refused.';
COMMENT ON COLUMN flywheel.labels.passed IS 'Whether the step passes.';
COMMENT ON COLUMN flywheel.labels.score IS 'For validators with a score, on its scale.';
COMMENT ON COLUMN flywheel.labels.category IS 'For validators that name one, such as a label or a failure mode.';
COMMENT ON COLUMN flywheel.labels.critique IS 'Why, in a sentence or three: a few-shot example shows it to the judge.';
COMMENT ON COLUMN flywheel.labels.rater IS 'Who says so; default the session''s user.';
COMMENT ON COLUMN flywheel.labels.sampling_design IS
'How the step was chosen, which decides what may be estimated from the label. random: each step alike. verdict_balanced: as many of each verdict of the judge. class_balanced: as many of each human answer. stratified: with the inclusion_probability of its stratum, as flywheel.plan_labels says. priority: the review queue put it first. convenience: nobody knows. flywheel.claim_review() records it.';
COMMENT ON COLUMN flywheel.labels.inclusion_probability IS 'Probability that the design chose this step, over 0 up to 1; NULL where it is not known.';
COMMENT ON COLUMN flywheel.labels.created_at IS 'When it was given.';
COMMENT ON COLUMN flywheel.labels.created_by IS 'The database user who wrote it.';
COMMENT ON COLUMN flywheel.labels.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.labels.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.labels.variant IS 'Of the step.';
COMMENT ON COLUMN flywheel.labels.step_created_at IS 'created_at of the step: the time axis of the metrics.';
COMMENT ON COLUMN flywheel.labels.trace_group IS 'flywheel.trace_groups.trace_group.';
COMMENT ON COLUMN flywheel.labels.split IS 'few_shot, dev or test: that of the trace group.';
COMMENT ON COLUMN flywheel.labels.step_changed_at IS 'When the step''s content changed after it was labelled: the label speaks of something that is gone, and no longer counts.';
COMMENT ON COLUMN flywheel.labels.example_approved_by IS 'Who let it stand in prompts as a few-shot example: flywheel.approve_example(). Of the few_shot split only.';
COMMENT ON COLUMN flywheel.labels.example_approved_at IS 'When.';
COMMENT ON CONSTRAINT labels_say_something ON flywheel.labels IS 'Give passed, score or category.';
COMMENT ON CONSTRAINT labels_examples_are_of_the_few_shot_split ON flywheel.labels IS
'A judge that has seen a label is not measured by it: dev and test labels are never examples.';
COMMENT ON INDEX flywheel.labels_validator IS 'The labels of a validator.';
COMMENT ON INDEX flywheel.labels_trace_group IS 'The labels of a group.';

CREATE FUNCTION flywheel.trace_group(session_id text, trace_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(session_id, trace_id);

COMMENT ON FUNCTION flywheel.trace_group(text, text) IS
'What is kept together in one split: the session, else the trace.';

CREATE FUNCTION flywheel.split_of(trace_group text) RETURNS text
    LANGUAGE sql STABLE
    RETURN coalesce((SELECT g.split FROM flywheel.trace_groups g WHERE g.trace_group = split_of.trace_group),
                    (SELECT CASE WHEN p < 0.2 THEN 'few_shot' WHEN p < 0.6 THEN 'dev' ELSE 'test' END
                     FROM (SELECT flywheel.sample_point(split_of.trace_group, 'split') AS p) s));

COMMENT ON FUNCTION flywheel.split_of(text) IS
'The split of a trace group: the one it has, else the one that its hash gives: few_shot 20 %, dev 40 %, test 40 %.';

CREATE FUNCTION flywheel.complete_label() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    current int := flywheel.current_rubric(NEW.validator);
    step    record;
BEGIN
    -- A dump is being loaded: see count_verdicts. What it says was checked when it was written.
    IF current_setting('check_function_bodies') = 'off' AND current_setting('row_security') = 'off' THEN
        RETURN NEW;
    END IF;
    SELECT t.pipeline, t.node, t.variant, t.created_at, t.session_id, t.trace_id INTO step
    FROM flywheel.traces t WHERE t.id = NEW.step_id;
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
    INSERT INTO flywheel.trace_groups (trace_group, split) VALUES (NEW.trace_group, flywheel.split_of(NEW.trace_group))
    ON CONFLICT DO NOTHING;
    NEW.split := flywheel.split_of(NEW.trace_group);
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.complete_label() IS
'Trigger: checks a new label and fills in what follows from its step.';

CREATE TRIGGER complete_label
    BEFORE INSERT ON flywheel.labels
    FOR EACH ROW EXECUTE FUNCTION flywheel.complete_label();

COMMENT ON TRIGGER complete_label ON flywheel.labels IS 'The rubric, the split and where the step belongs are filled in.';
