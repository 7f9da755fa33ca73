-- What fails, grouped by reason: needs every failing verdict and its reason, which no rollup has.

CREATE MATERIALIZED VIEW flywheel.failure_reason_counts AS
SELECT v.version_id, flywheel.slice_name(v.pipeline) AS pipeline, coalesce(flywheel.slice_name(v.node), '') AS node, v.status, flywheel.reason_key(v.reason) AS reason_key,
       count(*)                                                    AS n,
       min(v.reason)                                               AS example_reason,
       (array_agg(v.step_id ORDER BY v.step_id DESC))[1:5]         AS latest_steps,
       max(v.step_created_at)                                      AS last_seen
FROM flywheel.verdicts v
WHERE v.passed IS NOT TRUE AND (v.passed IS FALSE OR v.status IN ('error', 'timeout'))
GROUP BY 1, 2, 3, 4, 5;

CREATE UNIQUE INDEX failure_reason_counts_key ON flywheel.failure_reason_counts (version_id, pipeline, node, status, reason_key);

-- A view in front, because a materialized view has no row security.
CREATE VIEW flywheel.failure_reasons WITH (security_barrier) AS
SELECT r.version_id, r.pipeline, r.node, r.status, r.reason_key, r.n, r.example_reason, r.latest_steps, r.last_seen
FROM flywheel.failure_reason_counts r
WHERE (SELECT flywheel.reads_every_pipeline()) OR r.pipeline = ANY ((SELECT flywheel.my_pipelines())::text[]);

COMMENT ON VIEW flywheel.failure_reasons IS
'Why steps fail: failing and erroneous verdicts grouped by their reason with numbers and quotations masked. Read: a few rows. Refresh: one index scan over all failing verdicts (about 1 s per million). Stale by up to five minutes while a drain runs (flywheel.maintain refreshes it CONCURRENTLY), see flywheel.maintenance.';
COMMENT ON COLUMN flywheel.failure_reasons.version_id IS 'flywheel.validator_versions.id.';
COMMENT ON COLUMN flywheel.failure_reasons.pipeline IS 'Of the steps.';
COMMENT ON COLUMN flywheel.failure_reasons.node IS 'Of the steps; empty for none.';
COMMENT ON COLUMN flywheel.failure_reasons.status IS 'ok for a failing output; error or timeout where the validator failed.';
COMMENT ON COLUMN flywheel.failure_reasons.reason_key IS 'The reason with numbers and quotations masked.';
COMMENT ON COLUMN flywheel.failure_reasons.n IS 'Verdicts.';
COMMENT ON COLUMN flywheel.failure_reasons.example_reason IS 'One reason in full.';
COMMENT ON COLUMN flywheel.failure_reasons.latest_steps IS 'Up to five step ids, newest first.';
COMMENT ON COLUMN flywheel.failure_reasons.last_seen IS 'created_at of the newest such step.';
COMMENT ON MATERIALIZED VIEW flywheel.failure_reason_counts IS 'What flywheel.failure_reasons reads, of all teams.';
COMMENT ON COLUMN flywheel.failure_reason_counts.version_id IS 'See flywheel.failure_reasons.';
COMMENT ON COLUMN flywheel.failure_reason_counts.pipeline IS 'See flywheel.failure_reasons.';
COMMENT ON COLUMN flywheel.failure_reason_counts.node IS 'See flywheel.failure_reasons.';
COMMENT ON COLUMN flywheel.failure_reason_counts.status IS 'See flywheel.failure_reasons.';
COMMENT ON COLUMN flywheel.failure_reason_counts.reason_key IS 'See flywheel.failure_reasons.';
COMMENT ON COLUMN flywheel.failure_reason_counts.n IS 'See flywheel.failure_reasons.';
COMMENT ON COLUMN flywheel.failure_reason_counts.example_reason IS 'See flywheel.failure_reasons.';
COMMENT ON COLUMN flywheel.failure_reason_counts.latest_steps IS 'See flywheel.failure_reasons.';
COMMENT ON COLUMN flywheel.failure_reason_counts.last_seen IS 'See flywheel.failure_reasons.';
COMMENT ON INDEX flywheel.failure_reason_counts_key IS 'Lets the refresh run CONCURRENTLY.';
