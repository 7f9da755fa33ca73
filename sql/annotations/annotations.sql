-- What people notice before there is a validator for it: notes on the first thing that went wrong, and codes that name it.

CREATE TABLE flywheel.annotations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    step_id     bigint NOT NULL,
    note        text NOT NULL CHECK (btrim(note) <> ''),
    code        text CHECK (btrim(code) <> ''),
    rater       text NOT NULL DEFAULT session_user,
    created_at  timestamptz NOT NULL DEFAULT now(),
    pipeline    text NOT NULL,
    node        text,
    trace_group text NOT NULL
);

CREATE INDEX annotations_step ON flywheel.annotations (step_id);

COMMENT ON TABLE flywheel.annotations IS
'Free notes on steps (open coding): INSERT (step_id, note), on the step where a trace first goes wrong. Give notes of one kind the same code; flywheel.failure_modes counts them; a frequent one wants a validator. Annotations keep their step from retention, and go when it is deleted.';
COMMENT ON COLUMN flywheel.annotations.id IS 'Key.';
COMMENT ON COLUMN flywheel.annotations.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.annotations.note IS 'What went wrong, in your words.';
COMMENT ON COLUMN flywheel.annotations.code IS 'Name of the failure mode; NULL until you have one.';
COMMENT ON COLUMN flywheel.annotations.rater IS 'Who noticed; default the session''s user.';
COMMENT ON COLUMN flywheel.annotations.created_at IS 'When it was written.';
COMMENT ON COLUMN flywheel.annotations.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.annotations.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.annotations.trace_group IS 'Of the step: see flywheel.trace_group().';
COMMENT ON INDEX flywheel.annotations_step IS 'The annotations of a step.';

CREATE FUNCTION flywheel.complete_annotation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF flywheel.loads_a_dump() THEN
        RETURN NEW;
    END IF;
    SELECT t.pipeline, t.node, flywheel.trace_group(t.session_id, t.trace_id) INTO NEW.pipeline, NEW.node, NEW.trace_group
    FROM flywheel.traces t WHERE t.id = NEW.step_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'step % does not exist', coalesce(NEW.step_id::text, 'NULL')
            USING ERRCODE = 'foreign_key_violation', HINT = 'Expected an id of flywheel.traces.';
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION flywheel.complete_annotation() IS
'Trigger: fills in what follows from the step.';

CREATE TRIGGER complete_annotation
    BEFORE INSERT ON flywheel.annotations
    FOR EACH ROW EXECUTE FUNCTION flywheel.complete_annotation();

COMMENT ON TRIGGER complete_annotation ON flywheel.annotations IS 'Where the step belongs is filled in.';

CREATE VIEW flywheel.failure_modes WITH (security_invoker) AS
SELECT a.pipeline, a.node, a.code, count(*) AS notes, count(DISTINCT a.trace_group) AS groups,
       round(count(DISTINCT a.trace_group)::numeric / sum(count(DISTINCT a.trace_group)) OVER (PARTITION BY a.pipeline), 3)::double precision AS share,
       min(a.created_at) AS first_at, max(a.created_at) AS last_at
FROM flywheel.annotations a
GROUP BY a.pipeline, a.node, a.code;

COMMENT ON VIEW flywheel.failure_modes IS
'What goes wrong, most frequent first if you ORDER BY notes DESC: annotations by code. Give the row with code NULL names.';
COMMENT ON COLUMN flywheel.failure_modes.pipeline IS 'Of the steps.';
COMMENT ON COLUMN flywheel.failure_modes.node IS 'Of the steps.';
COMMENT ON COLUMN flywheel.failure_modes.code IS 'Name of the failure mode; NULL: notes without a code yet.';
COMMENT ON COLUMN flywheel.failure_modes.notes IS 'How many annotations.';
COMMENT ON COLUMN flywheel.failure_modes.groups IS 'In how many trace groups.';
COMMENT ON COLUMN flywheel.failure_modes.share IS 'Of the failures of the pipeline, counted by trace group. Of those that somebody looked at: not a failure rate.';
COMMENT ON COLUMN flywheel.failure_modes.first_at IS 'The first note.';
COMMENT ON COLUMN flywheel.failure_modes.last_at IS 'The last note.';
