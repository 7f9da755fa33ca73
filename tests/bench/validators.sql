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

CREATE FUNCTION bench.owns(user_id text, entity text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN user_id = 'anna' AND entity LIKE 'K-%';

COMMENT ON FUNCTION bench.owns(text, text) IS 'The look-up of owned_entities: as cheap as one can be.';

-- What generated SQL reads.
CREATE SCHEMA shop;
CREATE TABLE shop.orders AS
SELECT n AS id, (ARRAY['paid', 'sent', 'returned'])[n % 3 + 1] AS status, n % 50 AS total FROM generate_series(1, 200) AS n;
SELECT flywheel.allow_generated_sql('shop');

CREATE PROCEDURE bench.one_validator(function text, config jsonb, steps jsonb, n int)
    LANGUAGE plpgsql
AS $$
BEGIN
    TRUNCATE flywheel.traces;
    PERFORM flywheel.set_validator(d.name, enabled => false) FROM flywheel.validators d;
    PERFORM flywheel.add_validator(substring(function FROM '\w+$'), function, config);
    INSERT INTO flywheel.traces (trace_id, input, output, expected, context, user_id, prompt_tokens, completion_tokens,
                                 cost_usd, started_at, ended_at)
    SELECT (g / 10)::text, s.input, s.output, s.expected, s.context, s.user_id, s.prompt_tokens, s.completion_tokens,
           s.cost_usd, s.started_at, s.ended_at
    FROM generate_series(1, n) AS g
    JOIN ROWS FROM (jsonb_to_recordset(steps) AS (
             input text, output text, expected text, context jsonb, user_id text, prompt_tokens int, completion_tokens int,
             cost_usd numeric, started_at timestamptz, ended_at timestamptz)) WITH ORDINALITY s
      ON s.ordinality = g % jsonb_array_length(steps) + 1
    ORDER BY g;
END
$$;

COMMENT ON PROCEDURE bench.one_validator(text, jsonb, jsonb, int) IS
'n steps, these again and again in traces of ten, that wait for this validator only; nothing else is there.';
