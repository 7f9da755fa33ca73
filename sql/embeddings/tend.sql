-- The chore: what should be embedded and what is, put side by side. Triggers and dispatch enqueue what they see; this finds the
-- rest (a new model, a new pipeline, a restore), removes what is not wanted any more, and lets a new model serve.

CREATE FUNCTION flywheel.enqueue_missing_embeddings(model text, at_most int) RETURNS bigint
    LANGUAGE plpgsql SET jit = off
AS $$
DECLARE
    queue CONSTANT text := 'flywheel_embed_' || model;
    sent  bigint;
BEGIN
    PERFORM flywheel.ensure_queue(queue);
    EXECUTE format(
        'SELECT coalesce(flywheel.send(%L, array_agg(jsonb_build_object(''step'', m.step_id, ''backlog'', true))), 0) FROM (
             SELECT w.step_id FROM flywheel.embed_wanted w
             WHERE NOT EXISTS (SELECT FROM flywheel.embeddings e WHERE e.step_id = w.step_id AND e.model = %L)
               AND NOT EXISTS (SELECT FROM pgmq.%I q WHERE (q.message ->> ''step'')::bigint = w.step_id)
             LIMIT %s) m', queue, model, 'q_' || queue, at_most)
    INTO sent;
    RETURN sent;
END
$$;

COMMENT ON FUNCTION flywheel.enqueue_missing_embeddings(text, int) IS
'Internal: enqueues at most so many steps that a model has not embedded and that are not in its queue; returns how many.';

CREATE FUNCTION flywheel.embedding_backlog(model text) RETURNS boolean
    LANGUAGE plpgsql
AS $$
DECLARE
    found_any boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM pgmq.%I q WHERE q.message ? ''backlog'')', 'q_flywheel_embed_' || model) INTO found_any;
    RETURN found_any;
EXCEPTION WHEN undefined_table THEN
    RETURN false;
END
$$;

COMMENT ON FUNCTION flywheel.embedding_backlog(text) IS
'Internal: whether steps wait that were there before the model was set. New ones always do.';

CREATE FUNCTION flywheel.drop_replaced_embeddings() RETURNS void
    LANGUAGE plpgsql SET lock_timeout = '50ms'
AS $$
DECLARE
    replaced text;
BEGIN
    UPDATE flywheel.embedding_models m SET ready_at = NULL
    WHERE m.ready_at IS NOT NULL AND NOT m.current AND EXISTS (SELECT FROM flywheel.embedding_models c WHERE c.current AND c.ready_at IS NOT NULL);
    FOR replaced IN
        SELECT m.name FROM flywheel.embedding_models m
        -- Not under somebody who has just asked which one serves.
        WHERE NOT m.current AND EXISTS (SELECT FROM flywheel.embedding_models c WHERE c.current AND c.ready_at < now() - interval '1 hour')
    LOOP
        IF EXISTS (SELECT FROM flywheel.embeddings e WHERE e.model = replaced) THEN
            EXECUTE format('TRUNCATE flywheel.%I', 'embeddings_' || replaced);
            UPDATE flywheel.embedding_models m SET embedded = 0, failed = 0, measured_at = now() WHERE m.name = replaced;
        END IF;
        -- Also of a model that was given up before it had embedded anything.
        IF to_regclass(format('pgmq.%I', 'q_flywheel_embed_' || replaced)) IS NOT NULL THEN
            EXECUTE format('DELETE FROM pgmq.%I', 'q_flywheel_embed_' || replaced);
        END IF;
    END LOOP;
EXCEPTION WHEN lock_not_available THEN
    NULL; -- next time
END
$$;

COMMENT ON FUNCTION flywheel.drop_replaced_embeddings() IS
'Internal: an hour after a model began to serve, the embeddings of the others and what waits for one go.';

CREATE FUNCTION flywheel.tend_embeddings(at_most int DEFAULT 20000) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    m       flywheel.embedding_models;
    removed bigint;
    missing bigint;
    again   boolean := false;
BEGIN
    PERFORM flywheel.share_steps();
    FOR m IN SELECT * FROM flywheel.embedding_models_in_use() LOOP
        PERFORM flywheel.add_embedding_partition(m.name); -- a restore has none
        DELETE FROM flywheel.embeddings e
        WHERE e.model = m.name AND e.step_id = ANY (ARRAY(
            SELECT u.step_id FROM flywheel.embeddings u
            WHERE u.model = m.name AND NOT EXISTS (SELECT FROM flywheel.embed_wanted w WHERE w.step_id = u.step_id)
            LIMIT at_most));
        GET DIAGNOSTICS removed = ROW_COUNT;
        missing := flywheel.enqueue_missing_embeddings(m.name, at_most);
        again := again OR greatest(removed, missing) = at_most;
        UPDATE flywheel.embedding_models s
        SET wanted = (SELECT count(*) FROM flywheel.embed_wanted), measured_at = now(),
            (embedded, failed) = (SELECT count(e.embedding), count(e.error) FROM flywheel.embeddings e WHERE e.model = m.name),
            ready_at = coalesce(s.ready_at, CASE WHEN missing = 0 AND NOT flywheel.embedding_backlog(m.name) THEN now() END)
        WHERE s.name = m.name;
    END LOOP;
    PERFORM flywheel.drop_replaced_embeddings();
    RETURN again;
END
$$;

COMMENT ON FUNCTION flywheel.tend_embeddings(int) IS
'Enqueues at most so many steps that should be embedded and are not, removes as many embeddings that nobody wants any more, counts for flywheel.index_health, and has a new model serve when it has all. True: there is more to do. flywheel.drain() calls it every five minutes, less often where it takes long, and at once after flywheel.set_embedding_model() and flywheel.set_embedded().';

CREATE FUNCTION flywheel.embed_due() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored bigint;
    model  text;
BEGIN
    PERFORM flywheel.share_steps();
    stored := flywheel.embed_waiting();
    IF stored > 0 THEN
        RETURN stored;
    END IF;
    -- A model that has worked off its backlog need not wait for the next turn.
    FOR model IN SELECT m.name FROM flywheel.embedding_models_in_use() m WHERE m.ready_at IS NULL AND m.measured_at IS NOT NULL LOOP
        IF NOT flywheel.embedding_backlog(model) THEN
            PERFORM flywheel.tend_embeddings_soon();
        END IF;
    END LOOP;
    IF flywheel.due('embeddings') THEN
        IF flywheel.tend_embeddings() THEN
            PERFORM flywheel.tend_embeddings_soon();
            RETURN 1;
        END IF;
        PERFORM flywheel.done('embeddings');
        -- 0.3 s at 100,000 steps: at most a hundredth of the time, however many there are.
        UPDATE flywheel.maintenance m
        SET last_run_at = greatest(m.last_run_at, clock_timestamp() - m.every + 100 * (clock_timestamp() - m.last_run_at))
        WHERE m.task = 'embeddings';
        RETURN flywheel.embed_waiting();
    END IF;
    RETURN 0;
EXCEPTION WHEN OTHERS THEN
    -- Verdicts do not depend on it. No WARNING: the drain is back in a moment.
    UPDATE flywheel.maintenance m SET last_run_at = clock_timestamp(), problem = 'embedding failed: ' || SQLERRM
    WHERE m.task = 'embeddings' AND (m.problem IS NULL OR m.last_run_at < clock_timestamp() - interval '10 seconds');
    RETURN 0;
END
$$;

COMMENT ON FUNCTION flywheel.embed_due() IS
'Internal: embeds what waits for the built-in model, and looks after the others when it is time; returns 0 when there is nothing left to do now. flywheel.drain() calls it.';
