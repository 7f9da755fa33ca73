CREATE FUNCTION flywheel.schedule() RETURNS text
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN
        RETURN 'pg_cron is not installed in this database: run flywheel worker, or CALL flywheel.drain(55) every minute from any cron';
    END IF;
    -- pg_cron 1.4 has no schedule under a minute, so each slot loops for 55 seconds.
    EXECUTE 'SELECT cron.schedule(''flywheel'', ''* * * * *'', ''CALL flywheel.drain(55)'')';
    EXECUTE 'SELECT cron.schedule(''flywheel_overdue'', ''* * * * *'', ''SELECT flywheel.stop_overdue()'')';
    RETURN 'pg_cron runs CALL flywheel.drain(55) and SELECT flywheel.stop_overdue() every minute';
END
$$;

COMMENT ON FUNCTION flywheel.schedule() IS
'Has pg_cron run the drain every minute, and stop validators that do not end; says what to do where pg_cron is missing. With cron.use_background_workers, pg_cron 1.4 starts no job while one runs: there only a flywheel worker, or a statement_timeout of the role that schedules, stops a validator in SQL. Undo: SELECT cron.unschedule(''flywheel''), cron.unschedule(''flywheel_overdue'').';
