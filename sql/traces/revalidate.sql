-- A changed step is validated again by the validators that read what changed; a deleted one takes its results along.
-- The stale verdicts go in the same transaction, so that no reader sees a verdict of content that is gone.

CREATE FUNCTION flywheel.forget_results(ids bigint[], changed text[]) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    DELETE FROM flywheel.verdicts v
    USING flywheel.validator_versions w
    WHERE v.step_id = ANY (ids) AND w.id = v.version_id AND flywheel.reads_any(w.reads, changed);

    DELETE FROM flywheel.dead_letters d
    USING flywheel.validator_versions w
    WHERE d.step_id = ANY (ids) AND w.id = d.version_id AND flywheel.reads_any(w.reads, changed);

    DELETE FROM flywheel.deferrals f
    USING flywheel.validator_versions w
    WHERE f.step_id = ANY (ids) AND w.id = f.version_id AND flywheel.reads_any(w.reads, changed);

    DELETE FROM flywheel.embeddings e WHERE e.step_id = ANY (ids) AND changed && '{id,input}';

    INSERT INTO flywheel.coverage_dirty (block)
    SELECT DISTINCT flywheel.block_of(i) FROM unnest(ids) AS i;

    INSERT INTO flywheel.inbox (lo, hi, n, ids, changed)
    SELECT min(i), max(i), count(*), range_agg(int8range(i, i, '[]')), changed FROM unnest(ids) AS i;
END;

COMMENT ON FUNCTION flywheel.forget_results(bigint[], text[]) IS
'Internal: drops the results of changed steps for the versions that read one of the changed columns, and enqueues them again.';

CREATE FUNCTION flywheel.enqueue_updated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids       bigint[];
    gone      bigint[];
    rewritten bigint[];
    changed   text[];
BEGIN
    -- A FULL JOIN, because an UPDATE of the key is the end of one step and the start of another.
    SELECT array_agg(id ORDER BY id), array_agg(id) FILTER (WHERE n.id IS NULL),
           array_agg(id) FILTER (WHERE n.id = o.id AND (o.input IS DISTINCT FROM n.input OR o.output IS DISTINCT FROM n.output
               OR o.expected IS DISTINCT FROM n.expected OR o.context IS DISTINCT FROM n.context)),
           array_remove(ARRAY[
               CASE WHEN bool_or(o.id IS NULL OR n.id IS NULL) THEN 'id' END,
               CASE WHEN bool_or(o.trace_id IS DISTINCT FROM n.trace_id) THEN 'trace_id' END,
               CASE WHEN bool_or(o.span_id IS DISTINCT FROM n.span_id) THEN 'span_id' END,
               CASE WHEN bool_or(o.parent_span_id IS DISTINCT FROM n.parent_span_id) THEN 'parent_span_id' END,
               CASE WHEN bool_or(o.session_id IS DISTINCT FROM n.session_id) THEN 'session_id' END,
               CASE WHEN bool_or(o.pipeline IS DISTINCT FROM n.pipeline) THEN 'pipeline' END,
               CASE WHEN bool_or(o.node IS DISTINCT FROM n.node) THEN 'node' END,
               CASE WHEN bool_or(o.node_type IS DISTINCT FROM n.node_type) THEN 'node_type' END,
               CASE WHEN bool_or(o.input IS DISTINCT FROM n.input) THEN 'input' END,
               CASE WHEN bool_or(o.output IS DISTINCT FROM n.output) THEN 'output' END,
               CASE WHEN bool_or(o.expected IS DISTINCT FROM n.expected) THEN 'expected' END,
               CASE WHEN bool_or(o.context IS DISTINCT FROM n.context) THEN 'context' END,
               CASE WHEN bool_or(o.model IS DISTINCT FROM n.model) THEN 'model' END,
               CASE WHEN bool_or(o.variant IS DISTINCT FROM n.variant) THEN 'variant' END,
               CASE WHEN bool_or(o.prompt_tokens IS DISTINCT FROM n.prompt_tokens) THEN 'prompt_tokens' END,
               CASE WHEN bool_or(o.completion_tokens IS DISTINCT FROM n.completion_tokens) THEN 'completion_tokens' END,
               CASE WHEN bool_or(o.cost_usd IS DISTINCT FROM n.cost_usd) THEN 'cost_usd' END,
               CASE WHEN bool_or(o.started_at IS DISTINCT FROM n.started_at) THEN 'started_at' END,
               CASE WHEN bool_or(o.ended_at IS DISTINCT FROM n.ended_at) THEN 'ended_at' END,
               CASE WHEN bool_or(o.status IS DISTINCT FROM n.status) THEN 'status' END,
               CASE WHEN bool_or(o.error IS DISTINCT FROM n.error) THEN 'error' END,
               CASE WHEN bool_or(o.user_id IS DISTINCT FROM n.user_id) THEN 'user_id' END,
               CASE WHEN bool_or(o.tags IS DISTINCT FROM n.tags) THEN 'tags' END,
               CASE WHEN bool_or(o.attributes IS DISTINCT FROM n.attributes) THEN 'attributes' END,
               CASE WHEN bool_or(o.created_at IS DISTINCT FROM n.created_at) THEN 'created_at' END
           ], NULL)
    INTO ids, gone, rewritten, changed
    FROM before o FULL JOIN after n USING (id)
    WHERE o IS DISTINCT FROM n;

    IF ids IS NOT NULL THEN
        PERFORM flywheel.forget_results(ids, changed);
        PERFORM flywheel.forget_opinions(gone, rewritten);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.enqueue_updated() IS
