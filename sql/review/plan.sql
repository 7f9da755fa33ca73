-- How many labels of what, before anybody gives one.

CREATE FUNCTION flywheel.plan_labels(validator text, budget int, since timestamptz DEFAULT '-infinity')
    RETURNS TABLE (
        passed                boolean,
        code_validator        text,
        code_passed           boolean,
        node                  text,
        steps                 bigint,
        labelled              bigint,
        pass_rate             double precision,
        sd                    double precision,
        labels                int,
        inclusion_probability double precision
    )
    LANGUAGE plpgsql SET jit = off -- compiling takes longer than running
AS $$
BEGIN
    PERFORM flywheel.known_validator(plan_labels.validator);
    IF coalesce(budget, 0) < 1 OR since IS NULL THEN
        RAISE EXCEPTION 'budget is %, since is %', coalesce(budget::text, 'NULL'), coalesce(since::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Expected how many labels can be given, from 1, and a time; leave since out for all steps.';
    END IF;
    RETURN QUERY
    SELECT s.passed, s.code_validator, s.code_passed, s.node, round(s.steps)::bigint, s.labelled, s.pass_rate,
           sqrt(s.pass_rate * (1 - s.pass_rate)),
           (round(s.up_to) - lag(round(s.up_to), 1, 0) OVER (ORDER BY s.stratum))::int, -- adds up to the budget
           s.expected / s.steps
    FROM (SELECT DISTINCT ON (f.stratum) f.*, f.expected_up_to AS up_to
          FROM flywheel.sampling_frame(plan_labels.validator, budget, 'stratified', since) f) s
    ORDER BY s.stratum;
END
$$;

COMMENT ON FUNCTION flywheel.plan_labels(text, int, timestamptz) IS
'Where labels tell most about the true pass rate: strata by the validator''s verdict, that of the code validator which goes most with it, and node (those with 5 % of the steps), with the labels that each is to get: in proportion to its size and the standard deviation expected there (Neyman 1934, JRSS 97:558), never under a fifth of another''s share. The deviation is that of the labels so far, leaning by the weight of two labels on the strata with the same verdicts, and they on how far the two validators agree. It looks at 10,000 steps at random, others with each call. To follow it: flywheel.claim_review(design => ''stratified''), which plans anew for each claim.';
