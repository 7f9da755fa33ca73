-- The demo's validators: the ones that pyvalidators has, and some in SQL, as anybody would write them.

DELETE FROM flywheel.traces WHERE pipeline = 'demo_support';

CREATE SCHEMA IF NOT EXISTS flywheel_demo;
COMMENT ON SCHEMA flywheel_demo IS
    'Validator functions of flywheel demo. DROP SCHEMA flywheel_demo CASCADE when you have seen enough.';

CREATE OR REPLACE FUNCTION flywheel_demo.not_empty(step flywheel.traces, config jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN btrim(coalesce(step.output, '')) <> '' OR step.status <> 'ok';

CREATE OR REPLACE FUNCTION flywheel_demo.label_allowed(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE
        WHEN step.output IS NULL THEN (NULL, NULL, 'no output', NULL)::flywheel.verdict
        WHEN config -> 'labels' ? step.output THEN (true, NULL, NULL, NULL)::flywheel.verdict
        ELSE (false, NULL, 'not one of the labels: ' || step.output, NULL)::flywheel.verdict
    END
$$;

CREATE OR REPLACE FUNCTION flywheel_demo.no_email(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN step.output ~ '[[:alnum:]._%+-]+@[[:alnum:].-]+\.[a-z]{2,}'
        THEN (false, NULL, 'an e-mail address in the output', NULL)::flywheel.verdict
        ELSE (true, NULL, NULL, NULL)::flywheel.verdict END
$$;

CREATE OR REPLACE FUNCTION flywheel_demo.recall(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE sql STABLE
AS $$
    -- The share of the relevant documents that were retrieved.
    SELECT CASE WHEN count(*) = 0 THEN (NULL, NULL, 'no relevant documents are known', NULL)::flywheel.verdict
        ELSE (avg(r.found::int) >= (config ->> 'at_least')::float8, avg(r.found::int),
              format('%s of %s relevant documents retrieved', count(*) FILTER (WHERE r.found), count(*)),
              NULL)::flywheel.verdict
    END
    FROM (
        SELECT coalesce(step.context @> jsonb_build_array(jsonb_build_object('id', e)), false) AS found
        FROM jsonb_array_elements_text(coalesce(step.expected, '[]')::jsonb) AS e
    ) r
$$;

CREATE OR REPLACE FUNCTION flywheel_demo.reads_only(step flywheel.traces, config jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(step.output, '') !~* '\m(insert|update|delete|drop|alter|truncate|grant)\M';

CREATE OR REPLACE FUNCTION flywheel_demo.status_ok(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN step.status = 'ok' THEN (true, NULL, NULL, NULL)::flywheel.verdict
        ELSE (false, NULL, step.status || ': ' || coalesce(step.error, 'no message'), NULL)::flywheel.verdict END
$$;

CREATE OR REPLACE FUNCTION flywheel_demo.fast(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN step.ended_at - step.started_at IS NULL THEN (NULL, NULL, 'no times', NULL)::flywheel.verdict
        ELSE (step.ended_at - step.started_at <= make_interval(secs => (config ->> 'seconds')::float8),
              extract(epoch FROM step.ended_at - step.started_at)::float8,
              format('took %s', step.ended_at - step.started_at), NULL)::flywheel.verdict
    END
$$;
