-- From the inbox to the queues: coalesce ranges, fan out to the validator versions that want them.

CREATE FUNCTION flywheel.send(queue text, messages jsonb[]) RETURNS bigint
    LANGUAGE plpgsql
AS $$
BEGIN
    IF coalesce(cardinality(messages), 0) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM flywheel.ensure_queue(queue);
    PERFORM pgmq.send_batch(queue, messages);
    RETURN cardinality(messages);
END
$$;

COMMENT ON FUNCTION flywheel.send(text, jsonb[]) IS
'Internal: sends messages to a queue, which is made if need be; returns how many.';

CREATE FUNCTION flywheel.dispatch(chunk int DEFAULT 2048) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    items jsonb;
    taken bigint;
    w     flywheel.validator_versions;
BEGIN
    PERFORM flywheel.share_registry();

    -- Claim. A row of another session's open transaction is not visible yet and comes later, whatever its ids.
    -- At most a thousand rows at once, so that one dispatch stays short; drain comes back for more.
    WITH claimed AS (
        DELETE FROM flywheel.inbox
        WHERE ctid = ANY (ARRAY(SELECT i.ctid FROM flywheel.inbox i LIMIT 1000 FOR UPDATE SKIP LOCKED))
        RETURNING *
    ), late AS (
        -- Steps that came into a block after it was settled.
        INSERT INTO flywheel.coverage_dirty (block)
        SELECT DISTINCT l.block FROM claimed c
        CROSS JOIN LATERAL unnest(coalesce(c.ids, int8multirange(int8range(c.lo, c.hi, '[]')))) AS r
        JOIN flywheel.coverage_ledger l ON l.block BETWEEN flywheel.block_of(lower(r)) AND flywheel.block_of(upper(r) - 1)
    )
    SELECT jsonb_agg(jsonb_build_object('lo', c.lo, 'hi', c.hi, 'ids', c.ids, 'changed', c.changed, 'version', c.version_id)),
           count(*)
    INTO items, taken FROM claimed c;
    IF items IS NULL THEN
        RETURN 0;
    END IF;

    FOR w IN
        SELECT v.* FROM flywheel.validator_versions v
        WHERE EXISTS (
            SELECT FROM flywheel.activations a
            CROSS JOIN jsonb_to_recordset(items) AS i (lo bigint, hi bigint, changed text[], version int)
            WHERE a.version_id = v.id AND a.lo <= i.hi AND (a.hi IS NULL OR a.hi >= i.lo)
              AND (i.version IS NULL OR i.version = v.id)
              AND (i.changed IS NULL OR flywheel.reads_any(v.reads, i.changed)))
        ORDER BY v.id
    LOOP
        IF w.runs_in = 'judge' THEN
            PERFORM flywheel.dispatch_judge(w, items);
        ELSE
            PERFORM flywheel.dispatch_code(w, items, chunk);
        END IF;
    END LOOP;
    PERFORM flywheel.dispatch_embeddings(items);
    RETURN taken;
END
$$;

COMMENT ON FUNCTION flywheel.dispatch(int) IS
'Moves waiting ranges of flywheel.inbox to the queues of the validators that want them, as messages of at most chunk steps; returns the number of inbox rows, at most 1000 at once. flywheel.drain() calls it.';

CREATE FUNCTION flywheel.pieces(items jsonb, w flywheel.validator_versions) RETURNS TABLE (lo bigint, hi bigint, changed boolean)
    LANGUAGE sql STABLE
AS $$
    -- The exact runs of ids that this version is to look at, cut to its activations.
    SELECT greatest(lower(p.run), a.lo), least(upper(p.run) - 1, coalesce(a.hi, upper(p.run) - 1)), i.changed IS NOT NULL
    FROM jsonb_to_recordset(items) AS i (lo bigint, hi bigint, ids text, changed text[], version int)
    CROSS JOIN LATERAL unnest(coalesce(i.ids::int8multirange, int8multirange(int8range(i.lo, i.hi, '[]')))) AS p (run)
    JOIN flywheel.activations a
      ON a.version_id = (w).id AND a.lo < upper(p.run) AND (a.hi IS NULL OR a.hi >= lower(p.run))
    WHERE (i.version IS NULL OR i.version = (w).id) AND (i.changed IS NULL OR flywheel.reads_any((w).reads, i.changed))
