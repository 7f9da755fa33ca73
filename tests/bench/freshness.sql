-- How long a step waits for its verdict while the worker runs.

SELECT flywheel.add_validator('short', 'py:max_length', '{"limit": 5000}');

CREATE FUNCTION bench.insert_step() RETURNS bigint
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO flywheel.traces (pipeline, node, input, output)
    VALUES ('support', 'answer', 'Where is it?', bench.text_of(1, 700))
    RETURNING id;
END;

CREATE FUNCTION bench.validated(steps bigint[]) RETURNS bigint[]
    LANGUAGE sql STABLE
    RETURN ARRAY(SELECT v.step_id FROM flywheel.verdicts v WHERE v.step_id = ANY (steps));
