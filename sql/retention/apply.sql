-- The chore: what is too old goes, a whole partition at once where everything in it is, else in batches. Straight from the
-- partitions: the triggers of their parents, which count verdicts out of the metrics, do not see it.

CREATE FUNCTION flywheel.forget_steps(lo bigint, hi bigint, ids bigint[] DEFAULT NULL) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    DELETE FROM flywheel.dead_letters d WHERE d.step_id BETWEEN lo AND hi AND (ids IS NULL OR d.step_id = ANY (ids));
    DELETE FROM flywheel.deferrals f WHERE f.step_id BETWEEN lo AND hi AND (ids IS NULL OR f.step_id = ANY (ids));
    DELETE FROM flywheel.embeddings e WHERE e.step_id BETWEEN lo AND hi AND (ids IS NULL OR e.step_id = ANY (ids));
    DELETE FROM flywheel.coverage_ledger l
    WHERE l.block BETWEEN flywheel.block_of(lo) AND flywheel.block_of(hi)
      AND (ids IS NULL OR l.block IN (SELECT flywheel.block_of(i) FROM unnest(ids) AS i));
END;

COMMENT ON FUNCTION flywheel.forget_steps(bigint, bigint, bigint[]) IS
'Internal: removes what is known of the steps lo..hi, or only of ids among them, but for the steps and their verdicts.';

CREATE FUNCTION flywheel.drop_expired(n bigint, expired text) RETURNS boolean
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    lo      CONSTANT bigint := n * flywheel.partition_size();
    hi      CONSTANT bigint := lo + flywheel.partition_size() - 1;
    has_all boolean;
    leaf    text;
BEGIN
    -- Nothing may come into it that has not been looked at.
    EXECUTE format('LOCK TABLE flywheel.%I IN SHARE MODE', 'traces_p' || n);
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM flywheel.%I t WHERE (%s) IS NOT TRUE)
                       AND NOT EXISTS (SELECT FROM flywheel.kept_steps k WHERE k.step_id BETWEEN %s AND %s)',
                   'traces_p' || n, expired, lo, hi) INTO has_all;
    IF NOT has_all THEN
        RETURN false;
    END IF;
    -- A drain that read a step holds its partition until it has stored the verdict: none is left without its step.
    LOCK TABLE ONLY flywheel.traces, ONLY flywheel.verdicts, flywheel.traces_default, flywheel.verdicts_default IN ACCESS EXCLUSIVE MODE;
    -- A label may have come while that was waited for.
    IF EXISTS (SELECT FROM flywheel.kept_steps k WHERE k.step_id BETWEEN lo AND hi) THEN
        RETURN false;
    END IF;
    FOREACH leaf IN ARRAY ARRAY['traces_p' || n, 'verdicts_p' || n] LOOP
        IF EXISTS (SELECT FROM pg_depend d WHERE d.objid = format('flywheel.%I', leaf)::regclass AND d.deptype = 'e') THEN
            EXECUTE format('ALTER EXTENSION pg_flywheel DROP TABLE flywheel.%I', leaf);
        END IF;
        EXECUTE format('DROP TABLE flywheel.%I', leaf);
    END LOOP;
    PERFORM flywheel.forget_steps(lo, hi);
    RETURN true;
END
$$;

COMMENT ON FUNCTION flywheel.drop_expired(bigint, text) IS
'Internal: drops the partitions of range n if all of its steps may go; expired is flywheel.expired_sql().';

CREATE FUNCTION flywheel.delete_expired(traces regclass, verdicts regclass, expired text, at_most int) RETURNS int
    LANGUAGE plpgsql
AS $$
DECLARE
    wanted CONSTANT text := format('(%s) AND NOT EXISTS (SELECT FROM flywheel.kept_steps k WHERE k.step_id = t.id)', expired);
    -- By id: an index scan skips what the batches before left behind, a table scan reads all of it again.
    query CONSTANT text := format(
        'SELECT array_agg(s.id), min(s.id), max(s.id) FROM (
             SELECT t.id FROM %s t WHERE %s ORDER BY t.id LIMIT %s) s',
        traces, wanted, at_most);
    ids   bigint[];
    lo    bigint;
    hi    bigint;
BEGIN
    EXECUTE query INTO ids, lo, hi;
    IF ids IS NULL THEN
        RETURN 0;
    END IF;
    -- As in drop_expired: no verdict is left without its step. And a step that changed or was labelled meanwhile is looked at again.
    EXECUTE format('LOCK TABLE %s, %s IN ACCESS EXCLUSIVE MODE', traces, verdicts);
    EXECUTE format('WITH gone AS (
                        DELETE FROM %s t WHERE t.id = ANY ($1) AND %s RETURNING t.id
                    ) SELECT array_agg(g.id) FROM gone g', traces, wanted) INTO ids USING ids;
    EXECUTE format('DELETE FROM %s v WHERE v.step_id = ANY ($1)', verdicts) USING ids;
    PERFORM flywheel.forget_steps(lo, hi, coalesce(ids, '{}'));
    RETURN coalesce(cardinality(ids), 0);
END
$$;

COMMENT ON FUNCTION flywheel.delete_expired(regclass, regclass, text, int) IS
'Internal: removes at most so many expired steps from one partition; returns how many.';

CREATE FUNCTION flywheel.apply_retention(at_most int DEFAULT 5000, OUT again interval, OUT problem text)
    LANGUAGE plpgsql SET lock_timeout = '50ms' SET jit = off
AS $$
DECLARE
    expired     text := flywheel.expired_sql();
    complete_to bigint := (SELECT h.complete_to FROM flywheel.coverage_horizon h);
    p           record;
BEGIN
    IF expired IS NULL THEN
        RETURN;
    END IF;
    -- Oldest first, the default partition last; one drop or one batch a turn.
    FOR p IN
        SELECT n, hi, format('flywheel.%I', 'traces_p' || n)::regclass AS traces, format('flywheel.%I', 'verdicts_p' || n)::regclass AS verdicts
        FROM flywheel.partitions
        UNION ALL SELECT NULL, 9223372036854775807, 'flywheel.traces_default', 'flywheel.verdicts_default'
        ORDER BY n NULLS LAST
    LOOP
        IF p.hi < complete_to AND flywheel.moving_is_harmless() AND flywheel.drop_expired(p.n, expired)
            OR flywheel.delete_expired(p.traces, p.verdicts, expired, at_most) > 0
        THEN
            again := '0'; -- there may be more
            RETURN;
        END IF;
    END LOOP;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected THEN
        again := '5 seconds';
    WHEN foreign_key_violation THEN
        problem := 'steps that a table of yours references are too old, and stay: ' || SQLERRM;
END
$$;

COMMENT ON FUNCTION flywheel.apply_retention(int) IS
'Internal: drops one expired partition or deletes at most so many expired steps, unless somebody is in the way. Returns after how long to look again, if before the next hour, and what to warn of.';
