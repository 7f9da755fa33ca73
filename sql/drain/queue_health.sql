CREATE VIEW flywheel.queue_health AS
SELECT s.queue, s.waiting, s.leased,
       extract(epoch FROM s.measured_at - s.oldest_at)::float8 AS oldest_seconds,
       extract(epoch FROM now() - s.measured_at)::float8      AS measured_seconds_ago,
       extract(epoch FROM now() - nullif(d.last_run_at, '-infinity'))::float8 AS drained_seconds_ago,
       h.paused_until, h.paused_reason,
       CASE s.queue WHEN 'inbox' THEN nullif(concat_ws('; ',
           CASE WHEN d.last_run_at < now() - interval '2 minutes' THEN
               coalesce('no drain has run for ' || extract(epoch FROM now() - nullif(d.last_run_at, '-infinity'))::bigint || ' s',
                        'no drain has ever run') || ': start flywheel worker, or see flywheel.schedule()' END,
           (SELECT string_agg(m.task || ': ' || m.problem, '; ' ORDER BY m.task) FROM flywheel.maintenance m)), '') END AS warning
FROM flywheel.queue_stats s
CROSS JOIN (SELECT last_run_at FROM flywheel.maintenance WHERE task = 'drain') d
LEFT JOIN (SELECT provider, min(until) AS paused_until, string_agg(DISTINCT reason, '; ') AS paused_reason
           FROM flywheel.holds GROUP BY provider) h ON s.queue = 'flywheel_judge_' || h.provider;

COMMENT ON VIEW flywheel.queue_health IS
'How far behind validation is: the inbox and each queue as the drain last measured them. Growing drained_seconds_ago: no drain runs (start flywheel worker, or see flywheel.schedule).';
COMMENT ON COLUMN flywheel.queue_health.queue IS 'inbox: statements to dispatch. flywheel_code: ranges of steps. flywheel_python: ranges for the worker. flywheel_judge_<provider>: judgements.';
COMMENT ON COLUMN flywheel.queue_health.waiting IS 'Ready to be taken.';
COMMENT ON COLUMN flywheel.queue_health.leased IS 'Being worked on, or deferred.';
COMMENT ON COLUMN flywheel.queue_health.oldest_seconds IS 'Age of the oldest, seconds, when measured.';
COMMENT ON COLUMN flywheel.queue_health.measured_seconds_ago IS 'Seconds since this was measured.';
COMMENT ON COLUMN flywheel.queue_health.drained_seconds_ago IS 'Seconds since a drain last looked; NULL: never.';
COMMENT ON COLUMN flywheel.queue_health.paused_until IS 'The provider, or a judge of it, is not asked before: the earliest of flywheel.holds.';
COMMENT ON COLUMN flywheel.queue_health.paused_reason IS 'Why: failures, or a daily budget that is spent.';
COMMENT ON COLUMN flywheel.queue_health.warning IS 'On the row of the inbox: what is wrong and what to do: no drain runs, partitions run out, old steps cannot go. NULL: nothing.';
