-- The guard in front of a call: validate a step that is not stored.

CREATE FUNCTION flywheel."check"(
    input      text DEFAULT NULL,
    output     text DEFAULT NULL,
    pipeline   text DEFAULT 'default',
    node       text DEFAULT NULL,
    node_type  text DEFAULT NULL,
    expected   text DEFAULT NULL,
    context    jsonb DEFAULT NULL,
    attributes jsonb DEFAULT NULL,
    user_id    text DEFAULT NULL
) RETURNS TABLE (
    validator text,
    version   int,
    passed    boolean,
    score     double precision,
    reason    text,
    details   jsonb,
    status    text
)
    LANGUAGE plpgsql -- with the caller's rights: else who may register a function could have it run as the owner
AS $$
DECLARE
    t flywheel.traces;
    w flywheel.validator_versions;
    r flywheel.outcome;
BEGIN
    t.input := input;
    t.output := output;
    t.pipeline := pipeline;
    t.node := node;
    t.node_type := node_type;
    t.expected := expected;
    t.context := context;
    t.attributes := attributes;
    t.user_id := user_id;
    t.created_at := pg_catalog.now();
    FOR w IN
        SELECT v.* FROM flywheel.validators d JOIN flywheel.validator_versions v ON v.id = d.version_id
        WHERE d.enabled AND v.runs_in <> 'judge' AND flywheel.filter_matches(v, t.pipeline, t.node, t.node_type)
        ORDER BY d.name
    LOOP
        BEGIN
            IF w.suspended IS NOT NULL THEN
                r := ROW(NULL, NULL, w.suspended, NULL, 'abstained', NULL)::flywheel.outcome;
            ELSIF w.runs_in = 'sql' OR flywheel.has_python() THEN
                r := flywheel.try_call(t, flywheel.outcome_sql(w));
            ELSE
                r := ROW(NULL, NULL, 'Python validators run in the worker: this database has no plpython3u', NULL, 'abstained', NULL)::flywheel.outcome;
            END IF;
        EXCEPTION WHEN OTHERS THEN -- the function is gone, for example: the guard still answers for the others
            r := ROW(NULL, NULL, pg_catalog.left(SQLSTATE || ': ' || SQLERRM, 1000), NULL, 'error', NULL)::flywheel.outcome;
        END;
        validator := w.validator;
        version := w.version;
        passed := r.passed;
        score := r.score;
        reason := r.reason;
        details := r.details;
        status := r.status;
        RETURN NEXT;
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel."check"(text, text, text, text, text, text, jsonb, jsonb, text) IS
'Runs the enabled code validators that match pipeline, node and node_type on this input and output, now, and stores nothing: one row per validator. Validators written in SQL run with the caller''s rights. Judges and sampling do not take part. Where Python validators cannot run in the database they abstain, and so does one that switched itself off.';

CREATE FUNCTION flywheel.try_python(t flywheel.traces, w flywheel.validator_versions) RETURNS flywheel.outcome
    LANGUAGE plpgsql
AS $$
DECLARE
    r record;
BEGIN
    EXECUTE format('SELECT (s.py).* FROM (SELECT flywheel.py_validate(%L, %L, ARRAY[%s]) AS py FROM (SELECT ($1).*) t OFFSET 0) s',
        w.function, w.config,
        (SELECT string_agg(format('ARRAY[%s]', flywheel.field_sql(f)), ', ' ORDER BY n) FROM unnest(w.reads) WITH ORDINALITY AS u (f, n)))
    INTO r USING t;
    RETURN ROW(r.passed[1], r.score[1], r.reason[1], r.details[1]::jsonb, r.status[1], r.latency_ms)::flywheel.outcome;
END
$$;

COMMENT ON FUNCTION flywheel.try_python(flywheel.traces, flywheel.validator_versions) IS
'Internal: one step through the Python bridge.';
