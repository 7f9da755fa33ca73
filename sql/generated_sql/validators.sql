-- Generated SQL, run: does it do what it should? Static checks of the same SQL are py:sql_parses and its neighbours.

CREATE FUNCTION flywheel.sql_executes(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE plpgsql
AS $$
DECLARE
    sql CONSTANT text := flywheel.sql_of(step.output);
    ran record;
BEGIN
    IF sql IS NULL THEN
        RETURN ROW(NULL, NULL, 'the step has no output', NULL)::flywheel.verdict;
    END IF;
    ran := flywheel.call_generated_sql(sql, config);
    IF ran.state <> 'ok' THEN
        RETURN ROW(false, NULL, ran.reason, jsonb_build_object('state', ran.state))::flywheel.verdict;
    END IF;
    RETURN ROW(true, NULL, NULL, jsonb_strip_nulls(jsonb_build_object(
        'rows', cardinality(ran.rows), 'more', nullif(ran.more, false), 'columns', ran.columns)))::flywheel.verdict;
END
$$;

COMMENT ON FUNCTION flywheel.sql_executes(flywheel.traces, jsonb) IS
'Validator of generated SQL: passes when the output (what is in its code fences) is one query that runs, with or without rows. It is run with no right but reading one schema, in a read-only transaction that is rolled back. Config: "schema", which flywheel.allow_generated_sql() has opened; "max_rows" that are read (1000); "timeout_seconds" (5), kept by whoever calls flywheel.stop_overdue(), as a worker does every second, and in flywheel.check by your statement_timeout; "functions" that may be called beyond those of Postgres that only compute, such as ["random", "shop.net_price"]: none is by default, not even of the schema. Fails with the server''s message, without the values in it, and with what was refused. details: rows and columns; state: refused, invalid, failed or timeout. Abstains without an output. Memory: see flywheel.call_generated_sql; without Python in the database only work_mem and the time are limited.';

CREATE FUNCTION flywheel.sql_same_result(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE plpgsql
AS $$
DECLARE
    ours    CONSTANT text := flywheel.sql_of(step.output);
    theirs  CONSTANT text := flywheel.sql_of(step.expected);
    got     record;
    wanted  record;
    differ  jsonb;
    counts  jsonb;
BEGIN
    IF ours IS NULL OR theirs IS NULL THEN
        RETURN ROW(NULL, NULL, format('the step has no %s', CASE WHEN ours IS NULL THEN 'output' ELSE 'expected SQL' END), NULL)::flywheel.verdict;
    END IF;
    wanted := flywheel.call_generated_sql(theirs, config);
    IF wanted.state <> 'ok' OR wanted.more THEN
        RETURN ROW(NULL, NULL, 'the expected SQL gives no result to compare with: ' || coalesce(wanted.reason, 'more rows than max_rows'),
                   NULL)::flywheel.verdict;
    END IF;
    got := flywheel.call_generated_sql(ours, config);
    IF got.state <> 'ok' THEN
        RETURN ROW(false, NULL, got.reason, jsonb_build_object('state', got.state))::flywheel.verdict;
    END IF;
    counts := jsonb_strip_nulls(jsonb_build_object(
        'rows', cardinality(got.rows), 'more', nullif(got.more, false), 'expected_rows', cardinality(wanted.rows),
        'columns', got.columns, 'expected_columns', wanted.columns));
    IF got.columns <> wanted.columns THEN
        RETURN ROW(false, NULL, format('%s columns, expected %s', got.columns, wanted.columns), counts)::flywheel.verdict;
    ELSIF got.rows = wanted.rows AND NOT got.more THEN
        RETURN ROW(true, NULL, NULL, counts)::flywheel.verdict;
    END IF;
    SELECT jsonb_build_object('missing', coalesce(sum(greatest(c.d, 0)), 0), 'unexpected', coalesce(sum(greatest(-c.d, 0)), 0))
    INTO differ
    FROM (SELECT sum(b.n) AS d FROM (SELECT w, 1 FROM unnest(wanted.rows) AS w UNION ALL SELECT g, -1 FROM unnest(got.rows) AS g) b (hash, n)
          GROUP BY b.hash) c;
    IF got.more OR differ <> '{"missing": 0, "unexpected": 0}' THEN
        RETURN ROW(false, NULL, format('%s rows are missing, %s%s are not expected', differ -> 'missing',
                   CASE WHEN got.more THEN 'more than ' END, differ -> 'unexpected'), counts || differ)::flywheel.verdict;
    ELSIF (config ->> 'ordered')::boolean THEN
        RETURN ROW(false, NULL, 'the same rows in another order', counts || (
            SELECT jsonb_build_object('first_difference', min(r.n))
            FROM unnest(got.rows, wanted.rows) WITH ORDINALITY AS r (g, w, n) WHERE r.g <> r.w))::flywheel.verdict;
    END IF;
    RETURN ROW(true, NULL, NULL, counts)::flywheel.verdict;
END
$$;

COMMENT ON FUNCTION flywheel.sql_same_result(flywheel.traces, jsonb) IS
'Validator of generated SQL: passes when the output gives the same rows as the SQL in expected, both run as flywheel.sql_executes runs one (execution accuracy, as Spider and BIRD call it). Rows are compared as a bag, with "ordered": true in their order; columns by their place, whatever their names; 1 equals 1.0, and there is no tolerance. Config: that of flywheel.sql_executes, and "ordered". details: numbers of rows and columns, of missing and unexpected rows, the first row that differs in order; no values. Abstains without an output, and when the expected SQL does not run or has more than max_rows rows.';

CREATE FUNCTION flywheel.sql_executes_check(config jsonb) RETURNS void
    LANGUAGE sql STABLE
    RETURN flywheel.check_generated_sql(config);

COMMENT ON FUNCTION flywheel.sql_executes_check(jsonb) IS
'Raises when the schema was not opened by flywheel.allow_generated_sql(), or the timeout is none.';

CREATE FUNCTION flywheel.sql_same_result_check(config jsonb) RETURNS void
    LANGUAGE sql STABLE
    RETURN flywheel.check_generated_sql(config);

COMMENT ON FUNCTION flywheel.sql_same_result_check(jsonb) IS
'Raises when the schema was not opened by flywheel.allow_generated_sql(), or the timeout is none.';

CREATE FUNCTION flywheel.sql_executes_config() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN '{
        "properties": {
            "schema": {"type": "string"},
            "max_rows": {"type": "integer", "minimum": 1, "default": 1000},
            "timeout_seconds": {"type": "number", "minimum": 0, "default": 5},
            "functions": {"type": "array", "items": {"type": "string"}, "default": []}},
        "required": ["schema"]}'::jsonb;

COMMENT ON FUNCTION flywheel.sql_executes_config() IS 'JSON Schema of the config of flywheel.sql_executes.';

CREATE FUNCTION flywheel.sql_same_result_config() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN jsonb_insert(flywheel.sql_executes_config(), '{properties,ordered}', '{"type": "boolean", "default": false}');

COMMENT ON FUNCTION flywheel.sql_same_result_config() IS 'JSON Schema of the config of flywheel.sql_same_result.';
