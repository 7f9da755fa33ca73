-- Validators for ../shared/data/airline_agent.jsonl: in SQL and in Python, filtered, sampled, on demand, switched off,
-- one that raises and one that never applies.
CREATE FUNCTION not_empty(step flywheel.traces, config jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE RETURN step.output <> '';

CREATE FUNCTION raises_for_tools(step flywheel.traces, config jsonb) RETURNS boolean
    LANGUAGE sql STABLE
AS $$ SELECT step.node_type <> 'tool' OR step.output::jsonb IS NOT NULL $$;

SELECT flywheel.add_validator('not_empty', 'not_empty');
SELECT flywheel.add_validator('json_of_tools', 'raises_for_tools');
SELECT flywheel.add_validator('short', 'py:max_length', '{"limit": 400}');
SELECT flywheel.add_validator('agent_short', 'py:max_length', '{"limit": 400}', node => 'agent');
SELECT flywheel.add_validator('polite', 'py:contains_none', '{"words": ["stupid", "sorry"]}', node_type => 'agent');
SELECT flywheel.add_validator('expected', 'py:equals_expected');
SELECT flywheel.add_validator('object', 'py:json_schema', '{"schema": {"type": "object"}}', node_type => 'tool');
SELECT flywheel.add_validator('third', 'py:matches', '{"pattern": "."}', sample_rate => 0.3);
SELECT flywheel.add_validator('elsewhere', 'not_empty', pipeline => 'another');
SELECT flywheel.add_validator('asked_for', 'not_empty', mode => 'on_demand');
SELECT flywheel.add_validator('off', 'not_empty', enabled => false);
SELECT flywheel.add_judge('helpful', 'Passes if the output helps the customer.', 'stand-in', provider => 'stand_in',
    node_type => 'agent', sample_rate => 0.2);
