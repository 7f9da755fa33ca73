-- Every step accounted for, per validator.

CREATE FUNCTION flywheel.count_answers(lo bigint, hi bigint, only_validator text DEFAULT NULL) RETURNS TABLE (
    validator text, block bigint, pipeline text, steps bigint, verdicts bigint, pending bigint, deferred bigint, dead_letters bigint,
    filtered bigint, sampled_out bigint, not_requested bigint, before bigint, paused bigint
)
    LANGUAGE sql STABLE ROWS 1 SET jit = off -- compiling would take longer than counting
AS $$
    SELECT a.validator, flywheel.block_of(a.step_id), flywheel.slice_name(a.pipeline), count(*),
           count(*) FILTER (WHERE a.answer = 'verdict'), count(*) FILTER (WHERE a.answer = 'pending'),
           count(*) FILTER (WHERE a.answer = 'deferred'), count(*) FILTER (WHERE a.answer = 'dead_letter'),
           count(*) FILTER (WHERE a.why = 'filtered'), count(*) FILTER (WHERE a.why = 'sampled_out'),
           count(*) FILTER (WHERE a.why = 'not_requested'), count(*) FILTER (WHERE a.why = 'before'),
           count(*) FILTER (WHERE a.why = 'paused')
    FROM flywheel.answers(lo, hi, only_validator) a
    GROUP BY 1, 2, 3
$$;

COMMENT ON FUNCTION flywheel.count_answers(bigint, bigint, text) IS
'flywheel.answers() counted by validator, block of steps and pipeline.';

CREATE FUNCTION flywheel.unsettled() RETURNS TABLE (validator text, lo bigint, hi bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp -- a block is settled for all teams or none
AS $$
    SELECT d.name, b << 12, (b << 12) + 4095
    FROM flywheel.step_blocks() AS b
    CROSS JOIN flywheel.validators d
    WHERE NOT EXISTS (SELECT FROM flywheel.coverage_ledger l WHERE l.validator = d.name AND l.block = b)
       OR b IN (SELECT y.block FROM flywheel.coverage_dirty y)
$$;

COMMENT ON FUNCTION flywheel.unsettled() IS
'The blocks of steps, per validator, that have to be counted: not in flywheel.coverage_ledger, or touched since.';

CREATE VIEW flywheel.coverage WITH (security_invoker) AS
WITH counted AS (
    SELECT l.validator, l.steps, l.verdicts, 0 AS pending, 0 AS deferred, l.dead_letters, l.filtered, l.sampled_out,
           l.not_requested, l.before, l.paused
    FROM flywheel.coverage_ledger l
    WHERE l.block NOT IN (SELECT y.block FROM flywheel.coverage_dirty y)
    UNION ALL
    SELECT u.validator, c.steps, c.verdicts, c.pending, c.deferred, c.dead_letters, c.filtered, c.sampled_out,
           c.not_requested, c.before, c.paused
    FROM flywheel.unsettled() u
    CROSS JOIN LATERAL flywheel.count_answers(u.lo, u.hi, u.validator) c
)
SELECT d.name AS validator, w.version, d.enabled AND w.suspended IS NULL AS enabled,
       coalesce(sum(c.steps), 0)::bigint         AS steps,
       coalesce(sum(c.verdicts), 0)::bigint      AS verdicts,
       coalesce(sum(c.pending), 0)::bigint       AS pending,
       coalesce(sum(c.deferred), 0)::bigint      AS deferred,
       coalesce(sum(c.dead_letters), 0)::bigint  AS dead_letters,
       coalesce(sum(c.filtered + c.sampled_out + c.not_requested + c.before + c.paused), 0)::bigint AS not_eligible,
       coalesce(sum(c.filtered), 0)::bigint      AS filtered,
       coalesce(sum(c.sampled_out), 0)::bigint   AS sampled_out,
       coalesce(sum(c.not_requested), 0)::bigint AS not_requested,
       coalesce(sum(c.before), 0)::bigint        AS before,
       coalesce(sum(c.paused), 0)::bigint        AS paused,
       w.suspended
FROM flywheel.validators d
JOIN flywheel.validator_versions w ON w.id = d.version_id
LEFT JOIN counted c ON c.validator = d.name
GROUP BY d.name, w.version, d.enabled, w.suspended;

COMMENT ON VIEW flywheel.coverage IS
'Per validator: steps = verdicts + pending + deferred + dead_letters + not_eligible, at any moment. Ask flywheel.why(step, validator) about one. Steps that are inserted with an old id of their own choice count from their dispatch on.';
COMMENT ON COLUMN flywheel.coverage.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.coverage.version IS 'The current version; steps of earlier versions count with the version they belong to.';
COMMENT ON COLUMN flywheel.coverage.enabled IS 'Whether it takes new steps: false after set_validator(enabled => false), and while it is suspended.';
COMMENT ON COLUMN flywheel.coverage.steps IS 'All steps in flywheel.traces.';
COMMENT ON COLUMN flywheel.coverage.verdicts IS 'Steps with a verdict of any status.';
COMMENT ON COLUMN flywheel.coverage.pending IS 'Steps that wait for the drain or the worker.';
COMMENT ON COLUMN flywheel.coverage.deferred IS 'Steps that wait for a time: see flywheel.why for until when.';
COMMENT ON COLUMN flywheel.coverage.dead_letters IS 'Steps that were given up on: see flywheel.dead_letters and flywheel.redrive.';
COMMENT ON COLUMN flywheel.coverage.not_eligible IS 'The sum of the columns after this one.';
COMMENT ON COLUMN flywheel.coverage.filtered IS 'Of another pipeline, node or node type.';
COMMENT ON COLUMN flywheel.coverage.sampled_out IS 'Not in the sample.';
COMMENT ON COLUMN flywheel.coverage.not_requested IS 'The validator runs on demand, and nobody asked for these.';
COMMENT ON COLUMN flywheel.coverage.before IS 'Inserted before the validator existed: see flywheel.backfill.';
COMMENT ON COLUMN flywheel.coverage.paused IS 'Inserted while the validator was disabled: see flywheel.backfill.';
COMMENT ON COLUMN flywheel.coverage.suspended IS 'Why it switched itself off, and how to bring it back: its steps are deferred meanwhile. NULL: it did not.';
