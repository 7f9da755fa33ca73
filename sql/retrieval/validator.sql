-- The same metrics as a validator of retriever steps: context is what was retrieved, expected what is relevant.

CREATE FUNCTION flywheel.retrieval(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    k     int := coalesce((config ->> 'k')::int, 10);
    floor double precision := config ->> 'min';
    score double precision := CASE config ->> 'metric'
        WHEN 'precision_at_k' THEN flywheel.precision_at_k(step.context, step.expected, k)
        WHEN 'recall_at_k' THEN flywheel.recall_at_k(step.context, step.expected, k)
        WHEN 'success_at_k' THEN flywheel.success_at_k(step.context, step.expected, k)
        WHEN 'hit_at_k' THEN flywheel.hit_at_k(step.context, step.expected, k)
        WHEN 'ndcg_at_k' THEN flywheel.ndcg_at_k(step.context, step.expected, k)
        WHEN 'reciprocal_rank' THEN flywheel.reciprocal_rank(step.context, step.expected)
        WHEN 'average_precision' THEN flywheel.average_precision(step.context, step.expected)
        WHEN 'r_precision' THEN flywheel.r_precision(step.context, step.expected)
        WHEN 'bpref' THEN flywheel.bpref(step.context, step.expected)
    END;
BEGIN
    IF step.expected IS NULL THEN
        RETURN ROW(NULL, NULL, 'the step has no expected documents', NULL)::flywheel.verdict;
    ELSIF score IS NULL THEN
        RETURN ROW(NULL, NULL, 'no document of expected is relevant', NULL)::flywheel.verdict;
    END IF;
    RETURN ROW(score >= floor, score,
               CASE WHEN score < floor THEN format('%s is %s, expected at least %s', config ->> 'metric', round(score::numeric, 4), floor) END,
               NULL)::flywheel.verdict;
END
$$;

COMMENT ON FUNCTION flywheel.retrieval(flywheel.traces, jsonb) IS
'Validator of retriever steps: how well context (see flywheel.ranking) ranks what expected (see flywheel.relevance) says is relevant. Config: "metric", one of precision_at_k, recall_at_k, success_at_k, hit_at_k, ndcg_at_k, reciprocal_rank, average_precision, r_precision, bpref (each a function of its own, with its definition); "k", ranks to look at (10); "min", the score from which a step passes (without it: a score only). Abstains where expected is NULL or names nothing relevant.';

CREATE FUNCTION flywheel.retrieval_config() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN '{
        "properties": {
            "metric": {"enum": ["precision_at_k", "recall_at_k", "success_at_k", "hit_at_k", "ndcg_at_k", "reciprocal_rank",
                                "average_precision", "r_precision", "bpref"]},
            "k": {"type": "integer", "minimum": 1},
            "min": {"type": "number"}},
        "required": ["metric"]}'::jsonb;

COMMENT ON FUNCTION flywheel.retrieval_config() IS
'What config flywheel.retrieval takes, as JSON Schema.';

CREATE VIEW flywheel.retrieval_metrics WITH (security_invoker) AS
SELECT m.validator, m.version, w.config ->> 'metric' AS metric,
       CASE WHEN w.config ->> 'metric' LIKE '%\_k' THEN coalesce((w.config ->> 'k')::int, 10) END AS k,
       m.pipeline, m.node, m.variant, m.n - m.abstained - m.errors - m.timeouts AS n, m.mean_score AS value
FROM flywheel.metrics m
JOIN flywheel.validator_versions w ON w.validator = m.validator AND w.version = m.version
WHERE w.function = 'flywheel.retrieval(flywheel.traces,jsonb)';

COMMENT ON VIEW flywheel.retrieval_metrics IS
'Retrieval quality per pipeline, node and variant: means of the per-step scores of the validators that call flywheel.retrieval. Reads the rollup. MRR is the row with metric reciprocal_rank, MAP the one with average_precision.';
COMMENT ON COLUMN flywheel.retrieval_metrics.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.retrieval_metrics.version IS 'Version of the validator.';
COMMENT ON COLUMN flywheel.retrieval_metrics.metric IS 'The function: ndcg_at_k, reciprocal_rank, ...';
COMMENT ON COLUMN flywheel.retrieval_metrics.k IS 'Ranks that it looks at; NULL for all.';
COMMENT ON COLUMN flywheel.retrieval_metrics.pipeline IS 'Of the steps.';
COMMENT ON COLUMN flywheel.retrieval_metrics.node IS 'Of the steps.';
COMMENT ON COLUMN flywheel.retrieval_metrics.variant IS 'Of the steps.';
COMMENT ON COLUMN flywheel.retrieval_metrics.n IS 'Steps with a score.';
COMMENT ON COLUMN flywheel.retrieval_metrics.value IS 'Mean score, 0..1.';
