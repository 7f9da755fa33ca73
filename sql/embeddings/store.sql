-- Embeddings into the table: by the drain where the model is built in, else from the worker.

CREATE FUNCTION flywheel.store_embeddings(model text, results jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored bigint;
BEGIN
    PERFORM flywheel.share_steps();
    -- Not what changed meanwhile: its own message is on the way.
    INSERT INTO flywheel.embeddings AS e (step_id, model, embedding, content, error)
    SELECT t.id, store_embeddings.model, r.embedding, r.content, r.error
    FROM jsonb_populate_recordset(NULL::flywheel.embeddings, results) r
    JOIN flywheel.traces t ON t.id = r.step_id AND flywheel.embedded_content(t.input) = r.content
    ON CONFLICT ON CONSTRAINT embeddings_pkey DO UPDATE
    SET embedding = excluded.embedding, content = excluded.content, error = excluded.error, created_at = excluded.created_at;
    GET DIAGNOSTICS stored = ROW_COUNT;
    UPDATE flywheel.embedding_models m SET problem = NULL WHERE m.name = store_embeddings.model AND m.problem IS NOT NULL;
    -- It answers: the end of a pause, unless judges ask it, too, who come back step by step.
    UPDATE flywheel.provider_state s SET failures = 0, strikes = 0, paused_until = NULL, paused_reason = NULL
    FROM flywheel.embedding_models m
    WHERE m.name = store_embeddings.model AND s.provider = m.provider AND s.failures > 0
      AND NOT EXISTS (SELECT FROM flywheel.validator_versions w WHERE w.provider = s.provider);
    PERFORM flywheel.acknowledge('flywheel_embed_' || model, ARRAY(SELECT (r ->> 'msg_id')::bigint FROM jsonb_array_elements(results) r));
    RETURN stored;
END
$$;

COMMENT ON FUNCTION flywheel.store_embeddings(text, jsonb) IS
'For the worker: stores and acknowledges claimed embeddings. results: array of {msg_id, step_id, content, embedding (array of numbers, or null), error (why there is none, or null)}.';

CREATE FUNCTION flywheel.claim_embeddings(model text, qty int, lease_seconds int)
    RETURNS TABLE (msg_id bigint, attempt int, step_id bigint, input text, content bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queue   CONSTANT text := 'flywheel_embed_' || model;
    claimed pgmq.message_record[];
    done    bigint[];
BEGIN
    PERFORM flywheel.share_steps();
    IF EXISTS (SELECT FROM flywheel.embedding_models m JOIN flywheel.provider_state s ON s.provider = m.provider
               WHERE m.name = claim_embeddings.model AND s.paused_until > clock_timestamp())
    THEN
        RETURN;
    END IF;
    LOOP
        claimed := ARRAY(SELECT c FROM flywheel.claim(queue, qty, lease_seconds) c);
        IF cardinality(claimed) = 0 THEN
            RETURN;
        END IF;
        -- Twice in the queue, gone, or embedded already.
        done := ARRAY(
            SELECT c.msg_id
            FROM (SELECT m.*, row_number() OVER (PARTITION BY m.message ->> 'step' ORDER BY m.msg_id) AS copy FROM unnest(claimed) m) c
            LEFT JOIN flywheel.traces t ON t.id = (c.message ->> 'step')::bigint
            LEFT JOIN flywheel.embeddings e ON e.step_id = t.id AND e.model = claim_embeddings.model
            WHERE c.copy > 1 OR t.id IS NULL OR e.content = flywheel.embedded_content(t.input));
        PERFORM flywheel.acknowledge(queue, done);
        EXIT WHEN cardinality(done) < cardinality(claimed);
    END LOOP;
    RETURN QUERY
    SELECT c.msg_id, c.read_ct, t.id, left(t.input, 8000), flywheel.embedded_content(t.input)
    FROM unnest(claimed) c JOIN flywheel.traces t ON t.id = (c.message ->> 'step')::bigint
    WHERE c.msg_id <> ALL (done);
END
$$;

COMMENT ON FUNCTION flywheel.claim_embeddings(text, int, int) IS
'For the worker: leases up to qty inputs, their first 8,000 characters, for so many seconds. Messages that need no embedding any more are acknowledged on the way. None while the provider is paused.';

CREATE FUNCTION flywheel.embed_waiting(qty int DEFAULT 16) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    results jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object(
        'msg_id', c.msg_id, 'step_id', c.step_id, 'content', c.content, 'embedding', c.embedding,
        'error', CASE WHEN c.embedding IS NULL THEN 'the input has no letters or digits' END))
    INTO results
    FROM (SELECT c.*, flywheel.embed(c.input)::real[] AS embedding FROM flywheel.claim_embeddings('ngrams', qty, 30) c OFFSET 0) c
    WHERE EXISTS (SELECT FROM flywheel.embedding_models_in_use() m WHERE m.provider IS NULL);
    IF results IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM flywheel.store_embeddings('ngrams', results);
    RETURN jsonb_array_length(results);
END
$$;

COMMENT ON FUNCTION flywheel.embed_waiting(int) IS
'Internal: embeds up to so many of the steps that wait for the built-in model; returns how many.';

CREATE FUNCTION flywheel.return_embeddings(model text, msg_ids bigint[], seconds double precision, problem text, counted boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('UPDATE pgmq.%I SET vt = clock_timestamp() + make_interval(secs => $2), read_ct = read_ct - (NOT $3)::int
                    WHERE msg_id = ANY ($1)', 'q_' || flywheel.own_queue('flywheel_embed_' || model))
    USING msg_ids, seconds, counted;
    UPDATE flywheel.embedding_models m SET problem = left(return_embeddings.problem, 500) WHERE m.name = return_embeddings.model;
END
$$;

COMMENT ON FUNCTION flywheel.return_embeddings(text, bigint[], double precision, text, boolean) IS
'For the worker: gives claimed embeddings back, to be tried again after so many seconds. problem: what is shown in flywheel.index_health. counted: it was an attempt of theirs.';
