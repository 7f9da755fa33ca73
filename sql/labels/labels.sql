-- What people say of a step: the ground truth that judges are held against, and the examples they learn from.

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
    duplicate_of          bigint REFERENCES flywheel.labels ON DELETE SET NULL,
    keys                  int[] NOT NULL,
    shared                boolean NOT NULL DEFAULT false,
    example_approved_by   text,
    example_approved_at   timestamptz,
    CONSTRAINT labels_one_per_rater UNIQUE (step_id, validator, rubric_version, rater),
    FOREIGN KEY (validator, rubric_version) REFERENCES flywheel.rubrics (validator, version),
    FOREIGN KEY (trace_group, split) REFERENCES flywheel.trace_groups (trace_group, split),
    CONSTRAINT labels_say_something CHECK (num_nonnulls(passed, score, category) > 0),
    CONSTRAINT labels_examples_are_of_the_few_shot_split CHECK (
        split = 'few_shot' OR num_nonnulls(example_approved_by, example_approved_at) = 0)
);

-- Not a partial index of those that count: a plan made while there are few labels would read all of it for each INSERT.
CREATE INDEX labels_validator ON flywheel.labels (validator, step_id, rubric_version, split) INCLUDE (passed, step_changed_at, duplicate_of);
CREATE INDEX labels_shared ON flywheel.labels (step_id) WHERE shared;
CREATE INDEX labels_keys ON flywheel.labels USING gin (keys) WITH (fastupdate = off); -- else each INSERT reads the pending list
CREATE INDEX labels_duplicate_of ON flywheel.labels (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX labels_trace_group ON flywheel.labels (trace_group);

COMMENT ON TABLE flywheel.labels IS
'One row per step, validator, rubric version and rater. INSERT (step_id, validator, passed, critique): the rest is filled in. One''s own may be UPDATEd (passed, score, category, critique), which gives it anew, and DELETEd. A person who finds the judge wrong writes a label as well: flywheel.correct(). Labels keep their step from retention, and go when it is deleted.';
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
COMMENT ON COLUMN flywheel.labels.created_at IS 'When this answer was given; another critique leaves it as it is.';
COMMENT ON COLUMN flywheel.labels.created_by IS 'The database user who wrote it.';
COMMENT ON COLUMN flywheel.labels.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.labels.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.labels.variant IS 'Of the step.';
COMMENT ON COLUMN flywheel.labels.step_created_at IS 'created_at of the step: the time axis of the metrics.';
COMMENT ON COLUMN flywheel.labels.trace_group IS 'flywheel.trace_groups.trace_group.';
COMMENT ON COLUMN flywheel.labels.split IS 'few_shot, dev or test: that of the trace group.';
COMMENT ON COLUMN flywheel.labels.step_changed_at IS 'When the step''s content changed after it was labelled: the label speaks of something that is gone, and no longer counts.';
COMMENT ON COLUMN flywheel.labels.duplicate_of IS 'A label of nearly the same text in another split, which came first: this one does not count, and is no example.';
COMMENT ON COLUMN flywheel.labels.keys IS 'Internal: flywheel.shingle_keys() of the step''s input and output.';
COMMENT ON COLUMN flywheel.labels.shared IS 'Internal: somebody else labelled the step for this validator and rubric, too: how flywheel.agreement finds the few steps with several raters.';
COMMENT ON COLUMN flywheel.labels.example_approved_by IS 'Who let it stand in prompts as a few-shot example: flywheel.approve_example(). Of the few_shot split only.';
COMMENT ON COLUMN flywheel.labels.example_approved_at IS 'When.';
COMMENT ON CONSTRAINT labels_one_per_rater ON flywheel.labels IS 'Who thinks again UPDATEs the label.';
COMMENT ON CONSTRAINT labels_say_something ON flywheel.labels IS 'Give passed, score or category.';
COMMENT ON CONSTRAINT labels_examples_are_of_the_few_shot_split ON flywheel.labels IS
'A judge that has seen a label is not measured by it: dev and test labels are never examples.';
COMMENT ON INDEX flywheel.labels_validator IS 'The labels of a validator by step, with what views count.';
COMMENT ON INDEX flywheel.labels_shared IS 'Steps with several raters.';
COMMENT ON INDEX flywheel.labels_keys IS 'Labels of similar steps.';
COMMENT ON INDEX flywheel.labels_duplicate_of IS 'Labels that count again when the other goes.';
COMMENT ON INDEX flywheel.labels_trace_group IS 'The labels of a group.';
