-- Ranking metrics of one retrieval, as trec_eval defines them: what was retrieved against what is relevant.

CREATE FUNCTION flywheel.ranking(context jsonb) RETURNS TABLE (rank bigint, doc text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    -- trec_eval's order: single precision scores, ties by document id in reverse. Without scores, as they stand.
    WITH docs AS (
        SELECT CASE jsonb_typeof(d) WHEN 'object' THEN d ->> 'id' ELSE d #>> '{}' END AS doc, place,
               -- What is too large or too small for a real is its largest, or 0: the cast would raise.
               CASE WHEN jsonb_typeof(d -> 'score') IS DISTINCT FROM 'number' THEN NULL
                    WHEN abs((d ->> 'score')::numeric) < 1e-44 THEN 0
                    ELSE greatest(least((d ->> 'score')::numeric, 3.4e38), -3.4e38)::real END AS score
        FROM jsonb_array_elements(CASE jsonb_typeof(context) WHEN 'array' THEN context ELSE '[]' END) WITH ORDINALITY AS c (d, place)
    ), placed AS (
        SELECT o.doc, row_number() OVER (ORDER BY
            CASE WHEN o.scored THEN o.score END DESC NULLS LAST, CASE WHEN o.scored THEN o.doc END COLLATE "C" DESC, o.place) AS place
        FROM (SELECT d.*, count(d.score) OVER () > 0 AS scored FROM docs d WHERE d.doc IS NOT NULL) o
    )
    SELECT row_number() OVER (ORDER BY min(p.place)), p.doc FROM placed p GROUP BY p.doc
$$;

COMMENT ON FUNCTION flywheel.ranking(jsonb) IS
'Retrieved documents in the order that ranking metrics take them. context: array of {"id", "score"} or of ids. With scores: descending, ties by id in reverse (trec_eval''s rule); without: as they stand. A document counts once, at its best rank.';

CREATE FUNCTION flywheel.relevance(expected text) RETURNS TABLE (doc text, grade double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT g.key, (g.value #>> '{}')::double precision
    FROM jsonb_each(CASE WHEN expected ~ '^\s*\{' THEN expected::jsonb END) g
    UNION ALL
    SELECT DISTINCT i.id, 1.0::double precision
    FROM jsonb_array_elements(CASE WHEN expected ~ '^\s*\[' THEN expected::jsonb END) d,
         LATERAL (SELECT CASE jsonb_typeof(d) WHEN 'object' THEN d ->> 'id' ELSE d #>> '{}' END) AS i (id)
    WHERE i.id IS NOT NULL
    UNION ALL
    SELECT expected, 1.0 WHERE expected !~ '^\s*[\[{]' AND expected <> ''
$$;

COMMENT ON FUNCTION flywheel.relevance(text) IS
'Relevant documents. expected: JSON array of ids, JSON object of id to grade (0: judged and not relevant, as bpref needs it; negative: not judged), or one id. Documents that are not named are not judged.';

CREATE FUNCTION flywheel.graded(context jsonb, expected text) RETURNS TABLE (rank bigint, grade double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT r.rank, e.grade FROM flywheel.ranking(context) r LEFT JOIN flywheel.relevance(expected) e ON e.doc = r.doc
$$;

COMMENT ON FUNCTION flywheel.graded(jsonb, text) IS
'The grade of the document at each rank; NULL where it was not judged.';

CREATE FUNCTION flywheel.relevant(expected text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT nullif(count(*), 0) FROM flywheel.relevance(expected) e WHERE e.grade > 0);

COMMENT ON FUNCTION flywheel.relevant(text) IS
'How many documents are relevant (grade > 0); NULL for none, which makes every metric NULL: there was nothing to find.';

CREATE FUNCTION flywheel.precision_at_k(context jsonb, expected text, k int) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT count(*) FILTER (WHERE g.grade > 0)::float8 / k FROM flywheel.graded(context, expected) g WHERE g.rank <= k)
           + 0 * flywheel.relevant(expected);

CREATE FUNCTION flywheel.recall_at_k(context jsonb, expected text, k int) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT count(*) FILTER (WHERE g.grade > 0)::float8 FROM flywheel.graded(context, expected) g WHERE g.rank <= k)
           / flywheel.relevant(expected);

CREATE FUNCTION flywheel.success_at_k(context jsonb, expected text, k int) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT (count(*) FILTER (WHERE g.grade > 0) > 0)::int::float8 FROM flywheel.graded(context, expected) g WHERE g.rank <= k)
           + 0 * flywheel.relevant(expected);

CREATE FUNCTION flywheel.hit_at_k(context jsonb, expected text, k int) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN flywheel.success_at_k(context, expected, k);

CREATE FUNCTION flywheel.reciprocal_rank(context jsonb, expected text) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(1.0::float8 / min(g.rank), 0) FROM flywheel.graded(context, expected) g WHERE g.grade > 0)
           + 0 * flywheel.relevant(expected);

CREATE FUNCTION flywheel.average_precision(context jsonb, expected text) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(sum(f.found::float8 / f.rank), 0)
            FROM (SELECT g.rank, row_number() OVER (ORDER BY g.rank) AS found
                  FROM flywheel.graded(context, expected) g WHERE g.grade > 0) f)
           / flywheel.relevant(expected);

