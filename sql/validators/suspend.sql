-- A version that gets stuck on one step after the other is switched off by itself: each one costs a drain seconds, and
-- a validator that kills its process costs the server a restart. Its steps wait, deferred, until somebody looks.

CREATE FUNCTION flywheel.note_outcomes(version_id int, ended int, stuck int, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT int := 10;
    w    flywheel.validator_versions;
BEGIN
    -- Callers come here when something is or was stuck, so that healthy work updates nothing and never waits here.
    UPDATE flywheel.validator_versions v
    SET stuck = CASE WHEN ended > 0 THEN 0 ELSE v.stuck + note_outcomes.stuck END
    WHERE v.id = note_outcomes.version_id AND v.suspended IS NULL
    RETURNING * INTO w;
    IF w.stuck >= most THEN
        UPDATE flywheel.validator_versions v
        SET suspended = format('switched off: %s times in a row a step did not end, the last time: %s. Then: SELECT flywheel.set_validator(%L, enabled => true)',
                               w.stuck, left(reason, 500), w.validator)
        WHERE v.id = w.id RETURNING v.suspended INTO w.suspended;
        RAISE WARNING 'flywheel: validator % version % is %', w.validator, w.version, w.suspended;
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.note_outcomes(int, int, int, text) IS
'Internal: counts steps that timed out or killed their process; any that ended starts the count anew. At 10 in a row the version is suspended.';

CREATE FUNCTION flywheel.enqueue_waiting(version_id int) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    -- Exactly those: with whole blocks a new version would answer for steps that the old one has answered.
    INSERT INTO flywheel.inbox (lo, hi, n, ids, version_id)
    SELECT min(a.step_id), max(a.step_id), count(*), range_agg(int8range(a.step_id, a.step_id, '[]')), a.version_id
    FROM flywheel.validator_versions w
    JOIN flywheel.unsettled() u ON u.validator = w.validator
    CROSS JOIN LATERAL flywheel.answers(u.lo, u.hi, u.validator) a
    WHERE w.id = enqueue_waiting.version_id AND a.version_id = w.id AND a.answer IN ('pending', 'deferred')
    GROUP BY u.lo, a.version_id;
END
$$;

COMMENT ON FUNCTION flywheel.enqueue_waiting(int) IS
'Internal: enqueues the steps that wait for a version that was suspended. The caller holds the registry lock.';

CREATE FUNCTION flywheel.resume(validator text) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    resumed int;
BEGIN
    FOR resumed IN
        UPDATE flywheel.validator_versions v SET stuck = 0, suspended = NULL
        WHERE v.validator = resume.validator AND v.suspended IS NOT NULL
        RETURNING v.id
    LOOP
        PERFORM flywheel.enqueue_waiting(resumed);
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.resume(text) IS
'Internal: brings a validator back that switched itself off, with every step that waited. The caller holds the registry lock.';
