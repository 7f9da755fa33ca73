CREATE FUNCTION flywheel.judgements_waiting(provider text) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    waiting boolean := false;
BEGIN
    IF to_regclass(format('pgmq.%I', 'q_flywheel_judge_' || provider)) IS NOT NULL AND NOT EXISTS (
        SELECT FROM flywheel.holds h WHERE h.provider = judgements_waiting.provider AND h.whole_provider)
    THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM pgmq.%I WHERE vt <= clock_timestamp())', 'q_flywheel_judge_' || provider)
        INTO waiting;
    END IF;
    RETURN waiting;
END
$$;

COMMENT ON FUNCTION flywheel.judgements_waiting(text) IS
'For the worker: whether there are judgements that could be asked for now, but for the rate limit.';
