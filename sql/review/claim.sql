-- Taking steps to label: by priority, or by chance with a known probability.

CREATE FUNCTION flywheel.choose_steps(validator text, n int, design text, since timestamptz)
    RETURNS TABLE (step_id bigint, inclusion_probability double precision, labelled boolean)
    LANGUAGE sql
BEGIN ATOMIC
    WITH frame AS MATERIALIZED (
        SELECT f.* FROM flywheel.sampling_frame(choose_steps.validator, n, design, since) f
    ), quotas AS MATERIALIZED ( -- whole numbers that keep the expected ones on average: one random start for all strata
        SELECT s.stratum, (s.expected / s.steps)::real AS inclusion_probability, -- seven digits: equal ones are equal
               floor(s.expected_up_to + u.start) - lag(floor(s.expected_up_to + u.start), 1, 0) OVER (ORDER BY s.stratum) AS quota
        FROM (SELECT DISTINCT f.stratum, f.steps, f.expected, f.expected_up_to FROM frame f) s, (SELECT random() AS start OFFSET 0) u
    ), free AS ( -- without replacement: not what is claimed, or was drawn before
        SELECT f.step_id, f.stratum, l.design IS NOT NULL AS labelled, row_number() OVER (PARTITION BY f.stratum ORDER BY random()) AS place
        FROM frame f
        LEFT JOIN LATERAL (
            SELECT min(x.sampling_design) FILTER (WHERE x.sampling_design NOT IN ('priority', 'convenience')) AS drawn,
                   min(x.sampling_design) AS design
            FROM flywheel.labels x
            WHERE x.step_id = f.step_id AND x.validator = choose_steps.validator
              AND x.rubric_version = flywheel.current_rubric(choose_steps.validator) AND x.step_changed_at IS NULL) l ON true
        WHERE l.drawn IS NULL
          AND NOT EXISTS (SELECT FROM flywheel.review_claims c WHERE c.step_id = f.step_id AND c.validator = choose_steps.validator)
    )
    SELECT f.step_id, q.inclusion_probability, f.labelled
    FROM free f JOIN quotas q ON q.stratum = f.stratum
    WHERE f.place <= q.quota;
END;

COMMENT ON FUNCTION flywheel.choose_steps(text, int, text, timestamptz) IS
'Internal: n steps of a sampling design, at random, each with its probability and whether it has a label already.';

CREATE VIEW flywheel.open_reviews WITH (security_invoker) AS
SELECT c.step_id, c.validator, t.pipeline, t.node, t.input, t.output, t.expected, t.context, d.rubric_version, d.rubric, c.why,
       c.sampling_design, c.inclusion_probability, c.rater, c.second, c.until
FROM flywheel.review_claims c
JOIN flywheel.traces t ON t.id = c.step_id
JOIN flywheel.reviewed_validators d ON d.validator = c.validator;

COMMENT ON VIEW flywheel.open_reviews IS
'Claimed steps with what there is to know for a label, and nothing of what the judge said.';
COMMENT ON COLUMN flywheel.open_reviews.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.open_reviews.validator IS 'The validator or judge whose question is to be answered.';
COMMENT ON COLUMN flywheel.open_reviews.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.open_reviews.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.open_reviews.input IS 'Of the step.';
COMMENT ON COLUMN flywheel.open_reviews.output IS 'Of the step: what is to be labelled.';
COMMENT ON COLUMN flywheel.open_reviews.expected IS 'Of the step.';
COMMENT ON COLUMN flywheel.open_reviews.context IS 'Of the step.';
COMMENT ON COLUMN flywheel.open_reviews.rubric_version IS 'flywheel.rubrics.version: say it in the label, which is then refused if the rubric has changed meanwhile.';
COMMENT ON COLUMN flywheel.open_reviews.rubric IS 'What passes and what fails.';
COMMENT ON COLUMN flywheel.open_reviews.why IS 'Why it is to be labelled.';
COMMENT ON COLUMN flywheel.open_reviews.sampling_design IS 'How it was chosen.';
COMMENT ON COLUMN flywheel.open_reviews.inclusion_probability IS
'Probability that the design chose it; NULL for priority. Not for the rater''s eyes: within a design it may differ by verdict.';
COMMENT ON COLUMN flywheel.open_reviews.rater IS 'Who claimed it.';
COMMENT ON COLUMN flywheel.open_reviews.second IS 'Whether somebody else has labelled it.';
COMMENT ON COLUMN flywheel.open_reviews.until IS 'From then on somebody else may get it.';

CREATE FUNCTION flywheel.check_claim(rater text, n int, validator text, design text, since timestamptz, second boolean) RETURNS void
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF validator IS NOT NULL THEN
        PERFORM flywheel.known_validator(validator);
    END IF;
    IF coalesce(btrim(rater), '') = '' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the rater has no name', HINT = 'Expected who labels, such as session_user.';
    ELSIF coalesce(n NOT BETWEEN 1 AND 1000, true) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('n is %s', coalesce(n::text, 'NULL')), HINT = 'Expected 1 to 1000 steps.';
    ELSIF coalesce(design NOT IN ('priority', 'random', 'verdict_balanced', 'stratified'), true) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('design is %s', coalesce(quote_ident(design), 'NULL')),
            HINT = 'Expected priority, random, verdict_balanced or stratified.';
    ELSIF num_nulls(since, second) > 0 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'since or second is NULL', HINT = 'Leave them out.';
    ELSIF design <> 'priority' AND validator IS NULL AND NOT second THEN
        RAISE invalid_parameter_value USING MESSAGE = format('design %s draws from the steps of one validator', design),
            HINT = 'Say which: claim_review(rater, n, validator, design).';
    ELSIF validator IS NOT NULL AND NOT EXISTS (SELECT FROM flywheel.reviewed_validators d WHERE d.validator = check_claim.validator) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('validator %I has no rubric', validator),
            HINT = format('Say what passes, for the people who label: SELECT flywheel.set_rubric(%L, ...)', validator);
    END IF;
