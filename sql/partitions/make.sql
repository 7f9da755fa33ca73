-- Partitions are made ahead of the ids that are given out, and for what piled up in the default ones.

CREATE FUNCTION flywheel.add_partition(n bigint) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lo     CONSTANT bigint := n * flywheel.partition_size();
    hi     CONSTANT bigint := lo + flywheel.partition_size(); -- exclusive
    parent text;
    leaf   text;
    key    text;
BEGIN
    -- A statement that is under way knows the partitions of its start: it would put a row of the new range into the
    -- default partition, which by then refuses it. So no writer may be under way.
    LOCK TABLE ONLY flywheel.traces IN SHARE ROW EXCLUSIVE MODE;
    IF to_regclass(format('flywheel.%I', 'traces_p' || n)) IS NOT NULL THEN
        RETURN; -- another session was faster
    END IF;
    LOCK TABLE flywheel.traces_default, flywheel.verdicts_default IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM flywheel.traces_default t WHERE t.id >= lo AND t.id < hi)
        OR EXISTS (SELECT FROM flywheel.verdicts_default v WHERE v.step_id >= lo AND v.step_id < hi)
    THEN
        LOCK TABLE ONLY flywheel.verdicts IN SHARE ROW EXCLUSIVE MODE; -- nobody writes verdicts of steps that do not exist
    END IF;

    FOR parent, key IN VALUES ('traces', 'id'), ('verdicts', 'step_id') LOOP
        leaf := format('%s_p%s', parent, n);
        EXECUTE format('CREATE TABLE flywheel.%I (LIKE flywheel.%I INCLUDING ALL EXCLUDING IDENTITY)', leaf, parent);
        -- From leaf to leaf: no trigger of the parents fires, for the steps stay what they are.
        EXECUTE format('INSERT INTO flywheel.%I SELECT * FROM flywheel.%I WHERE %I >= %s AND %I < %s',
                       leaf, parent || '_default', key, lo, key, hi);
        EXECUTE format('DELETE FROM flywheel.%I WHERE %I >= %s AND %I < %s', parent || '_default', key, lo, key, hi);
        EXECUTE format('ALTER TABLE flywheel.%I ATTACH PARTITION flywheel.%I FOR VALUES FROM (%s) TO (%s)', parent, leaf, lo, hi);
        EXECUTE format('COMMENT ON TABLE flywheel.%I IS %L', leaf, format('flywheel.%s of steps %s to %s.', parent, lo, hi - 1));
        -- pg_dump leaves members alone: see sql/dump.sql.
        IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_flywheel') THEN
            EXECUTE format('ALTER EXTENSION pg_flywheel ADD TABLE flywheel.%I', leaf);
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.add_partition(bigint) IS
'Internal: gives range n its partitions and moves what the default ones hold of it. Waits for open transactions that wrote steps, as long as lock_timeout allows.';

CREATE FUNCTION flywheel.missing_partitions() RETURNS SETOF bigint
    LANGUAGE sql STABLE
AS $$
    WITH RECURSIVE held AS ( -- the ranges of the default partition, one index look-up each
        SELECT flywheel.range_of(min(t.id)) AS n FROM flywheel.traces_default t
        UNION ALL
        SELECT (SELECT flywheel.range_of(min(t.id)) FROM flywheel.traces_default t WHERE t.id >= (h.n + 1) * flywheel.partition_size())
        FROM held h WHERE h.n IS NOT NULL
    )
    SELECT m.n FROM (
        SELECT flywheel.range_of(flywheel.next_step_id()) + ahead AS n FROM generate_series(0, 4) AS ahead
        UNION
        -- Ids that lie far apart stay where they are: a partition for each would be too many. A look at some of them.
        SELECT h.n FROM (SELECT w.n FROM held w WHERE w.n IS NOT NULL LIMIT 256) h
        WHERE (SELECT count(*) FROM (SELECT FROM flywheel.traces_default t
                                     WHERE t.id >= h.n * flywheel.partition_size() AND t.id < (h.n + 1) * flywheel.partition_size()
                                     LIMIT 4096) few) = 4096
    ) m
    WHERE to_regclass('flywheel.' || quote_ident('traces_p' || m.n)) IS NULL
    ORDER BY 1
$$;

COMMENT ON FUNCTION flywheel.missing_partitions() IS
'The ranges that should have partitions and have none: of the next id and four more, and those of which the default partition holds 4,096 steps.';

CREATE FUNCTION flywheel.moving_is_harmless() RETURNS boolean
    LANGUAGE sql STABLE
    -- Moving a row deletes it in one table: a foreign key would refuse that, or cascade.
    RETURN NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = 'flywheel.traces'::regclass);

COMMENT ON FUNCTION flywheel.moving_is_harmless() IS
'Internal: false when a table of yours references flywheel.traces: its steps are then neither moved nor dropped by partition.';

CREATE FUNCTION flywheel.make_partitions() RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n    bigint;
    made int := 0;
BEGIN
    FOR n IN SELECT * FROM flywheel.missing_partitions() LOOP
        IF flywheel.moving_is_harmless() OR NOT flywheel.default_holds(n) THEN
            PERFORM flywheel.add_partition(n);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;

COMMENT ON FUNCTION flywheel.make_partitions() IS
'Makes the partitions of flywheel.traces and flywheel.verdicts that are missing and moves there what their default partitions hold; returns how many ranges got theirs. flywheel.drain() keeps some ahead of need by itself. Call it after a restore, or when flywheel.queue_health warns: it waits for open writers, and keeps writers and readers waiting while it moves rows (see make bench for how long).';

CREATE FUNCTION flywheel.default_holds(n bigint) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM flywheel.traces_default t
                   WHERE t.id >= n * flywheel.partition_size() AND t.id < (n + 1) * flywheel.partition_size());

COMMENT ON FUNCTION flywheel.default_holds(bigint) IS 'Internal: whether the default partition has steps of range n.';
