-- Messages of a judge that may not be asked now leave the front of the queue, which other judges share.

CREATE FUNCTION flywheel.park(provider text) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO flywheel.judge_state AS j (version_id, parked_until)
    SELECT h.version_id, h.until FROM flywheel.holds h WHERE h.provider = park.provider AND NOT h.whole_provider
    ON CONFLICT (version_id) DO UPDATE SET parked_until = excluded.parked_until
    WHERE j.parked_until IS NULL OR j.parked_until <= now();

    -- So many at a time: a claim stays short however many wait.
    EXECUTE format(
        'UPDATE pgmq.%1$I q SET vt = j.parked_until
         FROM flywheel.judge_state j
         WHERE j.version_id = (q.message ->> ''version'')::int
           AND j.version_id IN (SELECT h.version_id FROM flywheel.holds h WHERE h.provider = %2$L AND NOT h.whole_provider)
           AND q.msg_id = ANY (ARRAY(SELECT msg_id FROM pgmq.%1$I WHERE vt <= clock_timestamp()
                                     ORDER BY msg_id LIMIT 10000 FOR UPDATE SKIP LOCKED))',
        'q_flywheel_judge_' || provider, provider);
END
$$;

COMMENT ON FUNCTION flywheel.park(text) IS
'Internal: sets aside the first messages of judges that are held until their time comes.';

CREATE FUNCTION flywheel.unpark(provider text) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    j     flywheel.judge_state;
    moved bigint;
BEGIN
    FOR j IN
        SELECT s.* FROM flywheel.judge_state s JOIN flywheel.validator_versions w ON w.id = s.version_id
        WHERE s.parked_until IS NOT NULL AND w.provider = unpark.provider
          AND NOT EXISTS (SELECT FROM flywheel.holds h WHERE h.version_id = s.version_id AND NOT h.whole_provider)
    LOOP
        IF j.parked_until > clock_timestamp() THEN
            -- Parked messages are those with exactly this time. Few at once: one answer may be all that the budget allows.
            EXECUTE format(
                'UPDATE pgmq.%1$I q SET vt = clock_timestamp()
                 WHERE q.msg_id = ANY (ARRAY(SELECT msg_id FROM pgmq.%1$I WHERE vt = $1 AND (message ->> ''version'')::int = $2
                                             LIMIT 1000 FOR UPDATE SKIP LOCKED))',
                'q_flywheel_judge_' || provider)
            USING j.parked_until, j.version_id;
            GET DIAGNOSTICS moved = ROW_COUNT;
            CONTINUE WHEN moved = 1000;
        END IF;
        UPDATE flywheel.judge_state s SET parked_until = NULL
        WHERE s.version_id = j.version_id AND s.parked_until = j.parked_until;
    END LOOP;
END
$$;

COMMENT ON FUNCTION flywheel.unpark(text) IS
'Internal: brings back what was set aside of judges that may be asked again, also before its time.';