$$;

COMMENT ON FUNCTION flywheel.pieces(jsonb, flywheel.validator_versions) IS
'Internal: the runs of step ids among claimed inbox items that concern a version.';

CREATE FUNCTION flywheel.dispatch_code(w flywheel.validator_versions, items jsonb, chunk int) RETURNS bigint
    LANGUAGE sql
AS $$
    -- Cells of chunk ids: neighbouring statements become one message, and no message has more than chunk steps.
    -- Ids in between that belong to others only mean repeated work, which the key of verdicts absorbs.
    -- In numeric, because bigint division rounds towards zero and negative ids would share a cell with positive ones.
    SELECT flywheel.send(flywheel.queue_of((w).runs_in, NULL), array_agg(jsonb_build_object(
        'version', (w).id, 'lo', m.lo, 'hi', m.hi, 'changed', m.changed) ORDER BY m.lo))
    FROM (
        SELECT min(greatest(p.lo, cell * chunk)) AS lo, max(least(p.hi, cell * chunk + chunk - 1)) AS hi, p.changed
        FROM flywheel.pieces(items, w) p
        CROSS JOIN LATERAL generate_series(floor(p.lo::numeric / chunk)::bigint, floor(p.hi::numeric / chunk)::bigint) AS cell
        WHERE p.lo <= p.hi
        GROUP BY cell, p.changed
    ) m
$$;

COMMENT ON FUNCTION flywheel.dispatch_code(flywheel.validator_versions, jsonb, int) IS
'Internal: sends ranges of at most chunk steps for a code validator.';

CREATE FUNCTION flywheel.dispatch_judge(w flywheel.validator_versions, items jsonb) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    p    record;
    part bigint;
    sent bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM flywheel.pieces(items, w) q WHERE q.changed) THEN
        -- A verdict of the old content that was being recorded while the change committed.
        PERFORM flywheel.await_records(w.id);
        DELETE FROM flywheel.verdicts v USING flywheel.pieces(items, w) q
        WHERE q.changed AND v.version_id = w.id AND v.step_id BETWEEN q.lo AND q.hi;
    END IF;
    FOR p IN
        SELECT lower(r) AS lo, upper(r) - 1 AS hi
        FROM (SELECT range_agg(int8range(q.lo, q.hi, '[]')) AS ids FROM flywheel.pieces(items, w) q WHERE q.lo <= q.hi) m,
             unnest(m.ids) AS r
    LOOP
        EXECUTE format(
            'SELECT flywheel.send(%L, array_agg(jsonb_build_object(''version'', %s, ''step'', t.id) ORDER BY t.id))
             FROM flywheel.traces t
             WHERE %s
               AND NOT EXISTS (SELECT FROM flywheel.verdicts v
                               WHERE v.step_id = t.id AND v.version_id = %s AND v.step_id BETWEEN %s AND %s)
               AND NOT EXISTS (SELECT FROM flywheel.dead_letters x WHERE x.step_id = t.id AND x.version_id = %s)',
            flywheel.queue_of(w.runs_in, w.provider), w.id, flywheel.eligible_sql(w, p.lo, p.hi), w.id, p.lo, p.hi, w.id)
        INTO part;
        sent := sent + part;
    END LOOP;
    RETURN sent;
END
$$;

COMMENT ON FUNCTION flywheel.dispatch_judge(flywheel.validator_versions, jsonb) IS
'Internal: sends one message per eligible step that the judge has no answer for.';

CREATE FUNCTION flywheel.requeue(message jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM flywheel.send('flywheel_code', ARRAY[message]);
END
$$;

COMMENT ON FUNCTION flywheel.requeue(jsonb) IS
'Internal: sends the rest of a range again.';
