-- Questions of CLINC150, each in many wordings: with another opening, another closing, a number.

CREATE TABLE bench.questions (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, question text NOT NULL);

CREATE FUNCTION bench.wording(n bigint) RETURNS text
    LANGUAGE sql STABLE
AS $$
    SELECT concat_ws(' ',
        (ARRAY['Hello,', 'Hi there,', 'Please tell me:', 'Quick one:', 'I would like to know', 'My boss asks', 'Hey', NULL])[1 + (hashint8(wording.n) & 7)],
        q.question,
        CASE WHEN wording.n % 3 = 0 THEN 'order number ' || abs(hashint8(wording.n + 1)) % 100000 END,
        (ARRAY['thanks', 'if you can', 'today', 'for a friend', 'as soon as possible', 'from my phone', 'again', NULL])[1 + (hashint8(wording.n + 2) & 7)])
    FROM bench.questions q WHERE q.n = 1 + wording.n % (SELECT max(m.n) FROM bench.questions m)
$$;

CREATE PROCEDURE bench.fill_steps(lo bigint, hi bigint)
    LANGUAGE sql
AS $$
    INSERT INTO flywheel.traces (pipeline, input) SELECT 'bench', bench.wording(n) FROM generate_series(lo, hi) AS n;
$$;

-- As the drain would leave it, but for the index, which is built at once.
CREATE PROCEDURE bench.fill_embeddings()
    LANGUAGE plpgsql
AS $$
DECLARE
    index text := pg_get_indexdef('flywheel.embeddings_ngrams_hnsw'::regclass);
BEGIN
    DROP INDEX flywheel.embeddings_ngrams_hnsw;
    INSERT INTO flywheel.embeddings (step_id, model, embedding, content)
    SELECT t.id, 'ngrams', flywheel.embed(t.input), flywheel.embedded_content(t.input) FROM flywheel.traces t;
    SET LOCAL maintenance_work_mem = '1GB';
    EXECUTE index;
END
$$;
