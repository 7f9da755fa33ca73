-- Retrieval: a query to a vector, a vector to the nearest steps.

CREATE FUNCTION flywheel.embed_query(query text) RETURNS vector
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    m flywheel.embedding_models;
BEGIN
    SELECT * INTO m FROM flywheel.embedding_models e WHERE e.name = flywheel.serving_embedding_model();
    IF m.provider IS NOT NULL THEN
        RAISE EXCEPTION 'embeddings are by % of provider %, which SQL cannot ask', m.model, m.provider
            USING ERRCODE = 'feature_not_supported',
                  HINT = format('Ask it for the embedding of the query, with %s dimensions, and pass the vector.', m.dimensions);
    END IF;
    RETURN flywheel.embed(query);
END
$$;

COMMENT ON FUNCTION flywheel.embed_query(text) IS
'The embedding of a query by flywheel.serving_embedding_model(), if that is built in; else an error: ask the model yourself. NULL for a query without letters or digits.';

CREATE FUNCTION flywheel.check_dimensions(query vector, model text) RETURNS int
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dimensions int := (SELECT m.dimensions FROM flywheel.embedding_models m WHERE m.name = check_dimensions.model);
BEGIN
    IF dimensions IS NULL THEN
        RAISE EXCEPTION 'there is no embedding model %', coalesce(quote_literal(model), 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'See flywheel.embedding_models.';
    END IF;
    IF cardinality(query::real[]) <> dimensions THEN
        RAISE EXCEPTION 'the vector has % dimensions, expected % of embedding model %', cardinality(query::real[]), dimensions, model
            USING ERRCODE = 'data_exception', HINT = 'Query with the model that embedded the steps: flywheel.serving_embedding_model().';
    END IF;
    IF 0 = ALL (query::real[]) THEN
        RAISE EXCEPTION 'the vector is zero in all % dimensions', dimensions
            USING ERRCODE = 'data_exception', HINT = 'It has no direction, so nothing is near it. Is the text empty?';
    END IF;
    RETURN dimensions;
END
$$;

COMMENT ON FUNCTION flywheel.check_dimensions(vector, text) IS
'The dimensions of an embedding model; an error for a vector that cannot be one of its: another length, all zeros. (pgvector itself refuses NaN and infinity.)';

CREATE FUNCTION flywheel.nearest_steps(query vector, k int DEFAULT 10, model text DEFAULT flywheel.serving_embedding_model(), exact boolean DEFAULT false)
    RETURNS TABLE (step_id bigint, distance double precision)
    LANGUAGE plpgsql SET jit = off
AS $$
DECLARE
    s         CONSTANT name := flywheel.vector_schema();
    dimensions int;
    before    text[];
BEGIN
    IF k IS NULL OR k < 1 THEN
        RAISE EXCEPTION 'bad k: %', coalesce(k::text, 'NULL') USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected how many steps, 1 or more.';
    END IF;
    IF query IS NULL THEN
        RETURN;
    END IF;
    dimensions := flywheel.check_dimensions(query, model);
    before := flywheel.search_settings(ARRAY[least(greatest(100, 2 * k), 1000)::text, 'relaxed_order']);
    RETURN QUERY EXECUTE format(
        'SELECT n.step_id, n.distance FROM (
             SELECT e.step_id, (e.embedding::%1$I.vector(%2$s)) OPERATOR(%1$I.<=>) $1 AS distance
             FROM flywheel.embeddings e WHERE e.model = %3$L AND e.embedding IS NOT NULL
             ORDER BY ((e.embedding::%1$I.vector(%2$s)) OPERATOR(%1$I.<=>) $1) %4$s LIMIT $2) n
         ORDER BY n.distance, n.step_id', s, dimensions, model, CASE WHEN exact THEN '+ 0' END) -- which no index has
    USING query, k;
    PERFORM flywheel.search_settings(before);
END
$$;

COMMENT ON FUNCTION flywheel.nearest_steps(vector, int, text, boolean) IS
'The k steps whose inputs are nearest to a vector, such as flywheel.embed_query(text), and their cosine distance: 0 the same direction. By the HNSW index, so about: see recall in flywheel.index_health; exact looks at all of them. None for NULL.';

CREATE FUNCTION flywheel.search_settings(wanted text[]) RETURNS text[]
    LANGUAGE plpgsql
AS $$
DECLARE
    names  CONSTANT text[] := '{hnsw.ef_search,hnsw.iterative_scan}';
    before text[];
BEGIN
    FOR i IN 1..2 LOOP
        before[i] := current_setting(names[i], true);
        -- pgvector before 0.8 has no iterative scan.
        IF before[i] IS NOT NULL AND wanted[i] IS NOT NULL THEN
            PERFORM set_config(names[i], wanted[i], true);
        END IF;
    END LOOP;
    RETURN before;
END
$$;

COMMENT ON FUNCTION flywheel.search_settings(text[]) IS
'Internal: sets hnsw.ef_search and hnsw.iterative_scan; returns what they were. Not by SET at the function: whoever installs it may be no superuser.';
