-- What still has to be dispatched: one row per statement that touched traces, or per request for old steps.

CREATE TABLE flywheel.inbox (
    lo         bigint NOT NULL,
    hi         bigint NOT NULL,
    n          bigint NOT NULL,
    ids        int8multirange,
    changed    text[],
    version_id int,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE flywheel.inbox IS
'Steps that wait for dispatch: one row per statement, written by the triggers on flywheel.traces. flywheel.drain() empties it. Not for readers: see flywheel.coverage and flywheel.queue_health.';
COMMENT ON COLUMN flywheel.inbox.lo IS 'Lowest step id of the statement.';
COMMENT ON COLUMN flywheel.inbox.hi IS 'Highest step id of the statement.';
COMMENT ON COLUMN flywheel.inbox.n IS 'Number of steps.';
COMMENT ON COLUMN flywheel.inbox.ids IS 'The exact steps, where they are not all of lo..hi (writers interleave).';
COMMENT ON COLUMN flywheel.inbox.changed IS 'Columns that an UPDATE changed, {id} for a DELETE; NULL for new steps.';
COMMENT ON COLUMN flywheel.inbox.version_id IS 'Only this validator version (backfill, evaluate, redrive, sweep); NULL for all.';
COMMENT ON COLUMN flywheel.inbox.at IS 'When the row was written; its age is the dispatch lag.';