END
$$;

COMMENT ON FUNCTION flywheel.check_claim(text, int, text, text, timestamptz, boolean) IS
'Internal: refuses what flywheel.claim_review() cannot mean.';

CREATE FUNCTION flywheel.claim_review(
    rater     text,
    n         int DEFAULT 20,
    validator text DEFAULT NULL,
    design    text DEFAULT 'priority',
    since     timestamptz DEFAULT '-infinity',
    second    boolean DEFAULT false
)
    RETURNS SETOF flywheel.open_reviews
    LANGUAGE plpgsql SET jit = off -- compiling takes longer than running
AS $$
#variable_conflict use_column
DECLARE
    steps      bigint[];
    validators text[];
BEGIN
    PERFORM flywheel.check_claim(rater, n, claim_review.validator, design, since, second);
    -- One at a time: nobody chooses what somebody else is about to take.
    PERFORM pg_advisory_xact_lock(hashtextextended('flywheel.claim_review', 0));
    DELETE FROM flywheel.review_claims WHERE until < now();

    IF second THEN
        WITH taken AS (
            INSERT INTO flywheel.review_claims (step_id, validator, second, rater, pipeline, sampling_design, inclusion_probability, why)
            SELECT l.step_id, l.validator, true, claim_review.rater, min(l.pipeline), min(l.sampling_design), min(l.inclusion_probability),
                   'for agreement: somebody else has labelled it'
            FROM flywheel.labels l
            JOIN flywheel.reviewed_validators d ON d.validator = l.validator AND d.rubric_version = l.rubric_version
            WHERE (claim_review.validator IS NULL OR l.validator = claim_review.validator) AND l.step_changed_at IS NULL
              AND NOT EXISTS (SELECT FROM flywheel.review_claims c WHERE c.step_id = l.step_id AND c.validator = l.validator AND c.second)
            GROUP BY l.step_id, l.validator
            HAVING count(*) = 1 AND min(l.rater) <> claim_review.rater
            ORDER BY random() LIMIT n
            ON CONFLICT DO NOTHING -- under REPEATABLE READ, where it was taken out of sight: a serialization failure
            RETURNING step_id, validator
        ) SELECT array_agg(step_id), array_agg(validator) INTO steps, validators FROM taken;
    ELSIF design = 'priority' THEN
        WITH taken AS (
            INSERT INTO flywheel.review_claims (step_id, validator, second, rater, pipeline, sampling_design, why)
            -- Not q.why: no reason to be shown is as good as "it fails".
            SELECT q.step_id, q.validator, false, claim_review.rater, q.pipeline, 'priority', 'first in the queue'
            FROM flywheel.review_queue q
            WHERE claim_review.validator IS NULL OR q.validator = claim_review.validator
            ORDER BY q.priority DESC, q.step_id DESC LIMIT n
            ON CONFLICT DO NOTHING
            RETURNING step_id, validator
        ) SELECT array_agg(step_id), array_agg(validator) INTO steps, validators FROM taken;
    ELSE
        WITH chosen AS MATERIALIZED (
            SELECT * FROM flywheel.choose_steps(claim_review.validator, n, design, since)
        ), adopted AS ( -- a chosen step that somebody labelled anyway: that label is the one that was wanted
            UPDATE flywheel.labels l SET sampling_design = claim_review.design, inclusion_probability = c.inclusion_probability
            FROM chosen c
            WHERE c.labelled AND l.step_id = c.step_id AND l.validator = claim_review.validator
              AND l.rubric_version = flywheel.current_rubric(claim_review.validator) AND l.step_changed_at IS NULL
        ), taken AS (
            INSERT INTO flywheel.review_claims (step_id, validator, second, rater, pipeline, sampling_design, inclusion_probability, why)
            SELECT c.step_id, claim_review.validator, false, claim_review.rater, t.pipeline, design, c.inclusion_probability, 'chosen by chance'
            FROM chosen c JOIN flywheel.traces t ON t.id = c.step_id
            WHERE NOT c.labelled
            ORDER BY random()
            ON CONFLICT DO NOTHING
            RETURNING step_id, validator
        ) SELECT array_agg(step_id), array_agg(validator) INTO steps, validators FROM taken;
    END IF;

    RETURN QUERY
    SELECT r.*
    FROM unnest(steps, validators) WITH ORDINALITY AS t (step_id, validator, place)
    JOIN flywheel.open_reviews r ON r.step_id = t.step_id AND r.validator = t.validator AND r.second = claim_review.second
    ORDER BY t.place;
END
$$;

COMMENT ON FUNCTION flywheel.claim_review(text, int, text, text, timestamptz, boolean) IS
'Gives a rater up to n steps to label, and nobody else the same ones for half an hour. What is said about them goes INTO flywheel.labels (step_id, validator, passed, critique, rater), which knows the design and the probability from here; after the half hour it must say them itself (sampling_design, inclusion_probability). Designs: priority, the first of flywheel.review_queue, which shows what goes wrong and not how often; for rates, of one validator''s steps since a time: random, each alike; verdict_balanced, half of them with either verdict; stratified, see flywheel.plan_labels(): take many at once, as each claim is planned anew and steps are only weighed together that had the same probability. A step that chance picks and that has a label already is not asked again: its label counts to the design from now on, so that fewer than n come. second: steps that one other rater has labelled.';
