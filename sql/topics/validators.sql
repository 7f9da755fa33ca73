-- The validators on top of the examples. They run with the caller's rights, and read the examples through one function.

CREATE FUNCTION flywheel.compare_with_examples(
    topic text, content text, OUT distance double precision, OUT p double precision, OUT least_p double precision, OUT nearest text
)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan -- planning for each input took longer than 500 examples do
AS $$
BEGIN
    SELECT avg(n.distance), (array_agg(n.input ORDER BY n.distance))[1] INTO distance, nearest
    FROM flywheel.nearest_examples(topic, content) n;
    SELECT (1 + count(*) FILTER (WHERE e.apart >= distance)) / (1 + count(*))::double precision, 1 / (1 + count(*))::double precision
    INTO p, least_p
    FROM flywheel.topic_examples e
    WHERE e.topic = compare_with_examples.topic AND e.apart IS NOT NULL;
END
$$;

COMMENT ON FUNCTION flywheel.compare_with_examples(text, text) IS
'How far a text is from the examples of a topic: mean distance to the three nearest; p: the share of the examples that are as far or farther from their own neighbours, an empirical (conformal) p-value; least_p: the smallest that so many examples can give; and the nearest example. NULL distance: the topic has no examples.';

CREATE FUNCTION flywheel.on_topic(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    topic   text := config ->> 'topic';
    alpha   double precision := coalesce((config ->> 'alpha')::double precision, 0.05);
    keyword text;
    c       record;
BEGIN
    IF coalesce(step.input, '') !~ '\S' THEN
        RETURN (NULL, NULL, 'no input', NULL)::flywheel.verdict;
    END IF;
    SELECT k INTO keyword FROM jsonb_array_elements_text(config -> 'keywords') AS k
    WHERE strpos(lower(step.input), lower(k)) > 0 LIMIT 1;
    IF keyword IS NOT NULL THEN
        RETURN (true, NULL, NULL, jsonb_build_object('keyword', keyword))::flywheel.verdict;
    ELSIF topic IS NULL THEN
        RETURN (false, NULL, 'has none of the keywords', NULL)::flywheel.verdict;
    END IF;
    SELECT * INTO c FROM flywheel.compare_with_examples(topic, step.input);
    IF c.distance IS NULL THEN
        RETURN (NULL, NULL, format('topic "%s" has no examples: see flywheel.set_examples', topic), NULL)::flywheel.verdict;
    ELSIF c.least_p > alpha THEN
        RETURN (NULL, NULL, format('topic "%s" has too few examples for an alpha of %s: no input could fail', topic, alpha), NULL)::flywheel.verdict;
    END IF;
    RETURN (c.p >= alpha, 1 - c.distance,
            CASE WHEN c.p < alpha THEN format('less like topic "%s" than %s %% of its examples', topic, floor(100 * (1 - c.p))) END,
            jsonb_build_object('p', c.p, 'nearest', left(c.nearest, 200)))::flywheel.verdict;
END
$$;

COMMENT ON FUNCTION flywheel.on_topic(flywheel.traces, jsonb) IS
'Validator: passes when the input holds one of keywords (any case), or is as near to the examples of topic as all but alpha of them are to each other. config: {"topic": text, "keywords": [], "alpha": 0.05}, with topic, keywords or both; alpha is about the share of good inputs that fail. score: similarity, 0 to 1, the mean over the three nearest examples; details: {"p", "nearest"} or {"keyword"}. Abstains without input, without examples, and with fewer than 1/alpha of them. It compares spelling, not meaning: hundreds of examples, as people write them, are what it lives on.';

CREATE FUNCTION flywheel.on_topic_config() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN '{
        "properties": {
            "topic": {"type": "string"},
            "keywords": {"type": "array", "items": {"type": "string"}, "default": []},
            "alpha": {"type": "number", "minimum": 0, "default": 0.05}},
        "required": []}'::jsonb;

COMMENT ON FUNCTION flywheel.on_topic_config() IS 'What config flywheel.on_topic takes, as JSON Schema.';

CREATE FUNCTION flywheel.on_topic_check(config jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF NOT config ? 'topic' AND coalesce(config -> 'keywords', '[]') = '[]' THEN
        RAISE EXCEPTION 'flywheel.on_topic has nothing to compare with'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give a topic that flywheel.set_examples() knows, keywords, or both: config => ''{"topic": "support"}''.';
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.on_topic_check(jsonb) IS 'Raises when the config has neither a topic nor keywords.';

CREATE FUNCTION flywheel.novelty(step flywheel.traces, config jsonb) RETURNS flywheel.verdict
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    topic text := config ->> 'topic';
    alpha double precision := coalesce((config ->> 'alpha')::double precision, 0.01);
    c     record;
BEGIN
    IF coalesce(step.input, '') !~ '\S' THEN
        RETURN (NULL, NULL, 'no input', NULL)::flywheel.verdict;
    END IF;
    SELECT * INTO c FROM flywheel.compare_with_examples(topic, step.input);
    IF c.distance IS NULL THEN
        RETURN (NULL, NULL, format('topic "%s" has no examples: see flywheel.set_examples', topic), NULL)::flywheel.verdict;
    ELSIF c.least_p > alpha THEN
        RETURN (NULL, NULL, format('topic "%s" has too few examples for an alpha of %s: no input could fail', topic, alpha), NULL)::flywheel.verdict;
    END IF;
    RETURN (c.p >= alpha, c.p,
            CASE WHEN c.p < alpha THEN format('novel: p = %s among the examples of "%s"', round(c.p::numeric, 4), topic) END,
            jsonb_build_object('distance', c.distance, 'nearest', left(c.nearest, 200)))::flywheel.verdict;
END
$$;

COMMENT ON FUNCTION flywheel.novelty(flywheel.traces, jsonb) IS
'Validator: fails when the input is an anomaly among the recent inputs that flywheel.set_examples() was given as topic. config: {"topic": required, "alpha": 0.01}. score: the empirical p-value: the share of those inputs that are as far or farther from their three nearest neighbours; about alpha of ordinary inputs fail. details: {"distance", "nearest"}. Abstains without input, without examples, and with fewer than 1/alpha of them.';

CREATE FUNCTION flywheel.novelty_config() RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN '{
        "properties": {"topic": {"type": "string"}, "alpha": {"type": "number", "minimum": 0, "default": 0.01}},
        "required": ["topic"]}'::jsonb;

COMMENT ON FUNCTION flywheel.novelty_config() IS 'What config flywheel.novelty takes, as JSON Schema.';
