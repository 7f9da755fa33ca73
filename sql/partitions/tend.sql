-- The chore: keep partitions ahead of need without anybody waiting for it.

CREATE FUNCTION flywheel.tend_partitions() RETURNS text
    LANGUAGE plpgsql SET lock_timeout = '50ms' -- so long, new writers wait behind it; else it comes again
AS $$
DECLARE
    began   timestamptz := clock_timestamp();
    size    bigint;
    n       bigint;
    problem text;
BEGIN
    size := pg_relation_size('flywheel.traces_default') + pg_relation_size('flywheel.verdicts_default');
    FOR n IN SELECT * FROM flywheel.missing_partitions() LOOP
        EXIT WHEN clock_timestamp() > began + interval '0.1 seconds'; -- the rest at the next turn
        IF size > 64 * 1024 ^ 2 THEN
            -- Attaching reads all of the default partition, and keeps its readers waiting meanwhile.
            problem := format('the default partitions hold %s: run SELECT flywheel.make_partitions() at a quiet time', pg_size_pretty(size));
        ELSIF NOT flywheel.moving_is_harmless() AND flywheel.default_holds(n) THEN
            CONTINUE;
        ELSE
            BEGIN
                PERFORM flywheel.add_partition(n);
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                problem := format('no partition for steps from %s on yet: a transaction that wrote steps or reads them stays open',
                                  n * flywheel.partition_size());
            END;
        END IF;
        EXIT WHEN problem IS NOT NULL;
    END LOOP;
    -- No news while there are two more ahead.
    RETURN CASE WHEN n <= flywheel.range_of(flywheel.next_step_id()) + 2 THEN problem END;
EXCEPTION WHEN lock_not_available THEN
    RETURN NULL; -- somebody moves steps or empties the table
END
$$;

COMMENT ON FUNCTION flywheel.tend_partitions() IS
'Internal: makes missing partitions, unless somebody is in the way; returns what to warn of, if anything.';
