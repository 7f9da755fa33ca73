-- Few-shot examples of a judge: labels that people let stand in its prompt.

CREATE FUNCTION flywheel.pick_labels(validator text, query vector, model text, k int, exclude_group text, pipelines text[],
                                     half_life interval, diversity double precision)
    RETURNS TABLE (label_id bigint, similarity double precision)
    LANGUAGE plpgsql ROWS 10
AS $$
BEGIN
    RETURN QUERY
    SELECT p.id, p.similarity
    FROM flywheel.pick_examples(
        ARRAY(SELECT flywheel.example_pool('label', answer, pick_labels.validator, pipelines, NULL, exclude_group)
              FROM unnest('{true,false}'::boolean[]) AS answer),
        query, model, k, half_life, diversity, 1.5) p;
END
$$;

COMMENT ON FUNCTION flywheel.pick_labels(text, vector, text, int, text, text[], interval, double precision) IS
'Internal: k approved labels of a validator, as many that pass as that fail; those that contradict a verdict count one and a half times.';

CREATE FUNCTION flywheel.few_shot(validator text, query text, k int DEFAULT 4, exclude_group text DEFAULT NULL,
                                  half_life interval DEFAULT '30 days', diversity double precision DEFAULT 0.3, query_embedding vector DEFAULT NULL)
    RETURNS TABLE (label_id bigint, step_id bigint, input text, output text, passed boolean, critique text, similarity double precision)
    LANGUAGE plpgsql ROWS 10 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
DECLARE
    model text := flywheel.serving_embedding_model();
BEGIN
    PERFORM flywheel.known_validator(validator);
    PERFORM flywheel.check_retrieval(k, half_life, diversity);
    query_embedding := flywheel.query_vector(query, query_embedding, model);
    IF query_embedding IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT l.id, l.step_id, t.input, t.output, l.passed, l.critique, p.similarity
    FROM flywheel.pick_labels(validator, query_embedding, model, k, exclude_group, flywheel.caller_pipelines(), half_life, diversity)
         WITH ORDINALITY AS p (label_id, similarity, place)
    JOIN flywheel.labels l ON l.id = p.label_id
    JOIN flywheel.traces t ON t.id = l.step_id
    ORDER BY p.place;
END
$$;

COMMENT ON FUNCTION flywheel.few_shot(text, text, int, text, interval, double precision, vector) IS
'At most k examples for the prompt of a judge, the one most like the query last, as many that pass as that fail where there are both: approved labels of the few_shot split under the current rubric. Chosen by similarity of the input, age (half as much per half_life; NULL: age does not matter), one and a half times where a verdict contradicts the label, and, as far as diversity (0 to 1) says, unlike each other. exclude_group: flywheel.trace_group() of the step that asks. query_embedding: of the query, where the embedding model is not built in. None for a query without letters or digits. For the application''s own prompts: flywheel.demonstrations().';
