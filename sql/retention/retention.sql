-- How long steps are kept, by pipeline.

CREATE TABLE flywheel.retention (
    pipeline text,
    keep     interval CHECK (keep > '0'),
    UNIQUE NULLS NOT DISTINCT (pipeline)
);

COMMENT ON TABLE flywheel.retention IS
'How long steps are kept after their created_at. Write with flywheel.set_retention(); empty: for ever. DELETE a pipeline''s row to have it follow the general rule again.';
COMMENT ON COLUMN flywheel.retention.pipeline IS 'The pipeline; NULL for all without a row of their own.';
COMMENT ON COLUMN flywheel.retention.keep IS 'Steps older than this go; NULL: none.';

CREATE FUNCTION flywheel.set_retention(keep interval, pipeline text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    IF keep <= interval '0' THEN
        RAISE EXCEPTION 'bad retention: %', keep USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Expected how long steps are kept, such as ''90 days''; NULL keeps them for ever.';
    END IF;
    INSERT INTO flywheel.retention AS r (pipeline, keep) VALUES (set_retention.pipeline, set_retention.keep)
    ON CONFLICT ON CONSTRAINT retention_pipeline_key DO UPDATE SET keep = excluded.keep;
    UPDATE flywheel.maintenance m SET last_run_at = '-infinity' WHERE m.task = 'retention';
END
$$;

COMMENT ON FUNCTION flywheel.set_retention(interval, text) IS
'Has flywheel.drain() remove steps whose created_at is longer ago than keep, with their verdicts, dead letters and deferrals: of one pipeline, or of all that have no setting of their own. NULL keeps them for ever. Metrics keep counting what is gone; flywheel.coverage counts the steps that are there; what still waited for an answer is dropped. Whole partitions are dropped when everything in them is old enough, else steps are deleted in small batches.';

CREATE VIEW flywheel.kept_steps AS
SELECT l.step_id FROM flywheel.labels l
UNION ALL
SELECT f.step_id FROM flywheel.fixes f
UNION ALL
SELECT a.step_id FROM flywheel.annotations a;

COMMENT ON VIEW flywheel.kept_steps IS
'Steps that retention leaves alone, however old they are: those with a label, a fix or an annotation.';
COMMENT ON COLUMN flywheel.kept_steps.step_id IS 'flywheel.traces.id.';

CREATE FUNCTION flywheel.expired_sql() RETURNS text
    LANGUAGE sql STABLE
    -- With literals: the smallest BRIN scan, and one comparison a row.
    RETURN (
        SELECT format('t.created_at < %L AND t.created_at < CASE t.pipeline %s ELSE %L::timestamptz END',
                      max(now() - r.keep),
                      coalesce(string_agg(format('WHEN %L THEN %L::timestamptz', r.pipeline, coalesce(now() - r.keep, '-infinity')), ' ')
                               FILTER (WHERE r.pipeline IS NOT NULL), 'WHEN NULL THEN NULL'),
                      coalesce(max(now() - r.keep) FILTER (WHERE r.pipeline IS NULL), '-infinity'))
        FROM flywheel.retention r
        HAVING count(r.keep) > 0);

COMMENT ON FUNCTION flywheel.expired_sql() IS
'Internal: WHERE condition on flywheel.traces t for the steps that flywheel.retention lets go; NULL when it keeps everything.';
