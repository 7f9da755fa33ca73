-- A run that takes more steps than it should. The steps beyond the budget fail, so the verdict does not depend on when.

CREATE FUNCTION flywheel.step_budget(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    budget int := config ->> 'limit';
    kind   text := config ->> 'node_type';
BEGIN
    IF step.id IS NULL OR step.trace_id IS NULL THEN
        RETURN (NULL, NULL, 'the step is not stored: it has no trace', NULL)::flywheel.verdict;
    ELSIF kind IS NOT NULL AND step.node_type IS DISTINCT FROM kind THEN
        RETURN (NULL, NULL, format('only steps of node_type %s count', kind), NULL)::flywheel.verdict;
    END IF;
    -- No further than it needs to, so that a trace without end costs each of its steps the same.
    PERFORM FROM flywheel.traces s
    WHERE s.trace_id = step.trace_id AND s.id <= step.id AND (kind IS NULL OR s.node_type = kind)
    OFFSET budget LIMIT 1;
    RETURN (NOT FOUND, NULL, CASE WHEN FOUND THEN format('more than %s steps in its trace', budget) END, NULL)::flywheel.verdict;
END
$$;

COMMENT ON FUNCTION flywheel.step_budget(flywheel.traces, jsonb) IS
'Validator: passes while the step is among the first of its trace, by id, and fails for each step beyond. Config: limit, how many steps a trace may have (0 or more, required); node_type, the kind of steps that count, default all. A run is over its budget when one of its steps fails. Counts the steps that are committed when it runs; the steps of a trace are expected in their order.';

CREATE FUNCTION flywheel.step_budget_config() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN '{"properties": {"limit": {"type": "integer", "minimum": 0}, "node_type": {"type": "string"}}, "required": ["limit"]}'::jsonb;

COMMENT ON FUNCTION flywheel.step_budget_config() IS 'JSON Schema of the config of flywheel.step_budget.';
