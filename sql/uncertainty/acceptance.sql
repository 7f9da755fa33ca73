-- Which verdicts need no human look, at a stated bound of the error among them.

CREATE VIEW flywheel.verdict_confidence WITH (security_invoker) AS
SELECT d.name AS validator, v.version_id, v.step_id, v.passed,
       coalesce(1 - abs(v.passed::int - x.score), (v.details ->> 'margin')::double precision, abs(2 * v.score - 1)) AS confidence
FROM flywheel.validators d
JOIN flywheel.verdicts v ON v.version_id = d.version_id
LEFT JOIN flywheel.shadows s ON s.judge = d.name
LEFT JOIN flywheel.verdicts x ON x.step_id = v.step_id AND x.version_id = s.shadow_version
WHERE v.passed IS NOT NULL;

COMMENT ON VIEW flywheel.verdict_confidence IS
'How sure the verdicts of each validator''s current version are, from 0 to 1. Only the order means something. Ask for one validator, and for steps or the newest.';
COMMENT ON COLUMN flywheel.verdict_confidence.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.verdict_confidence.version_id IS 'Its current version.';
COMMENT ON COLUMN flywheel.verdict_confidence.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.verdict_confidence.passed IS 'What it said.';
COMMENT ON COLUMN flywheel.verdict_confidence.confidence IS
'How far the shadow judge agrees; without one, the margin of the votes; without votes, how far the score is from 0.5. NULL: none of these is known.';

CREATE FUNCTION flywheel.newest_confidences(validator text)
    RETURNS TABLE (step_id bigint, passed boolean, confidence double precision)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT v.step_id, v.passed, v.confidence FROM flywheel.verdict_confidence v
    WHERE v.validator = newest_confidences.validator AND v.confidence IS NOT NULL
    ORDER BY v.step_id DESC LIMIT 10000;
END;

COMMENT ON FUNCTION flywheel.newest_confidences(text) IS
'Internal: flywheel.verdict_confidence of the newest 10,000 verdicts of a validator.';

CREATE FUNCTION flywheel.acceptance(
    validator text, max_error double precision DEFAULT 0.05, confidence double precision DEFAULT 0.95,
    OUT threshold double precision, OUT accepted double precision, OUT labels bigint, OUT errors bigint,
    OUT error_bound double precision, OUT reason text
)
    LANGUAGE plpgsql
AS $$
DECLARE
    d           flywheel.validators := flywheel.known_validator(validator);
    needed      int;
    confidences double precision[];
    wrong       boolean[];
    thresholds  double precision[];
BEGIN
    IF (max_error > 0 AND max_error < 1 AND confidence > 0.5 AND confidence < 1) IS NOT TRUE THEN
        RAISE EXCEPTION 'bad bound: max_error %, confidence %', coalesce(max_error::text, 'NULL'), coalesce(confidence::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected a max_error over 0 and under 1, and a confidence over 0.5 and under 1.';
    END IF;
    PERFORM flywheel.note_test_read(d.name, 'acceptance');
    SELECT array_agg(v.confidence), array_agg(v.passed <> c.passed) INTO confidences, wrong
    FROM flywheel.consensus c
    JOIN flywheel.verdict_confidence v ON v.step_id = c.step_id AND v.validator = c.validator
    WHERE c.validator = d.name AND c.is_current AND c.split = 'test' AND c.sampling_design = 'random'
      AND c.passed IS NOT NULL AND v.confidence IS NOT NULL;

    -- From the share of verdicts that should have half as many labels again as a bound without errors takes, in steps of
    -- 5 %. Neither that nor where the verdicts' quantiles lie depends on what the labels say.
    needed := ceil(ln(1 - confidence) / ln(1 - max_error));
    labels := coalesce(cardinality(wrong), 0);
    IF labels < needed THEN
        reason := format('%s labels of the test split, sampled at random and with a confident verdict: at least %s are needed', labels, needed);
        RETURN;
    END IF;
    SELECT percentile_disc(ARRAY(SELECT least(1, greatest(0, 1 - share)) FROM generate_series(least(1, 1.5 * needed / labels), 1.04, 0.05) AS share))
           WITHIN GROUP (ORDER BY n.confidence) INTO thresholds
    FROM flywheel.newest_confidences(d.name) n;
    SELECT f.* INTO threshold, labels, errors, error_bound
    FROM flywheel.fixed_sequence(confidences, wrong, thresholds, max_error, confidence) f;
    IF threshold IS NULL THEN
        SELECT count(*), count(*) FILTER (WHERE l.wrong) INTO labels, errors
        FROM unnest(confidences, wrong) AS l (confidence, wrong)
        WHERE l.confidence >= (SELECT max(t) FROM unnest(thresholds) AS t);
        reason := format('of the most confident verdicts %s of %s are wrong: too many, or too few labels to tell', errors, labels);
        RETURN;
    END IF;
    accepted := (SELECT avg((n.confidence >= threshold)::int) FROM flywheel.newest_confidences(d.name) n);
END
$$;

COMMENT ON FUNCTION flywheel.acceptance(text, double precision, double precision) IS
'Which verdicts of a validator need no human look: those with flywheel.verdict_confidence of at least threshold are wrong in at most max_error, with this confidence; see flywheel.fixed_sequence(). accepted: their share of the newest 10,000 verdicts; labels, errors, error_bound: what people said of them. threshold NULL: none can be accepted, and reason says why. Goes by labels of the test split with sampling_design random, which neither judge nor shadow has seen, and takes steps for independent; each call is a row of flywheel.test_reads.';

CREATE FUNCTION flywheel.acceptable_verdicts(
    validator text, max_error double precision DEFAULT 0.05, confidence double precision DEFAULT 0.95
) RETURNS TABLE (step_id bigint, passed boolean, verdict_confidence double precision)
    LANGUAGE sql
BEGIN ATOMIC
    SELECT n.step_id, n.passed, n.confidence
    FROM flywheel.acceptance(validator, max_error, confidence) a, flywheel.newest_confidences(validator) n
    WHERE n.confidence >= a.threshold
    ORDER BY n.step_id DESC;
END;

COMMENT ON FUNCTION flywheel.acceptable_verdicts(text, double precision, double precision) IS
'The verdicts among the newest 10,000 that need no human look, newest first: flywheel.acceptance() says under which bound. None where it finds no threshold.';
