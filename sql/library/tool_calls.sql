-- The tool calls in a text, in one form: what validators of agents compare. pyvalidators/tools.py reads the same.

CREATE FUNCTION flywheel.json_or_null(value text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    RETURN value::jsonb;
EXCEPTION WHEN data_exception OR statement_too_complex OR program_limit_exceeded THEN
    RETURN NULL; -- IS JSON is of Postgres 16, and knows neither \u0000 nor how deep a stack is
END
$$;

COMMENT ON FUNCTION flywheel.json_or_null(text) IS 'The text as jsonb; NULL when it is none that jsonb can hold.';

CREATE FUNCTION flywheel.tool_calls(output text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    value jsonb;
    calls jsonb;
BEGIN
    IF output IS NULL OR output !~ '^\s*[\[{]' THEN
        RETURN '[]';
    END IF;
    value := flywheel.json_or_null(output);
    SELECT jsonb_agg(jsonb_build_object('tool', c.name, 'arguments',
               CASE jsonb_typeof(c.arguments)
               WHEN 'string' THEN coalesce(flywheel.json_or_null(nullif(c.arguments #>> '{}', '')), '{}')
               ELSE coalesce(c.arguments, '{}') END) ORDER BY i.n, p.n)
    INTO calls
    FROM jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE jsonb_build_array(value) END)
             WITH ORDINALITY AS i (item, n)
    -- A message has its calls inside.
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE WHEN jsonb_typeof(i.item -> 'tool_calls') = 'array' THEN i.item -> 'tool_calls'
             WHEN jsonb_typeof(i.item -> 'content') = 'array' THEN i.item -> 'content'
             ELSE jsonb_build_array(i.item) END) WITH ORDINALITY AS p (part, n)
    CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(p.part -> 'function') WHEN 'object' THEN p.part -> 'function' ELSE p.part END) AS f (call)
    CROSS JOIN LATERAL (
        SELECT coalesce(f.call -> 'tool', f.call -> 'name'),
               CASE f.call ->> 'type' WHEN 'tool_use' THEN f.call -> 'input' ELSE coalesce(f.call -> 'arguments', f.call -> 'args') END) AS c (name, arguments)
    WHERE jsonb_typeof(c.name) = 'string' AND (f.call ?| '{tool,arguments,args}' OR f.call ->> 'type' = 'tool_use');
    RETURN coalesce(calls, '[]');
END
$$;

COMMENT ON FUNCTION flywheel.tool_calls(text) IS
'The tool calls of an output, as a jsonb array of {"tool", "arguments"}; [] when it has none. Reads {"tool" or "name", "arguments" or "args"}, OpenAI''s tool_calls and Anthropic''s tool_use, alone, in an array or in a message.';

CREATE FUNCTION flywheel.calls_of(step flywheel.traces) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN CASE
        WHEN step.node_type = 'tool' THEN jsonb_build_array(jsonb_build_object(
            'tool', step.node, 'arguments', coalesce(flywheel.json_or_null(step.input), to_jsonb(step.input))))
        ELSE flywheel.tool_calls(step.output)
    END;

COMMENT ON FUNCTION flywheel.calls_of(flywheel.traces) IS
'The tool calls of a step, as flywheel.tool_calls gives them: of a step with node_type tool its own (node and input), of any other those in its output.';
