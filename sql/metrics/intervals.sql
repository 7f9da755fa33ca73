-- Intervals for proportions.

CREATE FUNCTION flywheel.wilson_lo(k double precision, n double precision, z double precision DEFAULT 1.959963984540054)
    RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE -- not STRICT: that could not be inlined, and costs 3 µs a call
    RETURN CASE WHEN n > 0 AND k >= 0 THEN
        greatest(0, (k / n + z * z / (2 * n) - z * sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))) / (1 + z * z / n))
    END;

COMMENT ON FUNCTION flywheel.wilson_lo(double precision, double precision, double precision) IS
'Lower end of Wilson''s score interval for k of n (Wilson 1927, JASA 22:209); z is the normal quantile, 1.96 for 95 %. NULL for n = 0.';

CREATE FUNCTION flywheel.wilson_hi(k double precision, n double precision, z double precision DEFAULT 1.959963984540054)
    RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE -- not STRICT: that could not be inlined, and costs 3 µs a call
    RETURN CASE WHEN n > 0 AND k >= 0 THEN
        least(1, (k / n + z * z / (2 * n) + z * sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n))) / (1 + z * z / n))
    END;

COMMENT ON FUNCTION flywheel.wilson_hi(double precision, double precision, double precision) IS
'Upper end of Wilson''s score interval; see flywheel.wilson_lo.';
