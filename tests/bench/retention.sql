-- Ranges of old steps, each with the verdicts of three validators, written straight into the tables.

SELECT flywheel.add_validator('v' || i, 'py:max_length', format('{"limit": %s}', i)::jsonb) FROM generate_series(1, 3) AS i;

CREATE PROCEDURE bench.fill_range(n bigint, steps int)
    LANGUAGE plpgsql
AS $$
BEGIN
    SET LOCAL session_replication_role = replica;
    INSERT INTO flywheel.traces (id, trace_id, pipeline, input, output, created_at)
    SELECT n * flywheel.partition_size() + i, i, 'support', bench.text_of(i, 200), bench.text_of(i, 700), now() - interval '10 days'
    FROM generate_series(0, steps - 1) AS i;
    INSERT INTO flywheel.verdicts (step_id, version_id, passed, latency_ms, step_created_at, status, pipeline)
    SELECT t.id, w.id, true, 0.01, t.created_at, 'ok', t.pipeline
    FROM flywheel.traces t CROSS JOIN flywheel.validator_versions w
    WHERE flywheel.range_of(t.id) = n AND t.id BETWEEN n * flywheel.partition_size() AND (n + 1) * flywheel.partition_size() - 1;
    SET LOCAL session_replication_role = origin;
END
$$;

-- Ids go on behind the ranges that were filled, and no transaction that could write there is open.
CREATE PROCEDURE bench.leave_behind(n bigint)
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM setval('flywheel.traces_id_seq', (n + 1) * flywheel.partition_size());
    COMMIT;
    FOR i IN 1..2 LOOP
        PERFORM flywheel.advance_horizon();
        COMMIT;
    END LOOP;
END
$$;

-- Everything that is too old, in as many turns as it takes.
CREATE PROCEDURE bench.expire(INOUT turns int DEFAULT 0)
    LANGUAGE plpgsql
AS $$
BEGIN
    WHILE (SELECT again FROM flywheel.apply_retention()) = '0' LOOP
        turns := turns + 1;
        COMMIT;
    END LOOP;
END
$$;
