-- Intervals for a share of k in n, beside Wilson's (sql/metrics/intervals.sql). All are NULL unless 0 <= k <= n and n > 0.

CREATE FUNCTION flywheel.clopper_pearson(k double precision, n double precision, confidence double precision DEFAULT 0.95,
                                         OUT lo double precision, OUT hi double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN k = 0 THEN 0 ELSE flywheel.beta_quantile((1 - confidence) / 2, k, n - k + 1) END,
           CASE WHEN k = n THEN 1 ELSE flywheel.beta_quantile((1 + confidence) / 2, k + 1, n - k) END
    WHERE n > 0 AND n < 'infinity' AND k BETWEEN 0 AND n;
END;

COMMENT ON FUNCTION flywheel.clopper_pearson(double precision, double precision, double precision) IS
'Exact interval for k of n (Clopper and Pearson 1934): never covers less than its confidence says, and is wider for it. For bounds that must hold; flywheel.wilson_lo is the better estimate.';

CREATE FUNCTION flywheel.jeffreys(k double precision, n double precision, confidence double precision DEFAULT 0.95,
                                  OUT lo double precision, OUT hi double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT flywheel.beta_quantile((1 - confidence) / 2, k + 0.5, n - k + 0.5),
           flywheel.beta_quantile((1 + confidence) / 2, k + 0.5, n - k + 0.5)
    WHERE n > 0 AND n < 'infinity' AND k BETWEEN 0 AND n;
END;

COMMENT ON FUNCTION flywheel.jeffreys(double precision, double precision, double precision) IS
'Equal-tailed interval for k of n from Jeffreys'' prior, beta(1/2, 1/2) (Brown, Cai and DasGupta 2001). Not extended to 0 for k = 0 or to 1 for k = n, as statsmodels has it.';

CREATE FUNCTION flywheel.agresti_coull(k double precision, n double precision, confidence double precision DEFAULT 0.95,
                                       OUT lo double precision, OUT hi double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT greatest(0, s.p - s.z * s.se), least(1, s.p + s.z * s.se)
    FROM (SELECT a.z, a.p, sqrt(greatest(0, a.p * (1 - a.p) / (n + a.z * a.z))) AS se
          FROM (SELECT z, (k + z * z / 2) / (n + z * z) AS p FROM flywheel.z_value(confidence) AS z) a) s
    WHERE n > 0 AND n < 'infinity' AND k BETWEEN 0 AND n;
END;

COMMENT ON FUNCTION flywheel.agresti_coull(double precision, double precision, double precision) IS
'Interval for k of n after adding z² / 2 successes and as many failures (Agresti and Coull 1998), cut off at 0 and 1.';
