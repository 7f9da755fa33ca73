-- Python validators without plpython3u: the worker fetches a range, runs it in a subprocess, and records it.

CREATE FUNCTION flywheel.claim_python(lease_seconds int) RETURNS TABLE (
    msg_id bigint, attempt int, version_id int, validator text, config jsonb, ids bigint[], columns jsonb, content bigint[]
)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m       pgmq.message_record;
    w       flywheel.validator_versions;
    lo      bigint;
    hi      bigint;
    changed boolean;
    fields  text;
    wanted  text;
BEGIN
    PERFORM flywheel.share_steps();
    LOOP
        SELECT * INTO m FROM flywheel.claim('flywheel_python', 1, lease_seconds);
        IF m.msg_id IS NULL THEN
            RETURN;
        END IF;
        lo := m.message ->> 'lo';
        hi := m.message ->> 'hi';
        changed := coalesce((m.message ->> 'changed')::boolean, false);
        SELECT * INTO w FROM flywheel.validator_versions v WHERE v.id = (m.message ->> 'version')::int;
        IF w.suspended IS NOT NULL THEN
            PERFORM flywheel.hand_over(w.id, lo, hi);
            IF changed THEN
                DELETE FROM flywheel.verdicts v WHERE v.version_id = w.id AND v.step_id BETWEEN lo AND hi;
            END IF;
            PERFORM flywheel.acknowledge('flywheel_python', ARRAY[m.msg_id]); -- set_validator() enqueues what waits
        ELSIF flywheel.lapsed(m) THEN
            PERFORM flywheel.split(m, 'flywheel_python', coalesce(m.message ->> 'error',
                'the worker was killed every time it validated this step'));
        ELSE
            EXIT;
        END IF;
    END LOOP;

    -- The first steps that fit: a jsonb holds 256 MB, and the worker has them in memory. What is left goes round again.
    wanted := flywheel.wanted_sql(w, lo, hi, changed);
    SELECT string_agg(format('coalesce(octet_length(%s), 0)', flywheel.field_sql(f)), ' + ') INTO fields FROM unnest(w.reads) AS f;
    wanted := format('%s AND t.id <= (SELECT max(s.id) FROM (
            SELECT t.id, row_number() OVER o AS n, sum(%s) OVER o AS bytes FROM flywheel.traces t WHERE %s WINDOW o AS (ORDER BY t.id)) s
        WHERE s.n = 1 OR s.bytes <= 64 * 1024 * 1024)', wanted, fields, wanted);
    SELECT string_agg(format('coalesce(jsonb_agg(%s ORDER BY t.id), ''[]'')', flywheel.field_sql(f)), ', ' ORDER BY n)
    INTO fields FROM unnest(w.reads) WITH ORDINALITY AS u (f, n);
    RETURN QUERY EXECUTE format(
        'SELECT $1, $2, $3, $4, $5, coalesce(array_agg(t.id ORDER BY t.id), ''{}''),
                jsonb_build_array(%s), coalesce(array_agg(flywheel.content_hash(t, $6) ORDER BY t.id), ''{}'')
         FROM flywheel.traces t WHERE %s', fields, wanted)
    USING m.msg_id, m.read_ct, w.id, w.function, w.config, w.reads;
EXCEPTION WHEN program_limit_exceeded THEN
    PERFORM flywheel.store_error(w, wanted, SQLERRM); -- one step that is too large by itself
    RETURN QUERY SELECT m.msg_id, m.read_ct, w.id, w.function, w.config, '{}'::bigint[], '[]'::jsonb, '{}'::bigint[];
END
$$;

COMMENT ON FUNCTION flywheel.claim_python(int) IS
'For the worker: leases one range of steps for a Python validator. columns: per column that it reads, the array of the steps'' values as text. Empty ids: nothing to do, record it all the same.';

CREATE FUNCTION flywheel.record_python(msg_id bigint, version_id int, latency_ms real, results jsonb) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m      jsonb;
    w      flywheel.validator_versions;
    lo     bigint;
    hi     bigint;
    wanted text;
    rest   bigint;
    stored int;
BEGIN
    PERFORM flywheel.share_steps();
    SELECT * INTO w FROM flywheel.validator_versions v WHERE v.id = record_python.version_id;
    SELECT q.message INTO m FROM pgmq.q_flywheel_python q WHERE q.msg_id = record_python.msg_id FOR UPDATE;
    IF m IS NULL THEN
        RETURN 0; -- the lease ran out and somebody else was faster
    END IF;
    lo := m ->> 'lo';
    hi := m ->> 'hi';
    PERFORM flywheel.lock_steps(w.id, lo, hi);
    IF (m ->> 'changed')::boolean THEN
        DELETE FROM flywheel.verdicts v WHERE v.version_id = w.id AND v.step_id BETWEEN lo AND hi;
    END IF;

    INSERT INTO flywheel.verdicts (step_id, version_id, step_created_at, pipeline, node, variant, passed, score, reason,
                                   details, status, latency_ms)
    SELECT t.id, w.id, t.created_at, t.pipeline, t.node, t.variant, r.passed, r.score, r.reason, r.details, r.status,
           record_python.latency_ms
    FROM jsonb_to_recordset(results) AS r (
        id bigint, content bigint, passed boolean, score double precision, reason text, details jsonb, status text)
    JOIN flywheel.traces t ON t.id = r.id
    WHERE flywheel.content_hash(t, w.reads) IS NOT DISTINCT FROM r.content -- = could be hashed: for every step there is
    ORDER BY t.id
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS stored = ROW_COUNT;
    IF w.stuck > 0 OR results @> '[{"status": "timeout"}]' THEN
        PERFORM flywheel.note_stored(w.id, lo, hi);
    END IF;

    PERFORM flywheel.acknowledge('flywheel_python', ARRAY[record_python.msg_id]);
    -- What the batch did not get to, or what changed under it, goes round again.
    EXECUTE 'SELECT min(t.id) FROM flywheel.traces t WHERE ' || flywheel.wanted_sql(w, lo, hi, false) INTO rest;
    IF rest IS NOT NULL THEN
        PERFORM flywheel.send('flywheel_python', ARRAY[jsonb_build_object('version', w.id, 'lo', rest, 'hi', hi, 'changed', false)]);
    END IF;
    RETURN stored;
END
$$;

COMMENT ON FUNCTION flywheel.record_python(bigint, int, real, jsonb) IS
'For the worker: stores the verdicts of a range and acknowledges it in one transaction; returns how many were stored. results: array of {id, content, status, passed, score, reason, details}. Steps of the range without a result are sent again.';

CREATE FUNCTION flywheel.sync_python_validators(catalog jsonb) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed int;
BEGIN
    INSERT INTO flywheel.python_validators AS p (name, fields, config_schema, fingerprint, doc)
    SELECT c.name, c.fields, c.config_schema, c.fingerprint, c.doc
    FROM jsonb_to_recordset(catalog) AS c (name text, fields text[], config_schema jsonb, fingerprint text, doc text)
    ON CONFLICT (name) DO UPDATE
    SET fields = excluded.fields, config_schema = excluded.config_schema, fingerprint = excluded.fingerprint, doc = excluded.doc
    WHERE p.fingerprint <> excluded.fingerprint;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;

COMMENT ON FUNCTION flywheel.sync_python_validators(jsonb) IS
'Brings flywheel.python_validators up to date with a catalog (pyvalidators.catalog() as JSON); returns how many changed.';
