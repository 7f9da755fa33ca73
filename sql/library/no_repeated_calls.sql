-- An agent that makes the same call again is going round in circles. A step is compared with those before it, by id.

CREATE FUNCTION flywheel.no_repeated_calls(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    mine  jsonb := flywheel.calls_of(step);
    most  int := coalesce((config ->> 'max')::int, 1);
    tool  text;
    times bigint;
    first bigint;
BEGIN
    IF mine = '[]' THEN
        RETURN (NULL, NULL, 'no tool call in the step', NULL)::flywheel.verdict;
    ELSIF step.id IS NULL OR step.trace_id IS NULL THEN
        RETURN (NULL, NULL, 'the step is not stored: it has no trace', NULL)::flywheel.verdict;
    END IF;
    SELECT c.call ->> 'tool', count(*), min(c.id)
    INTO tool, times, first
    FROM (SELECT step.id AS id, m.call FROM jsonb_array_elements(mine) AS m (call)
          UNION ALL
          SELECT s.id, e.call
          FROM flywheel.traces s, jsonb_array_elements(flywheel.calls_of(s)) AS e (call)
          -- An agent's call and the tool's own step are one call: like is compared with like.
          WHERE s.trace_id = step.trace_id AND s.id < step.id
            AND (s.node_type = 'tool') IS NOT DISTINCT FROM (step.node_type = 'tool')) c
    WHERE c.call IN (SELECT jsonb_array_elements(mine))
    GROUP BY c.call ORDER BY count(*) DESC, c.call LIMIT 1;
    IF times <= most THEN
        RETURN (true, NULL, NULL, NULL)::flywheel.verdict;
    END IF;
    RETURN (false, NULL, format('calls %s with the same arguments, for the %s. time in its trace', tool, times),
            jsonb_build_object('tool', tool, 'times', times, 'first_step', first))::flywheel.verdict;
END
$$;

COMMENT ON FUNCTION flywheel.no_repeated_calls(flywheel.traces, jsonb) IS
'Validator: passes unless the step makes a tool call that was made before in its trace, with the same arguments. Config: max, how often the same call may be made, default 1. Abstains without a call. Compares with the steps of a smaller id that are committed when it runs: insert the steps of a trace in their order. One that arrives later, by another transaction, does not change this verdict; flywheel.backfill or an UPDATE of the step has it judged again. Reads all earlier steps of the trace for each step.';

CREATE FUNCTION flywheel.no_repeated_calls_config() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN '{"properties": {"max": {"type": "integer", "minimum": 1, "default": 1}}, "required": []}'::jsonb;

COMMENT ON FUNCTION flywheel.no_repeated_calls_config() IS 'JSON Schema of the config of flywheel.no_repeated_calls.';
