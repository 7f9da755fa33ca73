-- How much is still to be done, for a progress bar: verdicts so far.
SELECT coalesce(sum(m.n), 0)::bigint FROM flywheel.metric_rollup m WHERE m.grain IN ('delta', 'all')
