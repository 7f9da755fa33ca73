-- The pass rate that people would have found, from many verdicts of a judge and few labels of people.
--
-- Which formula is right depends on how the steps to label were chosen: flywheel.corrected_metrics chooses by that.

CREATE FUNCTION flywheel.post_stratified(passed double precision[], labelled double precision[], size double precision[],
                                         confidence double precision DEFAULT 0.95,
                                         OUT rate double precision, OUT lo double precision, OUT hi double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT sum(w * p),
           greatest(0, sum(w * p) - sqrt(sum((w * (p - flywheel.wilson_lo(k, n, z))) ^ 2))),
           least(1, sum(w * p) + sqrt(sum((w * (flywheel.wilson_hi(k, n, z) - p)) ^ 2)))
    FROM (SELECT s.k, s.n, s.k / nullif(s.n, 0) AS p, s.size / sum(s.size) OVER () AS w
          FROM ROWS FROM (unnest(passed), unnest(labelled), unnest(size)) AS s (k, n, size)
          WHERE s.size > 0) h
    CROSS JOIN flywheel.z_value(confidence) AS z
    HAVING count(p) = count(*) AND count(*) > 0;
END;

COMMENT ON FUNCTION flywheel.post_stratified(double precision[], double precision[], double precision[], double precision) IS
'Post-stratified share (Holt and Smith 1979): in stratum i passed[i] of labelled[i] steps pass, and size[i] steps are in it. The interval combines Wilson''s of the strata (MOVER: Zou and Donner 2008). For labels drawn at random, or at random within each stratum. Strata of size 0 do not count; NULL where another one has no labels.';

CREATE FUNCTION flywheel.rogan_gladen(judged_passed double precision, judged double precision,
                                      tp double precision, positives double precision,
                                      tn double precision, negatives double precision, confidence double precision DEFAULT 0.95,
                                      OUT rate double precision, OUT lo double precision, OUT hi double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT least(1, greatest(0, e.rate)),
           CASE WHEN j > 0 THEN least(1, greatest(0, least(e.rate, theta + shift - z * se))) ELSE 0 END,
           CASE WHEN j > 0 THEN least(1, greatest(0, e.rate, theta + shift + z * se)) ELSE 1 END
    FROM (
        SELECT d.*, 2 * z ^ 2 * (theta * v1 - (1 - theta) * v0) AS shift,
               sqrt(p * (1 - p) / (judged + z ^ 2) + (1 - theta) ^ 2 * v0 + theta ^ 2 * v1) / nullif(j, 0) AS se
        FROM (
            SELECT c.*, (c.p + c.q0 - 1) / nullif(c.j, 0) AS theta,
                   c.q0 * (1 - c.q0) / (negatives + 2) AS v0, c.q1 * (1 - c.q1) / (positives + 2) AS v1
            FROM (SELECT b.*, b.q0 + b.q1 - 1 AS j, (judged_passed / nullif(judged, 0) + b.tnr - 1) / nullif(b.youden_j, 0) AS rate
                  FROM (SELECT a.*, a.tpr + a.tnr - 1 AS youden_j, (judged_passed + a.z ^ 2 / 2) / (judged + a.z ^ 2) AS p,
                               (tn + 1) / (negatives + 2) AS q0, (tp + 1) / (positives + 2) AS q1
                        FROM (SELECT flywheel.z_value(confidence) AS z, tp / nullif(positives, 0) AS tpr, tn / nullif(negatives, 0) AS tnr) a) b
                  WHERE b.youden_j > 0 AND judged > 0) c) d) e;
END;

COMMENT ON FUNCTION flywheel.rogan_gladen(double precision, double precision, double precision, double precision, double precision, double precision, double precision) IS
'The share that passes, from a judge''s pass rate and its errors: (rate + TNR - 1) / (TPR + TNR - 1) (Rogan and Gladen 1978), with Lee''s closed-form interval (Lee et al. 2025, arXiv:2511.21140). tp of positives: labelled as passing, and passed by the judge; tn of negatives: labelled as failing, and failed by it. For labels drawn by what people say, a fixed number of each. NULL for a judge no better than chance (TPR + TNR <= 1).';

CREATE FUNCTION flywheel.ppi(tp double precision, fp double precision, tn double precision, fn double precision,
                             unlabelled_passed double precision, unlabelled double precision,
                             INOUT lambda double precision DEFAULT NULL, confidence double precision DEFAULT 0.95,
                             OUT rate double precision, OUT lo double precision, OUT hi double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l, least(1, greatest(0, e)), least(1, greatest(0, e - z * se)), least(1, greatest(0, e + z * se))
    FROM (
        SELECT c.*, c.l * u + y - c.l * f AS e,
               sqrt(c.l ^ 2 * u * (1 - u) / nullif(unlabelled, 0) + greatest(0, y * (1 - y) + c.l ^ 2 * f * (1 - f) - 2 * c.l * cov) / n) AS se
        FROM (
            SELECT b.*, coalesce(lambda, least(1, greatest(0, cov / ((1 + n / nullif(unlabelled, 0)) * var))), 0) AS l
            FROM (SELECT a.*, tp / n - y * f AS cov,
                         nullif(g * (1 - g) * (n + unlabelled) / nullif(n + unlabelled - 1, 0), 0) AS var
                  FROM (SELECT t.n, (tp + fn) / t.n AS y, (tp + fp) / t.n AS f, unlabelled_passed / nullif(unlabelled, 0) AS u,
                               (tp + fp + unlabelled_passed) / (t.n + unlabelled) AS g, flywheel.z_value(confidence) AS z
                        FROM (SELECT nullif(tp + fp + tn + fn, 0) AS n) t) a) b) c) d
    WHERE e IS NOT NULL;
END;

COMMENT ON FUNCTION flywheel.ppi(double precision, double precision, double precision, double precision, double precision, double precision, double precision, double precision) IS
'Prediction-powered pass rate: the labels, and the judge''s verdicts on the other steps as far as they help. lambda NULL: power-tuned (PPI++, Angelopoulos, Duchi and Zrnic 2023); 1: plain PPI (Angelopoulos et al. 2023); 0: labels alone. For labels drawn at random. A normal approximation: from some 50 labels on, of each kind. NULL without labels or without other steps.';

CREATE FUNCTION flywheel.calibration_allocation(labels int, pass_rate double precision, tnr double precision, tpr double precision,
                                                pilot int DEFAULT 10, OUT negatives int, OUT positives int)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT round(labels * s.ratio / (1 + s.ratio))::int, labels - round(labels * s.ratio / (1 + s.ratio))::int
    FROM (SELECT (1 / nullif(pass_rate, 0) - 1) * sqrt(greatest(0, p.fpr) / nullif(greatest(0, p.fnr), 0)) AS ratio
          FROM (SELECT 1 - (pilot * tnr + 1) / nullif(pilot + 2, 0) AS fpr, 1 - (pilot * tpr + 1) / nullif(pilot + 2, 0) AS fnr) p) s
    WHERE labels >= 0 AND pilot >= 0 AND pass_rate > 0 AND pass_rate < 1 AND tnr BETWEEN 0 AND 1 AND tpr BETWEEN 0 AND 1;
END;

COMMENT ON FUNCTION flywheel.calibration_allocation(int, double precision, double precision, double precision, int) IS
'How many of so many labels to spend on steps that people fail and on steps that they pass, for the shortest interval of flywheel.rogan_gladen (Lee et al. 2025), from the judge''s pass rate and its TNR and TPR in a pilot of so many labels each.';
