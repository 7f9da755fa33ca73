-- What a judge is worth, from its confusion matrix against people: positive = the output passes.

CREATE FUNCTION flywheel.mcc(tp double precision, fp double precision, tn double precision, fn double precision,
                             OUT mcc double precision, OUT se double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.phi,
           sqrt(greatest(0, 1 - phi ^ 2 + phi * (1 + phi ^ 2 / 2) * (2 * p1 - 1) * (2 * q1 - 1) / root
                            - 0.75 * phi ^ 2 * ((2 * p1 - 1) ^ 2 / nullif(p1 * (1 - p1), 0) + (2 * q1 - 1) ^ 2 / nullif(q1 * (1 - q1), 0))) / n)
    FROM (SELECT a.*, (tp * tn - fp * fn) / n ^ 2 / root AS phi
          FROM (SELECT t.n, (tp + fp) / t.n AS p1, (tp + fn) / t.n AS q1,
                       nullif(sqrt((tp + fp) / t.n * (tn + fn) / t.n * (tp + fn) / t.n * (tn + fp) / t.n), 0) AS root
                FROM (SELECT nullif(tp + fp + tn + fn, 0) AS n) t) a) b
    WHERE b.phi IS NOT NULL;
END;

COMMENT ON FUNCTION flywheel.mcc(double precision, double precision, double precision, double precision) IS
'Matthews'' correlation coefficient (phi) of two yes-no judgements, and its standard error by the delta method (Bishop, Fienberg and Holland 1975, p. 381). NULL where one of the two never varies.';

CREATE FUNCTION flywheel.kappa(tp double precision, fp double precision, tn double precision, fn double precision,
                               OUT kappa double precision, OUT se double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.k,
           sqrt(greatest(0, (tp * (1 - (p1 + q1) * (1 - k)) ^ 2 + tn * (1 - (2 - p1 - q1) * (1 - k)) ^ 2
                             + (1 - k) ^ 2 * (fp * (q1 + 1 - p1) ^ 2 + fn * (p1 + 1 - q1) ^ 2)) / n
                            - (k - chance * (1 - k)) ^ 2) / n) / nullif(1 - chance, 0)
    FROM (SELECT c.*, ((tp + tn) / c.n - c.chance) / nullif(1 - c.chance, 0) AS k
          FROM (SELECT a.*, a.p1 * a.q1 + (1 - a.p1) * (1 - a.q1) AS chance
                FROM (SELECT t.n, (tp + fp) / t.n AS p1, (tp + fn) / t.n AS q1
                      FROM (SELECT nullif(tp + fp + tn + fn, 0) AS n) t) a) c) b
    WHERE b.k IS NOT NULL;
END;

COMMENT ON FUNCTION flywheel.kappa(double precision, double precision, double precision, double precision) IS
'Cohen''s kappa of two yes-no judgements, and its standard error (Fleiss, Cohen and Everitt 1969). NULL where both say the same of every step. More categories: flywheel.cohen_kappa.';

CREATE FUNCTION flywheel.confusion_metrics(
    tp double precision, fp double precision, tn double precision, fn double precision, confidence double precision DEFAULT 0.95,
    OUT accuracy double precision, OUT accuracy_lo double precision, OUT accuracy_hi double precision,
    OUT tpr double precision, OUT tpr_lo double precision, OUT tpr_hi double precision,
    OUT tnr double precision, OUT tnr_lo double precision, OUT tnr_hi double precision,
    OUT "precision" double precision, OUT precision_lo double precision, OUT precision_hi double precision,
    OUT recall double precision, OUT recall_lo double precision, OUT recall_hi double precision,
    OUT f1 double precision, OUT f1_lo double precision, OUT f1_hi double precision,
    OUT balanced_accuracy double precision, OUT balanced_accuracy_lo double precision, OUT balanced_accuracy_hi double precision,
    OUT youden_j double precision, OUT youden_j_lo double precision, OUT youden_j_hi double precision,
    OUT mcc double precision, OUT mcc_lo double precision, OUT mcc_hi double precision,
    OUT kappa double precision, OUT kappa_lo double precision, OUT kappa_hi double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (tp + tn) / nullif(n, 0), flywheel.wilson_lo(tp + tn, n, z), flywheel.wilson_hi(tp + tn, n, z),
           tpr, tpr_lo, tpr_hi,
           tn / nullif(neg, 0), flywheel.wilson_lo(tn, neg, z), flywheel.wilson_hi(tn, neg, z),
           tp / nullif(tp + fp, 0), flywheel.wilson_lo(tp, tp + fp, z), flywheel.wilson_hi(tp, tp + fp, z),
           tpr, tpr_lo, tpr_hi,
           -- F1 grows with Jaccard's tp / (tp + fp + fn), which is a share.
           2 * tp / nullif(2 * tp + fp + fn, 0), 2 * jaccard_lo / (1 + jaccard_lo), 2 * jaccard_hi / (1 + jaccard_hi),
           (j.difference + 1) / 2, (j.lo + 1) / 2, (j.hi + 1) / 2,
           j.difference, j.lo, j.hi,
           m.mcc, CASE WHEN m.mcc IS NOT NULL THEN greatest(-1, least(m.mcc, a.mcc - z * a.se)) END,
           CASE WHEN m.mcc IS NOT NULL THEN least(1, greatest(m.mcc, a.mcc + z * a.se)) END,
           k.kappa, CASE WHEN k.kappa IS NOT NULL THEN greatest(-1, least(k.kappa, b.kappa - z * b.se)) END,
           CASE WHEN k.kappa IS NOT NULL THEN least(1, greatest(k.kappa, b.kappa + z * b.se)) END
    FROM (
        SELECT tp + fp + tn + fn AS n, tp + fn AS pos, tn + fp AS neg, z,
               tp / nullif(tp + fn, 0) AS tpr, flywheel.wilson_lo(tp, tp + fn, z) AS tpr_lo,
               flywheel.wilson_hi(tp, tp + fn, z) AS tpr_hi,
               flywheel.wilson_lo(tp, tp + fp + fn, z) AS jaccard_lo, flywheel.wilson_hi(tp, tp + fp + fn, z) AS jaccard_hi
        FROM flywheel.z_value(confidence) AS z
    ) s
    CROSS JOIN LATERAL flywheel.newcombe(tp, pos, fp, neg, confidence) j
    CROSS JOIN LATERAL flywheel.mcc(tp, fp, tn, fn) m
    CROSS JOIN LATERAL flywheel.kappa(tp, fp, tn, fn) k
    -- With one more step in every cell, as Agresti and Coull do for one share: the plain delta interval covers as little
    -- as 36 % where a good judge has few labels, and is a point where it has made no error yet; this one 95 %.
    CROSS JOIN LATERAL flywheel.mcc(tp + 1, fp + 1, tn + 1, fn + 1) a
    CROSS JOIN LATERAL flywheel.kappa(tp + 1, fp + 1, tn + 1, fn + 1) b
    WHERE n > 0;
END;

COMMENT ON FUNCTION flywheel.confusion_metrics(double precision, double precision, double precision, double precision, double precision) IS
'How well a judge agrees with people, from its true and false positives and negatives (positive: passes), each metric with an interval: Wilson''s for the shares; for F1 the same through Jaccard''s index; Newcombe''s hybrid score (MOVER) for Youden''s J and balanced accuracy; for MCC and kappa the delta method with one more step in each cell. NULL where a metric is not defined, such as TPR without a step that passes.';
