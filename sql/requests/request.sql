-- Ask for steps that are not validated as they come: old ones (backfill), chosen ones (evaluate), given-up ones (redrive).

CREATE FUNCTION flywheel.request(
    name text, kind text, since timestamptz, until timestamptz, sample double precision
) RETURNS bigint
    LANGUAGE plpgsql SET jit = off
AS $$
DECLARE
    d       flywheel.validators;
    lo      bigint;
    hi      bigint;
    asleep  text;
    wanted  bigint;
    e       record;
BEGIN
    PERFORM flywheel.check_sample_rate(sample);
    IF since > until THEN
        RAISE EXCEPTION 'since (%) is after until (%)', since, until USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Steps with since <= created_at < until are taken; NULL means no bound.';
    END IF;
    IF (flywheel.known_validator(name)).kind = 'judge' THEN -- before the lock: it reads every step
        SELECT * INTO e FROM flywheel.estimate(name, since, until, sample);
        RAISE NOTICE '% steps for judge "%": about % tokens, % USD, % day(s), by %', e.steps, name,
            e.prompt_tokens + e.completion_tokens, coalesce(round(e.cost_usd, 4)::text, 'unknown'), coalesce(e.days::text, 'no'), e.basis
            USING HINT = 'Limit what a day costs: SELECT flywheel.set_budget(judge, daily_usd => ...). Know it before: SELECT * FROM flywheel.estimate(...).';
    END IF;
    PERFORM flywheel.lock_registry();
    d := flywheel.known_validator(name);
    SELECT min(t.id), max(t.id) INTO lo, hi FROM flywheel.traces t
    WHERE t.created_at >= coalesce(since, '-infinity') AND t.created_at < coalesce(until, 'infinity');
    IF lo IS NULL THEN
        RETURN 0;
    END IF;

    INSERT INTO flywheel.activations (version_id, kind, lo, hi, since, until, sample_rate)
    VALUES (d.version_id, kind, lo, hi, coalesce(since, '-infinity'), coalesce(until, 'infinity'), sample);
    PERFORM flywheel.recount(d.name, lo, hi);

    -- In pieces, so that no dispatch is long.
    INSERT INTO flywheel.inbox (lo, hi, n, ids, version_id)
    SELECT min(p.id), max(p.id), count(*),
           CASE WHEN count(*) <= max(p.id) - min(p.id) THEN range_agg(int8range(p.id, p.id, '[]')) END, d.version_id
    FROM (SELECT t.id, row_number() OVER (ORDER BY t.id) / 100000 AS piece FROM flywheel.traces t WHERE t.id BETWEEN lo AND hi) p
    GROUP BY p.piece;

    asleep := (SELECT w.suspended FROM flywheel.validator_versions w WHERE w.id = d.version_id);
    IF asleep IS NOT NULL THEN
        RAISE WARNING 'flywheel: the steps wait: validator % is %', d.name, asleep;
    END IF;
    SELECT count(*) INTO wanted
    FROM flywheel.answers(lo, hi, d.name) a
    WHERE a.version_id = d.version_id AND a.answer IN ('pending', 'deferred');
    RETURN wanted;
END
$$;

COMMENT ON FUNCTION flywheel.request(text, text, timestamptz, timestamptz, double precision) IS
'Internal: what backfill and evaluate share.';

CREATE FUNCTION flywheel.backfill(name text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL) RETURNS bigint
    LANGUAGE sql
    RETURN flywheel.request(name, 'backfill', since, until, (flywheel.known_validator(name)).sample_rate);

COMMENT ON FUNCTION flywheel.backfill(text, timestamptz, timestamptz) IS
'Validates steps that are already there (since <= created_at < until; NULL: no bound) with the current version, at the validator''s sample rate; steps with a verdict of this version are left alone. Returns the number of steps now waiting for it.';

CREATE FUNCTION flywheel.evaluate(
    name text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, sample double precision DEFAULT 1
) RETURNS bigint
    LANGUAGE sql
    RETURN flywheel.request(name, 'evaluate', since, until, sample);

COMMENT ON FUNCTION flywheel.evaluate(text, timestamptz, timestamptz, double precision) IS
'Runs a validator on a sample (0..1, of the traces) of the steps with since <= created_at < until. For validators with mode on_demand it is the only way to run. A larger sample later keeps the traces of a smaller one, so that nothing is paid for twice. Returns the number of steps now waiting; metrics then carry the interval that the sample supports.';

CREATE FUNCTION flywheel.redrive(name text) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    d       flywheel.validators;
    revived bigint;
BEGIN
    PERFORM flywheel.lock_registry();
    d := flywheel.known_validator(name);
    WITH buried AS (
        DELETE FROM flywheel.dead_letters x USING flywheel.validator_versions w
        WHERE w.id = x.version_id AND w.validator = d.name
        RETURNING x.step_id, x.version_id
    ), undecided AS (
        -- A code validator says the same again: only what a model said may change.
        DELETE FROM flywheel.verdicts v USING flywheel.validator_versions w
        WHERE w.id = v.version_id AND w.validator = d.name AND d.kind = 'judge'
          AND v.status = 'error' AND v.passed IS NOT TRUE -- its index: verdicts_not_passed
        RETURNING v.step_id, v.version_id
    ), gone AS (
        SELECT * FROM buried UNION ALL SELECT * FROM undecided
    ), again AS (
        INSERT INTO flywheel.inbox (lo, hi, n, ids, version_id)
        SELECT min(g.step_id), max(g.step_id), count(*), range_agg(int8range(g.step_id, g.step_id, '[]')), g.version_id
        FROM gone g GROUP BY g.version_id
    ), dirty AS (
        INSERT INTO flywheel.coverage_dirty (block) SELECT DISTINCT flywheel.block_of(g.step_id) FROM gone g
    )
    SELECT count(*) INTO revived FROM gone;
    RETURN revived;
END
$$;

COMMENT ON FUNCTION flywheel.redrive(text) IS
'Tries a validator''s dead letters again, by the version that gave them up, and of a judge also the steps that ended as error; returns how many.';
