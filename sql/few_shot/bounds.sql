-- What the retrieval functions have in common: which examples, what no retrieval can use, and what is compared.

CREATE FUNCTION flywheel.example_pool(kind text, passed boolean, validator text, pipelines text[], node text, exclude_group text) RETURNS text
    LANGUAGE sql STABLE
    RETURN '(' || concat_ws(' AND ', format('a.kind = %L', kind),
        CASE WHEN passed IS NOT NULL THEN format('a.passed = %L', passed) END,
        CASE WHEN validator IS NOT NULL THEN format('a.validator = %L', validator) END,
        CASE WHEN pipelines IS NOT NULL THEN format('a.pipeline = ANY (%L)', pipelines) END,
        CASE WHEN node IS NOT NULL THEN format('a.node = %L', node) END,
        CASE WHEN exclude_group IS NOT NULL THEN format('a.trace_group <> %L', exclude_group) END) || ')';

COMMENT ON FUNCTION flywheel.example_pool(text, boolean, text, text[], text, text) IS
'Internal: a condition on flywheel.approved_examples (as "a"), for flywheel.pick_examples(). NULL: any.';

CREATE FUNCTION flywheel.check_retrieval(k int, half_life interval, diversity double precision) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF k IS NULL OR k NOT BETWEEN 0 AND 100 THEN
        RAISE EXCEPTION 'bad k: %', coalesce(k::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected how many examples, 0 to 100.';
    ELSIF half_life <= interval '0' THEN
        RAISE EXCEPTION 'bad half_life: %', half_life
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected the age at which an example counts half, such as ''30 days''; NULL: age does not matter.';
    ELSIF diversity IS NULL OR NOT diversity BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'bad diversity: %', coalesce(diversity::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected 0 (only how well each one fits) to 1 (only how much they differ).';
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.check_retrieval(int, interval, double precision) IS
'Internal: refuses what no retrieval can use.';

CREATE FUNCTION flywheel.query_vector(query text, query_embedding vector, model text) RETURNS vector
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF query_embedding IS NULL THEN
        RETURN flywheel.embed_query(query);
    END IF;
    PERFORM flywheel.check_dimensions(query_embedding, model);
    RETURN query_embedding;
END
$$;

COMMENT ON FUNCTION flywheel.query_vector(text, vector, text) IS
'Internal: the embedding that the caller gave, if the model could have made it; else that of the query. NULL for a query without letters or digits.';
