-- traces and verdicts in ranges of ids, of one size: a range's partitions come and go together. What lies in none of them
-- is in the default partitions, which refuse no row.

CREATE FUNCTION flywheel.partition_size() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 1048576; -- about 1 GB of steps of 1 KB; 256 blocks of coverage

COMMENT ON FUNCTION flywheel.partition_size() IS
'Step ids of one partition of flywheel.traces, and of flywheel.verdicts. A constant: the partitions that exist are made for it.';

CREATE FUNCTION flywheel.range_of(step_id bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN step_id >> 20;

COMMENT ON FUNCTION flywheel.range_of(bigint) IS
'Number of the range of flywheel.partition_size() ids that a step is in: n in the names traces_p<n> and verdicts_p<n>.';

-- With the comments and indexes of their parents; an identity would be a sequence of its own.
CREATE TABLE flywheel.traces_default (LIKE flywheel.traces INCLUDING ALL EXCLUDING IDENTITY);
CREATE TABLE flywheel.verdicts_default (LIKE flywheel.verdicts INCLUDING ALL);
ALTER TABLE flywheel.traces ATTACH PARTITION flywheel.traces_default DEFAULT;
ALTER TABLE flywheel.verdicts ATTACH PARTITION flywheel.verdicts_default DEFAULT;

COMMENT ON TABLE flywheel.traces_default IS
'Steps of ranges without a partition: ids far apart, a load that was faster than the drain made partitions, everything after a restore. See flywheel.make_partitions().';
COMMENT ON TABLE flywheel.verdicts_default IS 'Verdicts of the steps in flywheel.traces_default.';

CREATE VIEW flywheel.partitions AS
SELECT r.n, r.n * flywheel.partition_size() AS lo, (r.n + 1) * flywheel.partition_size() - 1 AS hi,
       pg_total_relation_size(r.traces) AS trace_bytes,
       pg_total_relation_size(to_regclass('flywheel.' || quote_ident('verdicts_p' || r.n))) AS verdict_bytes
FROM (SELECT i.inhrelid::regclass AS traces, substring(c.relname FROM '^traces_p(-?\d+)$')::bigint AS n
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'flywheel.traces'::regclass) r
WHERE r.n IS NOT NULL;

COMMENT ON VIEW flywheel.partitions IS
'The ranges of step ids that have partitions, traces_p<n> and verdicts_p<n>. Made ahead of need and dropped by flywheel.drain(): see flywheel.make_partitions() and flywheel.set_retention().';
COMMENT ON COLUMN flywheel.partitions.n IS 'flywheel.range_of() of its steps.';
COMMENT ON COLUMN flywheel.partitions.lo IS 'First step id.';
COMMENT ON COLUMN flywheel.partitions.hi IS 'Last step id.';
COMMENT ON COLUMN flywheel.partitions.trace_bytes IS 'Bytes of traces_p<n> with its indexes.';
COMMENT ON COLUMN flywheel.partitions.verdict_bytes IS 'Bytes of verdicts_p<n> with its indexes.';

CREATE FUNCTION flywheel.close_partitions() RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    leaf regclass;
BEGIN
    FOR leaf IN SELECT i.inhrelid::regclass FROM pg_inherits i
                WHERE i.inhparent IN ('flywheel.traces'::regclass, 'flywheel.verdicts'::regclass, 'flywheel.embeddings'::regclass)
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM flywheel_admin', leaf);
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.close_partitions() IS
'Internal: nobody but the owner reaches a partition but through its parent, whose triggers and policies hold. And pg_dump would save a right on a partition that CREATE EXTENSION does not make.';
