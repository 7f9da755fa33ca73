-- Judgements of a provider.

CREATE PROCEDURE bench.ask_for_judgements(base_url text, max_in_flight int, n int)
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM flywheel.set_provider('standin', base_url, max_in_flight => max_in_flight);
    PERFORM flywheel.add_judge('helpful', 'Passes if the answer helps.', 'stand-in', 'standin');
    PERFORM bench.fill_traces(n);
END
$$;

-- Calls completed a second, against max_in_flight calls of so many seconds each, without a pause between them.
-- The clock starts one call before the first verdict: starting the worker and the first drain do not count.
CREATE FUNCTION bench.judge_efficiency(max_in_flight int, latency_s double precision) RETURNS double precision
    LANGUAGE sql STABLE
    RETURN (
        SELECT count(*) / (extract(epoch FROM max(v.created_at) - min(v.created_at)) + latency_s) / (max_in_flight / latency_s)
        FROM flywheel.verdicts v WHERE v.status = 'ok');
