-- Three weeks of verdicts: 9 validators, 4 nodes, 2 variants. The rows are written straight into the tables, as a
-- drain would have left them: what is measured is reading.

SELECT flywheel.add_validator('v' || i, 'py:max_length', format('{"limit": %s}', i)::jsonb) FROM generate_series(1, 9) AS i;

CREATE FUNCTION bench.age(step bigint, steps bigint) RETURNS interval
    LANGUAGE sql IMMUTABLE
    RETURN interval '3 weeks' * (1 - step::float8 / steps);

-- One part of the steps lo..hi of `steps` in all, with their verdicts.
CREATE PROCEDURE bench.fill_verdicts(lo bigint, hi bigint, steps bigint)
    LANGUAGE plpgsql
AS $$
BEGIN
    SET LOCAL session_replication_role = replica; -- no inbox: these steps have their verdicts already
    INSERT INTO flywheel.traces (id, trace_id, pipeline, node, variant, created_at)
    SELECT i, i, 'support', 'node' || i % 4, CASE WHEN i % 8 < 4 THEN 'a' ELSE 'b' END, now() - bench.age(i, steps)
    FROM generate_series(lo, hi) AS i;

    SET LOCAL session_replication_role = origin; -- the rollup is counted by trigger
    INSERT INTO flywheel.verdicts (step_id, version_id, passed, latency_ms, score, step_created_at, status, pipeline, node, variant)
    SELECT t.id, w.id, (t.id + w.id) % 10 > 0, 0.01, 1, t.created_at, 'ok', t.pipeline, t.node, t.variant
    FROM flywheel.traces t CROSS JOIN flywheel.validator_versions w
    WHERE t.id BETWEEN lo AND hi;
END
$$;

CREATE PROCEDURE bench.tidy_up()
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM flywheel.merge_rollup();
    COMMIT;
    WHILE EXISTS (SELECT FROM flywheel.unsettled() u WHERE flywheel.block_of(u.lo) < (SELECT flywheel.block_of(max(id)) FROM flywheel.traces)) LOOP
        PERFORM flywheel.settle(1000);
        COMMIT;
    END LOOP;
END
$$;
