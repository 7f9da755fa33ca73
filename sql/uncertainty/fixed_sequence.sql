-- How far down one may go in confidence before too much of what is accepted may be wrong.

CREATE FUNCTION flywheel.fixed_sequence(
    confidences double precision[], wrong boolean[], thresholds double precision[], max_error double precision, confidence double precision,
    OUT threshold double precision, OUT labels bigint, OUT errors bigint, OUT error_bound double precision
)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.threshold, f.labels, f.errors, (flywheel.clopper_pearson(f.errors, f.labels, 2 * confidence - 1)).hi
    FROM (SELECT s.threshold, s.labels, s.errors
          FROM (SELECT c.*, bool_and(c.labels > 0 AND flywheel.binomial_cdf(c.errors, c.labels, max_error) <= 1 - confidence)
                            OVER (ORDER BY c.threshold DESC) AS holds
                FROM (SELECT t.threshold, count(*) FILTER (WHERE l.confidence >= t.threshold) AS labels,
                             count(*) FILTER (WHERE l.confidence >= t.threshold AND l.wrong) AS errors
                      FROM (SELECT DISTINCT unnest(thresholds) AS threshold) t
                      CROSS JOIN unnest(confidences, wrong) AS l (confidence, wrong)
                      GROUP BY t.threshold) c) s
          WHERE s.holds ORDER BY s.threshold LIMIT 1) f;
END;

COMMENT ON FUNCTION flywheel.fixed_sequence(double precision[], boolean[], double precision[], double precision, double precision) IS
'The lowest threshold of confidence whose accepted verdicts are wrong in at most max_error, with a chance of at most 1 - confidence to say so in error: thresholds are tried from the highest on, each by the one-sided Clopper-Pearson bound of its labels (confidences[i], wrong[i]), up to the first whose bound is over max_error (fixed-sequence testing: Angelopoulos, Bates, Candès, Jordan, Lei, Learn then Test, 2021). NULL: not even the highest can. Holds for labels sampled at random and thresholds chosen without looking at them.';
