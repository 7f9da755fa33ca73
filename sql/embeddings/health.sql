-- How good the index is, and how far behind.

CREATE FUNCTION flywheel.index_recall(model text DEFAULT flywheel.serving_embedding_model(), sample int DEFAULT 100) RETURNS double precision
    LANGUAGE plpgsql
AS $$
DECLARE
    k       CONSTANT int := 10;
    query   record;
    far     double precision;
    found   bigint;
    wanted  bigint;
    recalls double precision[] := '{}';
BEGIN
    IF sample IS NULL OR sample NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'bad sample: %', coalesce(sample::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected on how many queries to measure, 1 to 10000.';
    END IF;
    PERFORM flywheel.check_dimensions(NULL, model);
    FOR query IN
        SELECT e.step_id, e.embedding FROM flywheel.embeddings e
        WHERE e.model = index_recall.model AND e.embedding IS NOT NULL ORDER BY random() LIMIT sample
    LOOP
        -- Itself is no find. Equally far ones are as good as each other.
        SELECT max(n.distance) + 1e-6, count(*) INTO far, wanted
        FROM (SELECT * FROM flywheel.nearest_steps(query.embedding, k + 1, model, exact => true) n
              WHERE n.step_id <> query.step_id ORDER BY n.distance LIMIT k) n;
        SELECT count(*) INTO found
        FROM (SELECT * FROM flywheel.nearest_steps(query.embedding, k + 1, model) n
              WHERE n.step_id <> query.step_id AND n.distance <= far LIMIT k) n;
        IF wanted > 0 THEN
            recalls := recalls || found / wanted::double precision;
        END IF;
    END LOOP;
    UPDATE flywheel.embedding_models m
    SET recall = (SELECT avg(r) FROM unnest(recalls) r), recall_of = cardinality(recalls), recall_at = now()
    WHERE m.name = index_recall.model;
    RETURN (SELECT avg(r) FROM unnest(recalls) r);
END
$$;

COMMENT ON FUNCTION flywheel.index_recall(text, int) IS
'Recall@10 of the HNSW index: the share of the ten nearest steps, found by looking at all of them, that the index finds, too; mean over a random sample of the embedded steps as queries. Kept for flywheel.index_health. NULL with fewer than two embeddings. An exact search takes about 1 ms per thousand steps.';

CREATE VIEW flywheel.index_health AS
SELECT m.name AS model, m.current, m.name = flywheel.serving_embedding_model() AS serving, m.wanted, m.embedded, m.failed,
       coalesce(q.waiting + q.leased, 0) AS backlog,
       extract(epoch FROM clock_timestamp() - q.oldest_at)::double precision AS oldest_seconds,
       s.n_dead_tup / nullif(s.n_live_tup + s.n_dead_tup, 0)::double precision AS dead_share,
       pg_total_relation_size(s.relid) AS bytes,
       m.recall, m.recall_of, m.recall_at, m.measured_at, m.problem
FROM flywheel.embedding_models m
LEFT JOIN flywheel.queue_stats q ON q.queue = 'flywheel_embed_' || m.name
LEFT JOIN pg_stat_all_tables s ON s.relid = to_regclass(format('flywheel.%I', 'embeddings_' || m.name));

COMMENT ON VIEW flywheel.index_health IS
'Per embedding model: what is embedded, what waits, and how well the index finds it. After many deletions recall may fall: measure with flywheel.index_recall(), and REINDEX INDEX CONCURRENTLY flywheel.embeddings_<model>_hnsw.';
COMMENT ON COLUMN flywheel.index_health.model IS 'flywheel.embedding_models.name.';
COMMENT ON COLUMN flywheel.index_health.current IS 'The one that was set last.';
COMMENT ON COLUMN flywheel.index_health.serving IS 'The one that searches use.';
COMMENT ON COLUMN flywheel.index_health.wanted IS 'Steps that should be embedded, at measured_at.';
COMMENT ON COLUMN flywheel.index_health.embedded IS 'Steps that were.';
COMMENT ON COLUMN flywheel.index_health.failed IS 'Steps that cannot be: flywheel.embeddings.error says why.';
COMMENT ON COLUMN flywheel.index_health.backlog IS 'Steps in the queue, as the drain last counted.';
COMMENT ON COLUMN flywheel.index_health.oldest_seconds IS 'How long the oldest of them has waited.';
COMMENT ON COLUMN flywheel.index_health.dead_share IS 'Dead rows of all that the index leads to, by Postgres''s estimate: they cost searches time until VACUUM.';
COMMENT ON COLUMN flywheel.index_health.bytes IS 'Table and index.';
COMMENT ON COLUMN flywheel.index_health.recall IS 'Recall@10 as flywheel.index_recall() last measured it; NULL: never.';
COMMENT ON COLUMN flywheel.index_health.recall_of IS 'On so many queries.';
COMMENT ON COLUMN flywheel.index_health.recall_at IS 'When.';
COMMENT ON COLUMN flywheel.index_health.measured_at IS 'When wanted, embedded and failed were counted: every five minutes, or SELECT flywheel.tend_embeddings().';
COMMENT ON COLUMN flywheel.index_health.problem IS 'Why the provider gives no embeddings; NULL: it does.';
