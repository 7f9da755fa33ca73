-- What a failing step should have said: approved, it shows the application's own prompts how it is done.

CREATE TABLE flywheel.fixes (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step_id          bigint NOT NULL,
    corrected_output text NOT NULL,
    what_went_wrong  text,
    why              text,
    author           text NOT NULL DEFAULT session_user,
    created_at       timestamptz NOT NULL DEFAULT now(),
    created_by       text NOT NULL DEFAULT session_user,
    approved_by      text,
    approved_at      timestamptz,
    approved_content bigint,
    pipeline         text NOT NULL,
    node             text,
    trace_group      text NOT NULL,
    CHECK (num_nulls(approved_by, approved_at, approved_content) IN (0, 3))
);

CREATE INDEX fixes_step ON flywheel.fixes (step_id);

-- One a step: nobody is shown two answers to one question.
CREATE UNIQUE INDEX fixes_approved ON flywheel.fixes (step_id) WHERE approved_at IS NOT NULL;
CREATE INDEX fixes_served ON flywheel.fixes (pipeline, node) WHERE approved_at IS NOT NULL;

COMMENT ON TABLE flywheel.fixes IS
'Corrected outputs of steps. INSERT (step_id, corrected_output, what_went_wrong, why); nothing is served by flywheel.demonstrations() before flywheel.approve_fix(). Fixes keep their step from retention.';
COMMENT ON COLUMN flywheel.fixes.id IS 'Key.';
COMMENT ON COLUMN flywheel.fixes.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.fixes.corrected_output IS 'What the step should have put out.';
COMMENT ON COLUMN flywheel.fixes.what_went_wrong IS 'What is wrong with the output, in words.';
COMMENT ON COLUMN flywheel.fixes.why IS 'Why it went wrong, as far as one knows.';
COMMENT ON COLUMN flywheel.fixes.author IS 'Who wrote it; default the session''s user.';
COMMENT ON COLUMN flywheel.fixes.created_at IS 'When it was written.';
COMMENT ON COLUMN flywheel.fixes.created_by IS 'The database user who wrote it: somebody else approves it.';
COMMENT ON COLUMN flywheel.fixes.approved_by IS 'The database user who approved it; NULL: it is not served.';
COMMENT ON COLUMN flywheel.fixes.approved_at IS 'When.';
COMMENT ON COLUMN flywheel.fixes.approved_content IS 'flywheel.embedded_content() of the input that it was approved for: a step that changed is not served before its fix is approved again.';
COMMENT ON COLUMN flywheel.fixes.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.fixes.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.fixes.trace_group IS 'Of the step: see flywheel.trace_group().';
COMMENT ON INDEX flywheel.fixes_step IS 'The fixes of a step.';
COMMENT ON INDEX flywheel.fixes_approved IS 'At most one approved fix a step.';
COMMENT ON INDEX flywheel.fixes_served IS 'What flywheel.demonstrations() may serve.';

CREATE FUNCTION flywheel.complete_fix() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF flywheel.loads_a_dump() THEN
        RETURN NEW;
    END IF;
    IF NEW.corrected_output !~ '\S' THEN
        RAISE EXCEPTION 'the corrected output for step % is empty', NEW.step_id
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Write what the step should have put out. What was wrong with it goes into what_went_wrong.';
    END IF;
    SELECT t.pipeline, t.node, flywheel.trace_group(t.session_id, t.trace_id) INTO NEW.pipeline, NEW.node, NEW.trace_group
    FROM flywheel.traces t WHERE t.id = NEW.step_id FOR KEY SHARE; -- a step that is being deleted would leave its fix behind
    IF NOT FOUND THEN
        RAISE EXCEPTION 'step % does not exist', coalesce(NEW.step_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation', HINT = 'Expected an id of flywheel.traces.';
    END IF;
    -- Nobody has seen these words yet: nobody has approved them.
    NEW.approved_by := NULL;
    NEW.approved_at := NULL;
    NEW.approved_content := NULL;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.complete_fix() IS
'Trigger: checks a new or changed fix, fills in what follows from its step, and has it wait for approval.';

CREATE TRIGGER complete_fix
    BEFORE INSERT OR UPDATE OF step_id, corrected_output, what_went_wrong, why ON flywheel.fixes
    FOR EACH ROW EXECUTE FUNCTION flywheel.complete_fix();

COMMENT ON TRIGGER complete_fix ON flywheel.fixes IS 'New or other words wait for approval.';
