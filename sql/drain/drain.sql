-- The scheduler's one entry: by pg_cron, by the worker, or by hand. Each message is a transaction of its own.

CREATE PROCEDURE flywheel.drain(
    seconds        double precision DEFAULT 0,
    chunk          int DEFAULT 2048,
    sweep          boolean DEFAULT true,
    INOUT messages bigint DEFAULT 0,
    INOUT verdicts bigint DEFAULT 0
)
    LANGUAGE plpgsql
AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + make_interval(secs => coalesce(seconds, 0));
    lease    CONSTANT int := 30; -- a killed drain's range is taken up again after so many seconds
    m        pgmq.message_record;
    sent     bigint;
    worked   boolean;
    turn_end timestamptz;
BEGIN
    IF chunk IS NULL OR chunk NOT BETWEEN 1 AND 4096 THEN
        RAISE EXCEPTION 'bad chunk: %', coalesce(chunk::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected 1 to 4096 steps a message.';
    END IF;
    messages := 0;
    verdicts := 0;
    LOOP
        PERFORM flywheel.begin_drain();
        COMMIT;
        sent := flywheel.dispatch(chunk);
        COMMIT;
        IF sweep THEN
            IF seconds > 0 THEN
                PERFORM flywheel.sweep_if_due();
            ELSE
                PERFORM flywheel.sweep();
                sweep := false;
                sent := 1; -- look at the inbox once more
            END IF;
            COMMIT;
        END IF;

        -- Claim the next message in the transaction that finishes this one: one commit a message.
        turn_end := clock_timestamp() + interval '0.5 seconds'; -- then back to dispatch: judges wait for it
        worked := false;
        SELECT * INTO m FROM flywheel.claim('flywheel_code', 1, lease);
        COMMIT;
        WHILE m.msg_id IS NOT NULL LOOP
            verdicts := verdicts + flywheel.run(m);
            messages := messages + 1;
            worked := true;
            m := NULL;
            IF clock_timestamp() < turn_end THEN
                SELECT * INTO m FROM flywheel.claim('flywheel_code', 1, lease);
            END IF;
            COMMIT;
        END LOOP;

        PERFORM flywheel.maintain();
        COMMIT;
        IF NOT worked AND sent = 0 THEN
            EXIT WHEN clock_timestamp() >= deadline;
            PERFORM pg_sleep(0.05);
        END IF;
    END LOOP;
END
$$;

COMMENT ON PROCEDURE flywheel.drain(double precision, int, boolean, bigint, bigint) IS
'Dispatches new steps and runs the code validators until nothing is left, then keeps looking until seconds are over (0: returns). chunk: most steps of one message, 1..4096. Any number may run at once. Cron: CALL flywheel.drain(55) every minute. Not inside a transaction block: it commits after every message. Set statement_timeout in the session to bound a validator written in SQL.';

CREATE FUNCTION flywheel.sweep_if_due() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF flywheel.due('sweep') THEN
        PERFORM flywheel.sweep();
        PERFORM flywheel.done('sweep');
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.sweep_if_due() IS 'Internal: the sweep, every 30 seconds.';
