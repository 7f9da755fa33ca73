-- What a backfill or an evaluation of a judge would cost, before it starts.

CREATE FUNCTION flywheel.estimate(
    name text, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, sample double precision DEFAULT NULL
) RETURNS TABLE (
    steps             bigint,
    prompt_tokens     bigint,
    completion_tokens bigint,
    cost_usd          numeric,
    days              int,
    basis             text
)
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    d        flywheel.validators := flywheel.known_validator(name);
    w        flywheel.validator_versions;
    p        flywheel.prices;
    tokens   record;
    per_day  numeric;
BEGIN
    SELECT * INTO w FROM flywheel.validator_versions v WHERE v.id = d.version_id;
    SELECT * INTO p FROM flywheel.prices x WHERE x.provider = w.provider AND x.model = w.model;
    sample := coalesce(sample, d.sample_rate);
    PERFORM flywheel.check_sample_rate(sample);
    SELECT count(*) INTO steps
    FROM flywheel.traces t
    WHERE t.created_at >= coalesce(since, '-infinity') AND t.created_at < coalesce(estimate.until, 'infinity')
      AND flywheel.filter_matches(w, t.pipeline, t.node, t.node_type)
      AND (sample >= 1 OR flywheel.sample_point(t.trace_id, d.name) < sample)
      AND NOT EXISTS (SELECT FROM flywheel.verdicts v WHERE v.step_id = t.id AND v.version_id = w.id);

    IF d.kind <> 'judge' THEN
        basis := 'a code validator calls no provider';
        cost_usd := 0;
        RETURN NEXT;
        RETURN;
    END IF;
    -- Of any rubric: what a step costs is mostly the step, and the examples and votes that go with it.
    SELECT avg(v.prompt_tokens) AS prompt, avg(v.completion_tokens) AS completion, count(*) AS n INTO tokens
    FROM (SELECT x.prompt_tokens, x.completion_tokens FROM flywheel.verdicts x
          JOIN flywheel.validator_versions o ON o.id = x.version_id
          WHERE o.validator = d.name AND x.prompt_tokens > 0
            AND flywheel.votes_of(o) = flywheel.votes_of(w) AND o.config -> 'few_shot' IS NOT DISTINCT FROM w.config -> 'few_shot'
          ORDER BY x.step_id DESC LIMIT 1000) v;
    basis := format('the mean of its last %s judgements', tokens.n);
    IF tokens.n = 0 THEN
        -- 350 tokens of instructions; steps beyond 60,000 characters a field are cut. Examples are taken to be like the steps.
        SELECT flywheel.votes_of(w) * (350 + (length(w.rubric) + (1 + coalesce((w.config ->> 'few_shot')::int, 0)) * coalesce(avg(length(
                   concat(left(t.input, 60000), left(t.output, 60000), left(t.expected, 60000), left(t.context::text, 60000)))), 0)) / 4),
               flywheel.votes_of(w) * 80 INTO tokens.prompt, tokens.completion
        FROM (SELECT * FROM flywheel.traces s
              WHERE s.created_at >= coalesce(since, '-infinity') AND s.created_at < coalesce(estimate.until, 'infinity')
                AND flywheel.filter_matches(w, s.pipeline, s.node, s.node_type)
              ORDER BY s.id DESC LIMIT 1000) t;
        basis := 'a guess, it has judged nothing like this yet: characters ÷ 4 of up to 1,000 steps, 80 tokens an answer';
    END IF;
    prompt_tokens := ceil(steps * tokens.prompt);
    completion_tokens := ceil(steps * tokens.completion);
    cost_usd := (prompt_tokens * p.usd_per_million_input + completion_tokens * p.usd_per_million_output) / 1000000;
    IF p.model IS NULL THEN
        basis := basis || format('; no price: INSERT INTO flywheel.prices VALUES (%L, %L, usd_per_million_input, usd_per_million_output)',
                                 w.provider, w.model);
    END IF;
    SELECT min(least(b.daily_calls / flywheel.votes_of(w), steps * b.daily_usd / nullif(estimate.cost_usd, 0))) INTO per_day
    FROM flywheel.budgets b WHERE b.provider = w.provider OR b.validator = d.name;
    days := CASE WHEN steps > 0 THEN CASE WHEN per_day > 0 THEN ceil(steps / per_day) WHEN per_day IS NULL THEN 1 END ELSE 0 END;
    RETURN NEXT;
END
$$;

COMMENT ON FUNCTION flywheel.estimate(text, timestamptz, timestamptz, double precision) IS
'What flywheel.backfill or flywheel.evaluate with the same arguments would cost at most: steps without a verdict, tokens, US dollars (NULL: no price known, see basis), and over how many days the daily budgets spread it (NULL: a budget is 0). sample NULL: the validator''s sample rate. basis: where the numbers come from. Identical prompts are paid for once.';
