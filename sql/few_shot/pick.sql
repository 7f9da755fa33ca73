-- From all approved examples to k of them: the nearest, weighed, then chosen. A pool is a condition on flywheel.approved_examples
-- (as "a"), such as: labels that pass. Of each pool come about as many.

CREATE FUNCTION flywheel.nearest_approved(pools text[], query vector, model text, n int, exact boolean DEFAULT NULL)
    RETURNS TABLE (pool int, kind text, id bigint, step_id bigint, passed boolean, validator text, created_at timestamptz,
                   embedding vector, similarity double precision)
    LANGUAGE plpgsql ROWS 50
AS $$
DECLARE
    s       CONSTANT name := flywheel.vector_schema();
    wanted  CONSTANT text := '(' || array_to_string(pools, ' OR ') || ')';
    columns CONSTANT text := (SELECT format('CASE %s END, a.kind, a.id, a.step_id, a.passed, a.validator, a.created_at',
                                            string_agg(format('WHEN %s THEN %s', p.condition, p.n), ' ' ORDER BY p.n))
                              FROM unnest(pools) WITH ORDINALITY AS p (condition, n));
    few     CONSTANT int := 1000; -- of so many, all are looked at sooner than the index finds n of them among others
    before  text[];
    found   bigint[] := '{}';
