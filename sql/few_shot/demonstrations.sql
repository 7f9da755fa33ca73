-- Fixes at work: how it is done, for the application's own prompts, at run time.

CREATE FUNCTION flywheel.demonstrations(pipeline text, node text, query text, k int DEFAULT 3, strategy text DEFAULT 'similar_fixed',
                                        exclude_group text DEFAULT NULL, half_life interval DEFAULT '30 days',
                                        diversity double precision DEFAULT 0.3, query_embedding vector DEFAULT NULL)
    RETURNS TABLE (step_id bigint, fix_id bigint, input text, output text, what_went_wrong text, why text, similarity double precision)
    LANGUAGE plpgsql ROWS 10 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    model text := flywheel.serving_embedding_model();
BEGIN
    IF pipeline IS NULL THEN
        RAISE EXCEPTION 'demonstrations of which pipeline?'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected flywheel.traces.pipeline. node may be NULL: any.';
    ELSIF pipeline <> ALL (flywheel.caller_pipelines()) THEN
        RAISE EXCEPTION 'pipeline "%" is not of your team', pipeline
            USING ERRCODE = 'insufficient_privilege', HINT = 'See flywheel.team_pipelines.';
    ELSIF strategy IS NULL OR strategy NOT IN ('similar_fixed', 'similar_and_fix', 'recent', 'diverse') THEN
        RAISE EXCEPTION 'bad strategy: %', coalesce(strategy, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected similar_fixed, similar_and_fix, recent or diverse.';
    END IF;
    PERFORM flywheel.check_retrieval(k, half_life, diversity);
    query_embedding := flywheel.query_vector(query, query_embedding, model);
    IF query_embedding IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT t.id, f.id, t.input, coalesce(f.corrected_output, t.output), f.what_went_wrong, f.why, p.similarity
    FROM flywheel.pick_examples(
        ARRAY[flywheel.example_pool('fix', NULL, NULL, ARRAY[pipeline], node, exclude_group)]
            || CASE WHEN strategy = 'similar_and_fix' THEN ARRAY[flywheel.example_pool('label', true, NULL, ARRAY[pipeline], node, exclude_group)] END,
        query_embedding, model, k,
        CASE WHEN strategy = 'recent' THEN half_life END,
        CASE WHEN strategy = 'diverse' THEN diversity ELSE 0 END, flawless => true) WITH ORDINALITY AS p (kind, id, similarity, place)
    LEFT JOIN flywheel.fixes f ON p.kind = 'fix' AND f.id = p.id
    LEFT JOIN flywheel.labels l ON p.kind = 'label' AND l.id = p.id
    JOIN flywheel.traces t ON t.id = coalesce(f.step_id, l.step_id)
    ORDER BY p.place;
END
$$;

COMMENT ON FUNCTION flywheel.demonstrations(text, text, text, int, text, text, interval, double precision, vector) IS
'At most k examples of how a node (NULL: any) of a pipeline should answer, the one most like the query last: inputs with approved fixes. strategy: similar_fixed, the most similar; recent, also by age, half as much per half_life (NULL: age does not matter); diverse, as far as diversity (0 to 1) says unlike each other; similar_and_fix, half of them good as they were (approved labels that pass, where nobody failed the output or wrote a fix; fix_id is NULL). exclude_group: flywheel.trace_group() of the step that asks. query_embedding: of the query, where the embedding model is not built in. None for a query without letters or digits.';
