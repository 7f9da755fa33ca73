-- Steps of about 1 KB, and the table they are compared with: flywheel.traces without its triggers.

CREATE SCHEMA bench;

CREATE TABLE bench.bare (LIKE flywheel.traces INCLUDING ALL);

-- Prose as an LLM writes it: it compresses, but is too short to be compressed.
CREATE FUNCTION bench.text_of(n bigint, characters int) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN left(repeat('The order ' || n || ' was shipped and arrives on Tuesday. ', characters / 40 + 1), characters);

CREATE FUNCTION bench.fill_traces(n int) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO flywheel.traces (pipeline, node, node_type, input, output, model, variant)
    SELECT 'support', 'answer', 'writer', bench.text_of(i, 200), bench.text_of(i, 700), 'gpt-x', 'a'
    FROM generate_series(1, n) AS i;
END;
