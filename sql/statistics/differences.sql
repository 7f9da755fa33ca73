-- Is one share larger than another: independent ones (two releases, two weeks), and paired ones (two judges, the same steps).

CREATE FUNCTION flywheel.newcombe(k1 double precision, n1 double precision, k2 double precision, n2 double precision,
                                  confidence double precision DEFAULT 0.95,
                                  OUT difference double precision, OUT lo double precision, OUT hi double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p1 - p2,
           p1 - p2 - sqrt((p1 - flywheel.wilson_lo(k1, n1, z)) ^ 2 + (flywheel.wilson_hi(k2, n2, z) - p2) ^ 2),
           p1 - p2 + sqrt((flywheel.wilson_hi(k1, n1, z) - p1) ^ 2 + (p2 - flywheel.wilson_lo(k2, n2, z)) ^ 2)
    FROM (SELECT k1 / nullif(n1, 0) AS p1, k2 / nullif(n2, 0) AS p2, flywheel.z_value(confidence) AS z) s;
END;

COMMENT ON FUNCTION flywheel.newcombe(double precision, double precision, double precision, double precision, double precision) IS
'Difference of the independent shares k1 of n1 and k2 of n2, with Newcombe''s hybrid score interval (Newcombe 1998, Statistics in Medicine 17:873, method 10). NULL where one of them has no steps.';

CREATE FUNCTION flywheel.newcombe_paired(common double precision, only1 double precision, only2 double precision, neither double precision,
                                         confidence double precision DEFAULT 0.95,
                                         OUT difference double precision, OUT lo double precision, OUT hi double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p1 - p2,
           p1 - p2 - sqrt(greatest(0, dl1 ^ 2 - 2 * phi * dl1 * du2 + du2 ^ 2)),
           p1 - p2 + sqrt(greatest(0, du1 ^ 2 - 2 * phi * du1 * dl2 + dl2 ^ 2))
    FROM (
        SELECT p1, p2, p1 - flywheel.wilson_lo(common + only1, n, z) AS dl1, flywheel.wilson_hi(common + only1, n, z) - p1 AS du1,
               p2 - flywheel.wilson_lo(common + only2, n, z) AS dl2, flywheel.wilson_hi(common + only2, n, z) - p2 AS du2,
               coalesce(CASE WHEN cross_ > 0 THEN greatest(cross_ - n / 2, 0) ELSE cross_ END
                        / nullif(sqrt((common + only1) * (only2 + neither) * (common + only2) * (only1 + neither)), 0), 0) AS phi
        FROM (SELECT n, (common + only1) / n AS p1, (common + only2) / n AS p2, common * neither - only1 * only2 AS cross_,
                     flywheel.z_value(confidence) AS z
              FROM (SELECT nullif(common + only1 + only2 + neither, 0) AS n) a) b
    ) c;
END;

COMMENT ON FUNCTION flywheel.newcombe_paired(double precision, double precision, double precision, double precision, double precision) IS
'Difference of two shares of the same steps, by how many are in both (common), only the first, only the second, neither; with Newcombe''s interval for paired data (Newcombe 1998, Statistics in Medicine 17:2635, method 10). NULL without steps.';

CREATE FUNCTION flywheel.two_proportion_z(k1 double precision, n1 double precision, k2 double precision, n2 double precision,
                                          OUT z double precision, OUT p double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.z, 2 * flywheel.normal_cdf(-abs(s.z))
    FROM (SELECT (k1 / a.n1 - k2 / a.n2) / nullif(sqrt(greatest(0, a.pooled * (1 - a.pooled) * (1 / a.n1 + 1 / a.n2))), 0) AS z
          FROM (SELECT nullif(n1, 0) AS n1, nullif(n2, 0) AS n2, (k1 + k2) / nullif(n1 + n2, 0) AS pooled) a) s
    WHERE n1 > 0 AND n2 > 0 AND k1 BETWEEN 0 AND n1 AND k2 BETWEEN 0 AND n2;
END;

COMMENT ON FUNCTION flywheel.two_proportion_z(double precision, double precision, double precision, double precision) IS
'Pooled z-test of equal shares, k1 of n1 and k2 of n2, two-sided p. NULL where one has no steps or nothing varies. Large samples; flywheel.newcombe says how large the difference is.';

CREATE FUNCTION flywheel.mcnemar_exact(only1 double precision, only2 double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(1, 2 * flywheel.binomial_cdf(least(only1, only2), only1 + only2, 0.5));

COMMENT ON FUNCTION flywheel.mcnemar_exact(double precision, double precision) IS
'Exact two-sided p that two versions differ on the same steps: only1 are right with the first alone, only2 with the second alone (McNemar 1947). 1 where they never differ.';

CREATE FUNCTION flywheel.mcnemar_chi2(only1 double precision, only2 double precision,
                                      OUT chi2 double precision, OUT p double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.x, 2 * flywheel.normal_cdf(-sqrt(s.x))
    FROM (SELECT (abs(only1 - only2) - 1) ^ 2 / nullif(only1 + only2, 0) AS x) s;
END;

COMMENT ON FUNCTION flywheel.mcnemar_chi2(double precision, double precision) IS
'McNemar''s chi-squared with continuity correction (Edwards 1948), one degree of freedom. NULL where the two never differ. For fewer than 25 differences use flywheel.mcnemar_exact.';