'Trigger: has changed steps validated again, by the validator versions that read one of the changed columns.';

CREATE FUNCTION flywheel.enqueue_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids bigint[] := ARRAY(SELECT b.id FROM before b ORDER BY b.id);
BEGIN
    IF cardinality(ids) > 0 THEN
        PERFORM flywheel.forget_results(ids, '{id}');
        PERFORM flywheel.forget_opinions(ids, NULL);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.enqueue_deleted() IS
'Trigger: verdicts, dead letters, deferrals, labels, fixes and annotations of deleted steps go in the same transaction; the drain removes a verdict that was being written meanwhile.';

CREATE FUNCTION flywheel.truncate_results() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- That of verdicts empties metric_rollup and coverage_ledger.
    TRUNCATE flywheel.verdicts, flywheel.dead_letters, flywheel.deferrals, flywheel.inbox, flywheel.coverage_dirty,
        flywheel.embeddings;
    DELETE FROM flywheel.labels; -- not TRUNCATE: that would stop at a table of yours that references one
    DELETE FROM flywheel.fixes;
    DELETE FROM flywheel.annotations;
    -- RESTART IDENTITY gives out the ids again: what applied to the old steps must not apply to the new ones.
    DELETE FROM flywheel.activations;
    PERFORM flywheel.move_live(d.name) FROM flywheel.validators d;
    UPDATE flywheel.coverage_horizon SET complete_to = 0, mark_id = 0, mark_xid = '0'; -- ids may start again
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.truncate_results() IS
'Trigger: TRUNCATE of traces empties what was derived from them and what people said of them, and starts every validator from the next step. Queued messages find no step and are dropped.';

CREATE TRIGGER enqueue_updated
    AFTER UPDATE ON flywheel.traces
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION flywheel.enqueue_updated();

CREATE TRIGGER enqueue_deleted
    AFTER DELETE ON flywheel.traces
    REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION flywheel.enqueue_deleted();

CREATE TRIGGER truncate_results
    AFTER TRUNCATE ON flywheel.traces
    FOR EACH STATEMENT EXECUTE FUNCTION flywheel.truncate_results();

COMMENT ON TRIGGER enqueue_updated ON flywheel.traces IS 'Changed steps are validated again.';
COMMENT ON TRIGGER enqueue_deleted ON flywheel.traces IS 'Deleted steps take their results, labels, fixes and annotations along.';
COMMENT ON TRIGGER truncate_results ON flywheel.traces IS 'An emptied table takes its results along.';
