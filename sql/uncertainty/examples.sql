-- What a shadow judge knows: outputs that people labelled, as vectors. A snapshot per fit, so that the verdicts of one version
-- all come from the same labels.

CREATE TABLE flywheel.shadow_examples (
    fit         text,
    label_id    bigint REFERENCES flywheel.labels ON DELETE CASCADE,
    step_id     bigint NOT NULL,
    trace_group text NOT NULL,
    passed      boolean NOT NULL,
    embedding   vector NOT NULL,
    PRIMARY KEY (fit, label_id)
);

COMMENT ON TABLE flywheel.shadow_examples IS
'The labelled outputs that each version of a shadow judge compares with. Written by flywheel.add_shadow_judge().';
COMMENT ON COLUMN flywheel.shadow_examples.fit IS 'Hash of the labels that were taken and of their outputs: config.fit of the version.';
COMMENT ON COLUMN flywheel.shadow_examples.label_id IS 'flywheel.labels.id, the first of the step''s.';
COMMENT ON COLUMN flywheel.shadow_examples.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.shadow_examples.trace_group IS 'flywheel.trace_groups.trace_group: steps of it are not compared with this one.';
COMMENT ON COLUMN flywheel.shadow_examples.passed IS 'What the majority of raters said.';
COMMENT ON COLUMN flywheel.shadow_examples.embedding IS 'flywheel.embed_output() of the step.';