CREATE FUNCTION flywheel.r_precision(context jsonb, expected text) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN flywheel.recall_at_k(context, expected, flywheel.relevant(expected)::int);

CREATE FUNCTION flywheel.ndcg_at_k(context jsonb, expected text, k int) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(sum(g.grade / log(2, g.rank + 1)::float8), 0)
            FROM flywheel.graded(context, expected) g WHERE g.grade > 0 AND (k IS NULL OR g.rank <= k))
           / (SELECT sum(i.grade / log(2, i.rank + 1)::float8)
              FROM (SELECT e.grade, row_number() OVER (ORDER BY e.grade DESC) AS rank
                    FROM flywheel.relevance(expected) e WHERE e.grade > 0) i
              WHERE k IS NULL OR i.rank <= k);

CREATE FUNCTION flywheel.bpref(context jsonb, expected text) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT coalesce(sum(1 - CASE WHEN f.worse IS NULL OR f.worse = 0 THEN f.worse
                                         ELSE least(f.worse, n.relevant)::float8 / least(n.judged - n.relevant, n.relevant) END), 0)
                   / max(n.relevant)
            FROM (SELECT flywheel.relevant(expected) AS relevant, (SELECT count(*) FROM flywheel.relevance(expected) e WHERE e.grade >= 0) AS judged) n
            LEFT JOIN (
                SELECT g.grade, count(*) FILTER (WHERE g.grade = 0) OVER (ORDER BY g.rank) AS worse
                FROM flywheel.graded(context, expected) g WHERE g.grade >= 0) f ON f.grade > 0);

COMMENT ON FUNCTION flywheel.precision_at_k(jsonb, text, int) IS
'Share of relevant documents among the first k ranks, 0..1; ranks that are missing count as not relevant (trec_eval P_k). Arguments: see flywheel.ranking and flywheel.relevance.';
COMMENT ON FUNCTION flywheel.recall_at_k(jsonb, text, int) IS
'Share of the relevant documents that are among the first k, 0..1 (trec_eval recall_k).';
COMMENT ON FUNCTION flywheel.success_at_k(jsonb, text, int) IS
'1 when a relevant document is among the first k, else 0 (trec_eval success_k).';
COMMENT ON FUNCTION flywheel.hit_at_k(jsonb, text, int) IS
'flywheel.success_at_k, as recommender systems call it.';
COMMENT ON FUNCTION flywheel.reciprocal_rank(jsonb, text) IS
'1 / rank of the first relevant document, 0 when none was retrieved; its mean is MRR (trec_eval recip_rank).';
COMMENT ON FUNCTION flywheel.average_precision(jsonb, text) IS
'Mean of the precision at each relevant document, 0 for those not retrieved; its mean is MAP (trec_eval map).';
COMMENT ON FUNCTION flywheel.r_precision(jsonb, text) IS
'Precision at rank R, where R is the number of relevant documents (trec_eval Rprec).';
COMMENT ON FUNCTION flywheel.ndcg_at_k(jsonb, text, int) IS
'Normalised discounted cumulative gain of the first k ranks (NULL: all), 0..1: gain = grade, discount = log2(rank + 1) (trec_eval ndcg_cut_k, ndcg; Järvelin and Kekäläinen 2002).';
COMMENT ON FUNCTION flywheel.bpref(jsonb, text) IS
'How seldom judged documents that are not relevant (grade 0 in expected) come before relevant ones, 0..1; documents that are not judged are left out (trec_eval bpref; Buckley and Voorhees 2004).';
