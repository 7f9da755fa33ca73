-- The labelled outputs that are most like an output.
-- How it opens counts as much as all of it: a refusal is in its first words. On xstest that is worth .02 to .03 of AUROC; the input would add nothing.

CREATE FUNCTION flywheel.embed_output(output text) RETURNS vector
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(flywheel.embed(left(output, 200)), flywheel.embed(output)) || flywheel.embed(output);

COMMENT ON FUNCTION flywheel.embed_output(text) IS
'flywheel.embed() of the first 200 characters and of the whole, one after the other: the inner product of two of these is twice their mean cosine. NULL without letters or digits.';

CREATE FUNCTION flywheel.nearest_labels(fit text, output text, own_group text, k int)
    RETURNS TABLE (step_id bigint, passed boolean, similarity double precision)
    LANGUAGE sql STABLE
BEGIN ATOMIC -- parsed here and now: pgvector's operator is bound whatever search_path the caller has
    SELECT x.step_id, x.passed, -(x.embedding <#> q.v) / 2 AS similarity
    FROM (SELECT flywheel.embed_output(output) AS v OFFSET 0) q, flywheel.shadow_examples x
    WHERE x.fit = nearest_labels.fit AND x.trace_group IS DISTINCT FROM own_group AND q.v IS NOT NULL
    ORDER BY x.embedding <#> q.v, x.step_id LIMIT k;
END;

COMMENT ON FUNCTION flywheel.nearest_labels(text, text, text, int) IS
'The k labelled outputs of a fit that are nearest to this output, and their cosine similarity; none of the trace group own_group. Looks at all of them.';

CREATE FUNCTION flywheel.vote_of_neighbours(
    fit text, output text, own_group text, k int, OUT p double precision, OUT neighbours int, OUT nearest bigint[]
)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan -- planning for each output would take longer than some hundred labels do
AS $$
BEGIN
    SELECT sum(w.weight * w.passed::int) / sum(w.weight), count(*), (array_agg(w.step_id ORDER BY w.similarity DESC, w.step_id))[:3]
    INTO p, neighbours, nearest
    FROM (SELECT n.*, greatest(n.similarity, 0.01) ^ 8 AS weight FROM flywheel.nearest_labels(fit, output, own_group, k) n) w;
END
$$;

COMMENT ON FUNCTION flywheel.vote_of_neighbours(text, text, text, int) IS
'Internal: the share of passing labels among the k nearest, weighted by the eighth power of their similarity; how many they are, and the three nearest steps.';
