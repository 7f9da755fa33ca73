-- A simple random sample of what a version has decided, without reading all of it.

CREATE FUNCTION flywheel.decided(version int, since timestamptz) RETURNS double precision
    LANGUAGE sql STABLE
    RETURN (SELECT coalesce(sum(r.passed + r.failed), 0)
            FROM flywheel.metric_rollup r
            WHERE r.version_id = version AND r.grain IN ('delta', CASE since WHEN '-infinity' THEN 'all' ELSE 'hour' END)
              AND (since = '-infinity' OR r.bucket >= date_trunc('hour', since, 'UTC')));

COMMENT ON FUNCTION flywheel.decided(int, timestamptz) IS
'How many verdicts of a version pass or fail, of steps since the hour of a time; -infinity for all.';

CREATE FUNCTION flywheel.draw_steps(version int, size int, since timestamptz)
    RETURNS TABLE (step_id bigint, passed boolean, node text)
    LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off -- one look-up per id, whatever the planner thinks of them
AS $$
DECLARE
    begin_at CONSTANT timestamptz := date_trunc('hour', since, 'UTC');
    lo       bigint;
    hi       bigint;
    drawn    bigint[] := '{}';
    tried    bigint := 0;
    probes   bigint := size;
BEGIN
    SELECT greatest(min(a.lo), (SELECT min(v.step_id) FROM flywheel.verdicts v)),
           least(max(coalesce(a.hi, 9223372036854775807)), (SELECT max(v.step_id) FROM flywheel.verdicts v))
    INTO lo, hi FROM flywheel.activations a WHERE a.version_id = version;

    -- Any id of the range alike; those with a verdict that counts are accepted, each of them alike. Beyond 2^48 random()
    -- is too coarse for that. Where few ids are accepted, or most are wanted, reading all is cheaper.
    IF hi::numeric - lo < 281474976710656 AND flywheel.decided(version, since) > 2 * size THEN
        WHILE cardinality(drawn) < size AND tried + probes < 500000 LOOP
            drawn := ARRAY(
                SELECT unnest(drawn)
                UNION
                SELECT v.step_id
                FROM (SELECT lo + floor(random() * (hi - lo + 1))::bigint AS id FROM generate_series(1, probes) OFFSET 0) p
                JOIN flywheel.verdicts v ON v.step_id = p.id AND v.version_id = version
                WHERE v.passed IS NOT NULL AND v.step_created_at >= begin_at);
            tried := tried + probes;
            probes := 100 + 1.2 * (size - cardinality(drawn)) * tried / greatest(cardinality(drawn), 1);
        END LOOP;
    END IF;
    IF cardinality(drawn) >= size THEN
        RETURN QUERY
        SELECT v.step_id, v.passed, v.node
        FROM (SELECT i FROM unnest(drawn) AS i ORDER BY random() LIMIT size) d
        JOIN flywheel.verdicts v ON v.step_id = d.i AND v.version_id = version;
    ELSE
        RETURN QUERY
        SELECT v.step_id, v.passed, v.node
        FROM flywheel.verdicts v
        WHERE v.version_id = version AND v.step_id BETWEEN lo AND hi AND v.passed IS NOT NULL AND v.step_created_at >= begin_at
        ORDER BY random() LIMIT size;
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.draw_steps(int, int, timestamptz) IS
'Internal: so many of the steps that a version passed or failed since the hour of a time, each with the same probability. Anew with each call.';