BEGIN
    IF query IS NULL THEN
        RETURN QUERY EXECUTE format(
            'SELECT %s, e.embedding, NULL::double precision
             FROM flywheel.approved_examples a LEFT JOIN flywheel.embeddings e ON e.step_id = a.step_id AND e.model = %L
             WHERE %s ORDER BY a.created_at DESC, a.id DESC LIMIT $1', columns, model, wanted)
        USING n;
        RETURN;
    END IF;
    IF exact IS NULL THEN
        EXECUTE format('SELECT count(*) <= %s FROM (SELECT FROM flywheel.approved_examples a WHERE %s LIMIT %s) c', few, wanted, few + 1)
        INTO exact;
    END IF;
    IF NOT exact THEN
        -- ef_search: 100 finds 95 of 100 of the nearest ten among 100,000 examples, just too few.
        before := flywheel.search_settings(ARRAY[greatest(200, 2 * n)::text, 'relaxed_order']);
        FOR pool, kind, id, step_id, passed, validator, created_at, embedding, similarity IN EXECUTE format(
            'SELECT %s, a.embedding, flywheel.similarity(a.embedding, $1) AS similarity
             FROM (SELECT a.*, e.embedding
                   FROM flywheel.embeddings e
                   CROSS JOIN LATERAL (SELECT * FROM flywheel.approved_examples a
                                       WHERE a.step_id = e.step_id AND coalesce(e.content = a.content, true) AND %s
                                       ORDER BY a.created_at DESC LIMIT 1) a
                   WHERE e.model = %L AND e.embedding IS NOT NULL
                   ORDER BY (e.embedding::%4$I.vector(%5$s)) OPERATOR(%4$I.<=>) $1 LIMIT $2) a
             ORDER BY similarity DESC, a.id',
            columns, wanted, model, s, (SELECT m.dimensions FROM flywheel.embedding_models m WHERE m.name = nearest_approved.model))
            USING query, n
        LOOP
            RETURN NEXT;
            found := found || step_id;
        END LOOP;
        PERFORM flywheel.search_settings(before);
        -- The index gives up after hnsw.max_scan_tuples of others: then these are not all that there are.
        IF cardinality(found) = n THEN
            RETURN;
        END IF;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT %s, e.embedding, flywheel.similarity(e.embedding, $1) AS similarity
         FROM flywheel.approved_examples a JOIN flywheel.embeddings e ON e.step_id = a.step_id AND e.model = %L
         WHERE %s AND e.embedding IS NOT NULL AND coalesce(e.content = a.content, true) AND a.step_id <> ALL ($3)
         ORDER BY similarity DESC, a.id LIMIT $2', columns, model, wanted)
    USING query, n - cardinality(found), found;
END
$$;

COMMENT ON FUNCTION flywheel.nearest_approved(text[], vector, text, int, boolean) IS
'Internal: of the approved examples of these pools, the n nearest to an embedding; without an embedding the n newest. Few are all looked at; of many the HNSW index finds the nearest, about, and where it finds fewer than n, all are looked at: exact decides.';

CREATE FUNCTION flywheel.pick_examples(pools text[], query vector, model text, k int, half_life interval DEFAULT NULL,
                                       diversity double precision DEFAULT 0, dispute double precision DEFAULT 1, flawless boolean DEFAULT false)
    RETURNS TABLE (kind text, id bigint, similarity double precision)
    LANGUAGE plpgsql ROWS 10 -- its plan is kept
AS $$
#variable_conflict use_column
DECLARE
    looked_at CONSTANT int := greatest(50, 3 * k);
BEGIN
    RETURN QUERY
    WITH nearest AS MATERIALIZED (
        SELECT * FROM flywheel.nearest_approved(pools, query, model, looked_at)
    ), found AS (
        SELECT * FROM nearest
        UNION
        -- A rare pool, whose examples are further away.
        SELECT p.n::int, c.kind, c.id, c.step_id, c.passed, c.validator, c.created_at, c.embedding, c.similarity
        FROM unnest(pools) WITH ORDINALITY AS p (condition, n)
        CROSS JOIN LATERAL flywheel.nearest_approved(ARRAY[p.condition], query, model, k) c
        WHERE (SELECT count(*) FROM nearest) = looked_at AND (SELECT count(*) FROM nearest e WHERE e.pool = p.n) < k
          AND cardinality(pools) > 1
    ), weighed AS (
        SELECT DISTINCT ON (f.step_id) f.*, greatest(coalesce(f.similarity, 1), 0)
            * CASE WHEN half_life IS NULL THEN 1 -- 2^-1000 is not 0 yet
                   ELSE power(0.5, least(greatest(extract(epoch FROM now() - f.created_at)::float8, 0) / extract(epoch FROM half_life)::float8, 1000)) END
            * CASE WHEN dispute <> 1 AND EXISTS (
                        SELECT FROM flywheel.aligned v JOIN flywheel.validator_versions w ON w.id = v.version_id
                        WHERE v.step_id = f.step_id AND w.validator = f.validator AND v.passed <> f.passed)
                   THEN dispute ELSE 1 END AS weight
        FROM found f
        -- A label lets an output teach one judge: that it passes there does not make it good.
        WHERE NOT flawless OR f.kind = 'fix' OR NOT EXISTS (SELECT FROM flywheel.labels l WHERE l.step_id = f.step_id AND NOT l.passed)
                                            AND NOT EXISTS (SELECT FROM flywheel.fixes x WHERE x.step_id = f.step_id)
        ORDER BY f.step_id, f.created_at DESC, f.id DESC
    ), numbered AS (
        -- Weights as shares of the largest: old examples alone would else all weigh next to nothing, and differ only in likeness.
        SELECT w.*, w.weight / nullif(max(w.weight) OVER (), 0) AS share,
               row_number() OVER (ORDER BY w.similarity DESC, w.created_at DESC, w.id DESC) AS n
        FROM weighed w
    ), chosen AS (
        SELECT flywheel.mmr(array_agg(u.share ORDER BY u.n), array_agg(u.embedding ORDER BY u.n), array_agg(u.pool ORDER BY u.n),
                            k, diversity) AS positions
        FROM numbered u
    )
    SELECT u.kind, u.id, u.similarity
    FROM chosen c CROSS JOIN unnest(c.positions) AS p (n) JOIN numbered u USING (n)
    ORDER BY u.n DESC;
END
$$;

COMMENT ON FUNCTION flywheel.pick_examples(text[], vector, text, int, interval, double precision, double precision, boolean) IS
'Internal: k approved examples of these pools, the nearest last: weighed by similarity, by age (half as much per half_life), and times dispute where a verdict of the validator contradicts the label; see flywheel.mmr(). flawless: of the labels only those of outputs that nobody failed or fixed.';
