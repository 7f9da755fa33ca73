-- Validate a range of steps with one version: one SQL statement for all of them.

CREATE TYPE flywheel.outcome AS (
    passed     boolean,
    score      double precision,
    reason     text,
    details    jsonb,
    status     text,
    latency_ms real
);

COMMENT ON TYPE flywheel.outcome IS 'A verdict with its status and milliseconds, as it is stored.';

CREATE FUNCTION flywheel.outcome_of(v flywheel.verdict, began timestamptz) RETURNS flywheel.outcome
    LANGUAGE sql VOLATILE
    RETURN ROW(
        v.passed,
        CASE WHEN v.score BETWEEN '-1e308' AND '1e308' THEN v.score END, -- NaN would spoil every sum it enters
        CASE WHEN v.passed IS NULL AND v.reason IS NULL AND (v.score BETWEEN '-1e308' AND '1e308') IS NOT TRUE
             THEN 'the validator returned NULL, expected flywheel.verdict or boolean' ELSE v.reason END,
        v.details,
        CASE WHEN v.passed IS NOT NULL OR v.score BETWEEN '-1e308' AND '1e308' THEN 'ok'
             WHEN v.reason IS NOT NULL THEN 'abstained'
             ELSE 'error' END,
        extract(epoch FROM clock_timestamp() - began)::real * 1000
    )::flywheel.outcome;

COMMENT ON FUNCTION flywheel.outcome_of(flywheel.verdict, timestamptz) IS
'What a returned verdict counts as: ok with a decision or a finite score, abstained with a reason only, error for NULL.';

CREATE FUNCTION flywheel.call_sql(w flywheel.validator_versions) RETURNS text
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    name text := left(w.function, -length('(flywheel.traces,jsonb)')); -- stored with %I.%I
BEGIN
    IF (SELECT p.prorettype = 'boolean'::regtype FROM pg_proc p WHERE p.oid = w.function::regprocedure) THEN
        RETURN format('(SELECT CASE WHEN b IS NOT NULL THEN ROW(b, NULL, NULL, NULL)::flywheel.verdict END FROM %s(t, %L::jsonb) AS b)', name, w.config);
    END IF;
    RETURN format('%s(t, %L::jsonb)', name, w.config);
END
$$;

COMMENT ON FUNCTION flywheel.call_sql(flywheel.validator_versions) IS
'Internal: SQL text that calls the validator function on the step t and gives a flywheel.verdict. An error when the function is gone.';

CREATE FUNCTION flywheel.outcome_sql(w flywheel.validator_versions) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE WHEN w.runs_in = 'python' THEN format('flywheel.try_python(t, %L::flywheel.validator_versions)', w)
                ELSE format('flywheel.outcome_of(%s, $2)', flywheel.call_sql(w)) END;

COMMENT ON FUNCTION flywheel.outcome_sql(flywheel.validator_versions) IS
'Internal: SQL text for the flywheel.outcome of the step t; $2 is when it began.';

CREATE FUNCTION flywheel.try_call(t flywheel.traces, call text, first bigint DEFAULT NULL) RETURNS flywheel.outcome
    LANGUAGE plpgsql
AS $$
DECLARE
    began timestamptz := pg_catalog.clock_timestamp();
    r     flywheel.outcome;
BEGIN
    IF first IS NOT NULL AND pg_catalog.current_setting('flywheel.cancelled', true) <> '' THEN
        RETURN NULL;
    END IF;
    EXECUTE 'SELECT (o).* FROM (SELECT ' || call || ' AS o FROM (SELECT ($1).*) t OFFSET 0) s' INTO r USING t, began;
    RETURN r;
