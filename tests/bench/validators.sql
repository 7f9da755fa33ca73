-- Accuracy and throughput of validators: a step per text, and one validator at a time.

CREATE FUNCTION bench.topic_scores(texts text[]) RETURNS TABLE (similarity double precision, p double precision)
    LANGUAGE sql
AS $$
    SELECT v.score, (v.details ->> 'p')::double precision
    FROM unnest(texts) WITH ORDINALITY AS u (text, n)
    CROSS JOIN LATERAL flywheel.on_topic(jsonb_populate_record(NULL::flywheel.traces, jsonb_build_object('input', text)), '{"topic": "bench"}') v
    ORDER BY n
$$;

COMMENT ON FUNCTION bench.topic_scores(text[]) IS 'on_topic''s score, and the p-value that novelty gives, of each text.';

CREATE PROCEDURE bench.one_validator(name text, function text, config jsonb, steps jsonb)
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM flywheel.set_validator(d.name, enabled => false) FROM flywheel.validators d;
    PERFORM flywheel.add_validator(name, function, config);
    INSERT INTO flywheel.traces (input, output, expected)
    SELECT s ->> 'input', s ->> 'output', s ->> 'expected' FROM jsonb_array_elements(steps) AS s;
END
$$;

COMMENT ON PROCEDURE bench.one_validator(text, text, jsonb, jsonb) IS 'Steps that wait for this validator only.';
