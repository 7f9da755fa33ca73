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
    deadline timestamptz;
    staying  boolean;
    lease    CONSTANT int := 30; -- a killed drain's range is taken up again after so many seconds
    m        pgmq.message_record;
    last     bigint; -- each turn goes through the queue once
    taken    bigint;
    worked   boolean;
    stopped  text;
    turn_end timestamptz;
    idle     double precision := 0.02;
BEGIN
    IF seconds IS NULL OR NOT seconds BETWEEN double precision '0' AND double precision '86400' THEN
        RAISE EXCEPTION 'bad seconds: %', coalesce(seconds::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected 0 (until nothing is left) to 86400.';
    END IF;
    IF chunk IS NULL OR chunk NOT BETWEEN 1 AND 4096 THEN
        RAISE EXCEPTION 'bad chunk: %', coalesce(chunk::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected 1 to 4096 steps a message.';
    END IF;
    staying := seconds > double precision '0';
    deadline := pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => seconds);
    messages := 0;
    verdicts := 0;
    LOOP
        PERFORM flywheel.begin_drain();
        COMMIT;
        taken := flywheel.dispatch(chunk);
        COMMIT;
        IF sweep THEN
            IF staying THEN
                PERFORM flywheel.sweep_if_due();
            ELSE
                PERFORM flywheel.sweep();
                sweep := false;
                taken := 1; -- look at the inbox once more
            END IF;
            COMMIT;
        END IF;

        taken := taken + flywheel.embed_due();
        COMMIT;

        -- Claim the next message in the transaction that finishes this one: one commit a message.
        turn_end := pg_catalog.clock_timestamp() + interval '0.5 seconds'; -- then back to dispatch: judges wait for it
        worked := false;
        SELECT * INTO m FROM flywheel.claim('flywheel_code', 1, lease);
        COMMIT;
        WHILE m.msg_id IS NOT NULL LOOP
            verdicts := verdicts + flywheel.run(m);
            messages := messages + 1;
            worked := true;
            last := m.msg_id;
            m := NULL;
            stopped := nullif(pg_catalog.current_setting('flywheel.cancelled', true), '');
            IF pg_catalog.clock_timestamp() < turn_end AND stopped IS NULL THEN
                SELECT * INTO m FROM flywheel.claim('flywheel_code', 1, lease, last);
            END IF;
            COMMIT;
            IF stopped IS NOT NULL THEN
                RAISE EXCEPTION 'flywheel.drain(), while a validator ran: %', stopped
                    USING ERRCODE = 'query_canceled', HINT = 'Nothing is lost: the next drain goes on, and finds the step that takes so long.';
            END IF;
        END LOOP;

        PERFORM flywheel.maintain();
        COMMIT;
        EXIT WHEN staying AND pg_catalog.clock_timestamp() >= deadline;
        IF NOT worked AND taken = 0 THEN
            EXIT WHEN NOT staying;
            PERFORM pg_catalog.pg_sleep(idle);
            idle := least(idle * double precision '1.5', 0.1);
        ELSE
            idle := 0.02;
        END IF;
    END LOOP;
    PERFORM flywheel.maintain(leaving => true);
    COMMIT;
END
$$;

COMMENT ON PROCEDURE flywheel.drain(double precision, int, boolean, bigint, bigint) IS
'Dispatches new steps and runs the code validators: for so many seconds, or, with 0, until nothing is left. chunk: most steps of one message, 1..4096. Any number may run at once. Cron: CALL flywheel.drain(55) every minute. Not inside a transaction block: it commits after every message. A validator that takes too long is stopped by flywheel.stop_overdue(), or by the session''s statement_timeout.';

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