EXCEPTION
    WHEN query_canceled THEN
        IF first IS NULL THEN
            RAISE;
        END IF;
        PERFORM pg_catalog.set_config('flywheel.cancelled', SQLERRM, true);
        IF t.id > first THEN
            RETURN NULL; -- the steps before it took the time, too: it gets another turn, as the first
        END IF;
        RETURN ROW(NULL, NULL, pg_catalog.format('stopped after %s s: %s', pg_catalog.round(extract(epoch FROM pg_catalog.clock_timestamp() - began), 1), SQLERRM), NULL,
                   'timeout', extract(epoch FROM pg_catalog.clock_timestamp() - began)::real * 1000)::flywheel.outcome;
    WHEN OTHERS OR assert_failure THEN
        RETURN ROW(NULL, NULL, pg_catalog.left(SQLSTATE || ': ' || SQLERRM, 1000), NULL, 'error',
                   extract(epoch FROM pg_catalog.clock_timestamp() - began)::real * 1000)::flywheel.outcome;
END
$$;

COMMENT ON FUNCTION flywheel.try_call(flywheel.traces, text, bigint) IS
'Internal: calls a validator on one step; its exception is that step''s error. About 0.1 ms: used once a whole range has raised or was cancelled. first: of the steps that are tried. A cancel is a timeout of the first; for a later one, and for all after a cancel, it returns NULL: no outcome yet.';

CREATE FUNCTION flywheel.outcomes_sql(w flywheel.validator_versions, wanted text, first bigint DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF first IS NOT NULL THEN
        RETURN format('SELECT t.id, t.created_at, t.pipeline, t.node, t.variant, flywheel.try_call(t, %L, %s) FROM flywheel.traces t WHERE %s ORDER BY t.id',
                      flywheel.outcome_sql(w), first, wanted);
    ELSIF w.runs_in = 'python' THEN
        -- One call of the bridge for the range, arrays in and arrays out. It may answer for fewer steps, the first ones,
        -- when the batch has used up its CPU budget.
        RETURN format(
            'SELECT u.* FROM (
                 SELECT pg_catalog.array_agg(t.id) AS ids, pg_catalog.array_agg(t.created_at) AS created,
                        pg_catalog.array_agg(t.pipeline) AS pipelines, pg_catalog.array_agg(t.node) AS nodes,
                        pg_catalog.array_agg(t.variant) AS variants,
                        flywheel.py_validate(%L, %L, ARRAY[%s]) AS py
                 FROM (SELECT t.* FROM flywheel.traces t WHERE %s ORDER BY t.id) t HAVING pg_catalog.count(*) > 0 OFFSET 0) s
             CROSS JOIN LATERAL (SELECT pg_catalog.cardinality((s.py).status) AS n OFFSET 0) k
             CROSS JOIN LATERAL (
                 SELECT x.id, x.created_at, x.pipeline, x.node, x.variant,
                        ROW(x.passed, x.score, x.reason, x.details::jsonb, x.status, (s.py).latency_ms)::flywheel.outcome
                 FROM unnest(s.ids[:k.n], s.created[:k.n], s.pipelines[:k.n], s.nodes[:k.n], s.variants[:k.n],
                     (s.py).passed, (s.py).score, (s.py).reason, (s.py).details, (s.py).status)
                     AS x (id, created_at, pipeline, node, variant, passed, score, reason, details, status)) u',
            w.function, w.config,
            (SELECT string_agg(format('pg_catalog.array_agg(%s)', flywheel.field_sql(f)), ', ' ORDER BY n)
             FROM unnest(w.reads) WITH ORDINALITY AS r (f, n)),
            wanted);
    END IF;
    RETURN format(
        'SELECT s.id, s.created_at, s.pipeline, s.node, s.variant, flywheel.outcome_of(s.v, s.began)
         FROM (SELECT t.id, t.created_at, t.pipeline, t.node, t.variant, pg_catalog.clock_timestamp() AS began, %s AS v
               FROM flywheel.traces t WHERE %s OFFSET 0) s',
        flywheel.call_sql(w), wanted);
END
$$;

COMMENT ON FUNCTION flywheel.outcomes_sql(flywheel.validator_versions, text, bigint) IS
'Internal: a query for (id, created_at, pipeline, node, variant, outcome) of the steps t of flywheel.traces that the condition wants. first: the first of them, to call the validator step by step: a step''s exception becomes its error.';
