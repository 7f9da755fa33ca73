CREATE VIEW flywheel.queue_health AS
SELECT s.queue, s.waiting, s.leased,
       extract(epoch FROM s.measured_at - s.oldest_at)::float8 AS oldest_seconds,
       extract(epoch FROM now() - s.measured_at)::float8      AS measured_seconds_ago,
       extract(epoch FROM now() - nullif(d.last_run_at, '-infinity'))::float8 AS drained_seconds_ago,
       p.paused_until, p.paused_reason,
       CASE s.queue WHEN 'inbox' THEN nullif(concat_ws('; ',
           CASE WHEN d.last_run_at < now() - interval '2 minutes' THEN
               coalesce('no drain has run for ' || extract(epoch FROM now() - nullif(d.last_run_at, '-infinity'))::bigint || ' s',
                        'no drain has ever run') || ': start flywheel worker, or see flywheel.schedule()' END,
           (SELECT string_agg(m.task || ': ' || m.problem, '; ' ORDER BY m.task) FROM flywheel.maintenance m)), '') END AS warning
FROM flywheel.queue_stats s
CROSS JOIN (SELECT last_run_at FROM flywheel.maintenance WHERE task = 'drain') d
LEFT JOIN flywheel.provider_state p ON s.queue = 'flywheel_judge_' || p.provider AND p.paused_until > now();

COMMENT ON VIEW flywheel.queue_health IS
'How far behind validation is: the inbox and each queue as the drain last measured them. Growing drained_seconds_ago: no drain runs (start flywheel worker, or see flywheel.schedule).';
COMMENT ON COLUMN flywheel.queue_health.queue IS 'inbox: statements to dispatch. flywheel_code: ranges of steps. flywheel_python: ranges for the worker. flywheel_judge_<provider>: judgements.';
COMMENT ON COLUMN flywheel.queue_health.waiting IS 'Ready to be taken.';
COMMENT ON COLUMN flywheel.queue_health.leased IS 'Being worked on, or deferred.';
COMMENT ON COLUMN flywheel.queue_health.oldest_seconds IS 'Age of the oldest, seconds, when measured.';
COMMENT ON COLUMN flywheel.queue_health.measured_seconds_ago IS 'Seconds since this was measured.';
COMMENT ON COLUMN flywheel.queue_health.drained_seconds_ago IS 'Seconds since a drain last looked; NULL: never.';
COMMENT ON COLUMN flywheel.queue_health.paused_until IS 'The provider is not called before.';
COMMENT ON COLUMN flywheel.queue_health.paused_reason IS 'The failure that paused it.';
COMMENT ON COLUMN flywheel.queue_health.warning IS 'On the row of the inbox: what is wrong and what to do: no drain runs, partitions run out, old steps cannot go. NULL: nothing.';
