-- Validating N steps in the database, against inserting them only and against validating them outside.

CREATE TABLE bench.verdicts (LIKE flywheel.verdicts INCLUDING ALL);

CREATE TABLE bench.steps (LIKE flywheel.traces);

CREATE FUNCTION bench.add_validators(n int) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    SELECT flywheel.add_validator('polite_' || i, 'py:contains_none', '{"words": ["idiot", "stupid", "lawsuit"]}')
    FROM generate_series(1, n) AS i;
END;

CREATE PROCEDURE bench.make_steps(n int)
    LANGUAGE sql
BEGIN ATOMIC
    SELECT bench.fill_traces(n);
    INSERT INTO bench.steps SELECT * FROM flywheel.traces;
END;

CREATE PROCEDURE bench.empty_tables()
    LANGUAGE sql
AS $$
    TRUNCATE flywheel.traces, bench.bare, bench.verdicts;
$$;

CREATE PROCEDURE bench.insert_bare()
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO bench.bare SELECT * FROM bench.steps;
END;

-- Ids go on where they were, as the application's would.
CREATE PROCEDURE bench.insert_traces()
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO flywheel.traces (trace_id, pipeline, node, node_type, input, output, model, variant)
    SELECT trace_id, pipeline, node, node_type, input, output, model, variant FROM bench.steps;
END;

-- What an outside worker asks for: the steps that have no verdict yet.
CREATE VIEW bench.waiting AS
SELECT t.id, t.created_at, t.pipeline, t.node, t.variant, t.output
FROM flywheel.traces t
WHERE NOT EXISTS (SELECT FROM bench.verdicts v WHERE v.step_id = t.id AND v.version_id = 1);

CREATE FUNCTION bench.store(
    step_id bigint, at timestamptz, pipeline text, node text, variant text, passed boolean, reason text, latency_ms real
) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO bench.verdicts (step_id, version_id, step_created_at, pipeline, node, variant, passed, reason, status, latency_ms)
    VALUES (step_id, 1, at, pipeline, node, variant, passed, reason, 'ok', latency_ms);
END;
