-- Coverage is counted in blocks of 4,096 steps. A block that nothing is pending in is counted once and remembered;
-- what is newer or was touched since is counted on reading.

CREATE FUNCTION flywheel.block_of(step_id bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN step_id >> 12;

COMMENT ON FUNCTION flywheel.block_of(bigint) IS 'The block of 4,096 step ids that a step is in.';

CREATE TABLE flywheel.coverage_ledger (
    validator     text NOT NULL,
    block         bigint NOT NULL,
    pipeline      text NOT NULL,
    steps         int NOT NULL,
    verdicts      int NOT NULL,
    dead_letters  int NOT NULL,
    filtered      int NOT NULL,
    sampled_out   int NOT NULL,
    not_requested int NOT NULL,
    before        int NOT NULL,
    paused        int NOT NULL,
    PRIMARY KEY (validator, block, pipeline)
);

COMMENT ON TABLE flywheel.coverage_ledger IS
'Settled coverage: blocks of steps with nothing pending for the validator, counted by pipeline. Derived: it can be emptied at any time.';
COMMENT ON COLUMN flywheel.coverage_ledger.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.coverage_ledger.block IS 'flywheel.block_of(step id).';
COMMENT ON COLUMN flywheel.coverage_ledger.pipeline IS 'Of the steps.';
COMMENT ON COLUMN flywheel.coverage_ledger.steps IS 'As in flywheel.coverage, for this block and pipeline; so are the others.';
COMMENT ON COLUMN flywheel.coverage_ledger.verdicts IS 'See flywheel.coverage.';
COMMENT ON COLUMN flywheel.coverage_ledger.dead_letters IS 'See flywheel.coverage.';
COMMENT ON COLUMN flywheel.coverage_ledger.filtered IS 'See flywheel.coverage.';
COMMENT ON COLUMN flywheel.coverage_ledger.sampled_out IS 'See flywheel.coverage.';
COMMENT ON COLUMN flywheel.coverage_ledger.not_requested IS 'See flywheel.coverage.';
COMMENT ON COLUMN flywheel.coverage_ledger.before IS 'See flywheel.coverage.';
COMMENT ON COLUMN flywheel.coverage_ledger.paused IS 'See flywheel.coverage.';

CREATE TABLE flywheel.coverage_dirty (
    block bigint NOT NULL
);

COMMENT ON TABLE flywheel.coverage_dirty IS
'Blocks that were touched after they may have been settled. Rows are only added here by writers, so that they never wait for one another; the sweep takes them away.';
COMMENT ON COLUMN flywheel.coverage_dirty.block IS 'flywheel.block_of(step id).';

CREATE TABLE flywheel.coverage_horizon (
    complete_to bigint NOT NULL,
    mark_id     bigint NOT NULL,
    mark_xid    xid8 NOT NULL
);

INSERT INTO flywheel.coverage_horizon VALUES (0, 0, '0');

COMMENT ON TABLE flywheel.coverage_horizon IS
'One row: how far back no open transaction can still add a step. Ids commit out of order, so only blocks below are settled.';
COMMENT ON COLUMN flywheel.coverage_horizon.complete_to IS 'Every transaction that may have drawn a step id below this has ended.';
COMMENT ON COLUMN flywheel.coverage_horizon.mark_id IS 'The next complete_to: the id that was next when the mark was made.';
COMMENT ON COLUMN flywheel.coverage_horizon.mark_xid IS 'It holds once every transaction before this one has ended.';

CREATE FUNCTION flywheel.step_blocks() RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    leaf regclass;
BEGIN
    -- From one existing id to the next block's first: ids may lie far apart. Partition by partition: over all of them at
    -- once, each look-up would ask every partition.
    FOR leaf IN SELECT i.inhrelid::regclass FROM pg_inherits i WHERE i.inhparent = 'flywheel.traces'::regclass LOOP
        RETURN QUERY EXECUTE format(
            'WITH RECURSIVE walk AS (
                 SELECT flywheel.block_of(min(t.id)) AS block FROM %1$s t
                 UNION ALL
                 SELECT (SELECT flywheel.block_of(min(t.id)) FROM %1$s t WHERE t.id > (w.block << 12) + 4095)
                 FROM walk w WHERE w.block IS NOT NULL
             )
             SELECT w.block FROM walk w WHERE w.block IS NOT NULL', leaf);
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.step_blocks() IS
'The blocks that have steps: one index look-up each.';

CREATE FUNCTION flywheel.recount(validator text, lo bigint, hi bigint DEFAULT NULL) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    DELETE FROM flywheel.coverage_ledger l
    WHERE l.validator = recount.validator
      AND l.block BETWEEN flywheel.block_of(lo) AND flywheel.block_of(coalesce(hi, 9223372036854775807));
END;

COMMENT ON FUNCTION flywheel.recount(text, bigint, bigint) IS
'Internal: forgets settled coverage of a validator from step lo to hi (NULL: to the end).';
