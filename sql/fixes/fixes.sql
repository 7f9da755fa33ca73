-- What a failing step should have said: approved, it shows the application's own prompts how it is done.

CREATE TABLE flywheel.fixes (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step_id          bigint NOT NULL,
    corrected_output text NOT NULL,
    what_went_wrong  text,
    why              text,
    author           text NOT NULL DEFAULT session_user,
    created_at       timestamptz NOT NULL DEFAULT now(),
    approved_by      text,
    approved_at      timestamptz,
    pipeline         text NOT NULL,
    node             text,
    trace_group      text NOT NULL,
    CHECK ((approved_by IS NULL) = (approved_at IS NULL))
);

CREATE INDEX fixes_step ON flywheel.fixes (step_id);

COMMENT ON TABLE flywheel.fixes IS
'Corrected outputs of steps. INSERT (step_id, corrected_output, what_went_wrong, why); nothing is served by flywheel.demonstrations() before flywheel.approve_fix(). Fixes keep their step from retention.';
COMMENT ON COLUMN flywheel.fixes.id IS 'Key.';
COMMENT ON COLUMN flywheel.fixes.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.fixes.corrected_output IS 'What the step should have put out.';
COMMENT ON COLUMN flywheel.fixes.what_went_wrong IS 'What is wrong with the output, in words.';
COMMENT ON COLUMN flywheel.fixes.why IS 'Why it went wrong, as far as one knows.';
COMMENT ON COLUMN flywheel.fixes.author IS 'Who wrote it; default the session''s user.';
COMMENT ON COLUMN flywheel.fixes.created_at IS 'When it was written.';
COMMENT ON COLUMN flywheel.fixes.approved_by IS 'Who approved it; NULL: it is not served.';
COMMENT ON COLUMN flywheel.fixes.approved_at IS 'When.';
COMMENT ON COLUMN flywheel.fixes.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.fixes.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.fixes.trace_group IS 'Of the step: see flywheel.trace_group().';
COMMENT ON INDEX flywheel.fixes_step IS 'The fixes of a step.';
