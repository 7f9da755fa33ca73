-- The drain while somebody holds a snapshot, so that nothing that the queues leave behind can be vacuumed.

SELECT flywheel.add_validator('short', 'py:max_length', '{"limit": 5000}');

CREATE FUNCTION bench.read_metrics() RETURNS bigint
    LANGUAGE sql STABLE
    RETURN (SELECT sum(m.n)::bigint FROM flywheel.metrics m);
