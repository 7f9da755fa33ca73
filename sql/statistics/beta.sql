-- The beta distribution, and with it the binomial one. Postgres has a gamma function from version 18 on only.

CREATE FUNCTION flywheel.stirling_error(x double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    y double precision := x;
    i double precision;
    raised double precision := 0;
BEGIN
    WHILE y < 15 LOOP -- by ln gamma(y + 1) = ln gamma(y) + ln y
        raised := raised + 1 + (y + 0.5) * ln(y / (y + 1));
        y := y + 1;
    END LOOP;
    i := 1 / (y * y);
    RETURN (1 / 12.0 - i * (1 / 360.0 - i * (1 / 1260.0 - i * (1 / 1680.0 - i * (1 / 1188.0 - i * 691 / 360360.0))))) / y - raised;
END
$$;

COMMENT ON FUNCTION flywheel.stirling_error(double precision) IS
'Internal: by how much Stirling''s formula is below ln gamma(x), x > 0 (Abramowitz and Stegun 6.1.41). Small and smooth: sums of these lose no digits, where sums of ln gamma do.';

CREATE FUNCTION flywheel.log_gamma(x double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN x > 0 THEN (x - 0.5) * ln(x) - x + 0.918938533204672742 + flywheel.stirling_error(x) END;

COMMENT ON FUNCTION flywheel.log_gamma(double precision) IS
'Natural logarithm of the gamma function, x > 0: of (x - 1)! for a whole number.';

CREATE FUNCTION flywheel.log_beta(a double precision, b double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN a > 0 AND b > 0 THEN
        (a - 0.5) * ln(a / (a + b)) + b * ln(b / (a + b)) - 0.5 * ln(b) + 0.918938533204672742
        + flywheel.stirling_error(a) + flywheel.stirling_error(b) - flywheel.stirling_error(a + b)
    END;

COMMENT ON FUNCTION flywheel.log_beta(double precision, double precision) IS
'Natural logarithm of the beta function, a and b > 0.';

CREATE FUNCTION flywheel.beta_cdf(x double precision, a double precision, b double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    tiny CONSTANT double precision := 1e-300;
    c double precision := 1;
    d double precision;
    t double precision;
    fraction double precision;
BEGIN
    IF NOT (a > 0 AND b > 0 AND a + b < 'infinity' AND x <= 'infinity') THEN
        RETURN NULL;
    ELSIF x <= 0 OR x >= 1 THEN
        RETURN CASE WHEN x <= 0 THEN 0 ELSE 1 END;
    ELSIF x > (a + 1) / (a + b + 2) THEN -- where the fraction converges slowly, the other tail does quickly
        RETURN 1 - flywheel.beta_cdf(1 - x, b, a);
    END IF;
    d := 1 - (a + b) * x / (a + 1);
    d := 1 / CASE WHEN abs(d) < tiny THEN tiny ELSE d END;
    fraction := d;
    FOR m IN 1 .. 100000 LOOP -- about the square root of the larger parameter
        t := m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d := 1 + t * d;
        d := 1 / CASE WHEN abs(d) < tiny THEN tiny ELSE d END;
        c := 1 + t / c;
        c := CASE WHEN abs(c) < tiny THEN tiny ELSE c END;
        fraction := fraction * d * c;
        t := -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d := 1 + t * d;
        d := 1 / CASE WHEN abs(d) < tiny THEN tiny ELSE d END;
        c := 1 + t / c;
        c := CASE WHEN abs(c) < tiny THEN tiny ELSE c END;
        fraction := fraction * d * c;
        EXIT WHEN abs(d * c - 1) < 1e-16;
    END LOOP;
    t := a * ln(x) + b * ln(1 - x) - flywheel.log_beta(a, b) - ln(a);
    RETURN CASE WHEN t < -700 THEN 0 ELSE exp(t) * fraction END; -- exp() of less is an error
END
$$;

COMMENT ON FUNCTION flywheel.beta_cdf(double precision, double precision, double precision) IS
'Probability that a beta(a, b) variable is at most x: the regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun 26.5.8, evaluated as by Lentz). NULL unless a and b are positive and finite.';

CREATE FUNCTION flywheel.beta_quantile(p double precision, a double precision, b double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    lo double precision := 0;
    hi double precision := 1;
    x  double precision := a / (a + b);
    above double precision;
    slope double precision;
BEGIN
    IF NOT p BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'a probability is between 0 and 1, not %', p
            USING ERRCODE = 'numeric_value_out_of_range', HINT = 'A confidence is a share, such as 0.95 for 95 %.';
    ELSIF NOT (a > 0 AND b > 0 AND a + b < 'infinity') THEN
        RETURN NULL;
    ELSIF p IN (0, 1) THEN
        RETURN p;
    END IF;
    FOR i IN 1 .. 200 LOOP -- Newton, and bisection where that would leave the bracket
        above := flywheel.beta_cdf(x, a, b) - p;
        IF above < 0 THEN
            lo := x;
        ELSE
            hi := x;
        END IF;
        EXIT WHEN above = 0 OR hi - lo <= 2e-16 * hi;
        slope := (a - 1) * ln(x) + (b - 1) * ln(1 - x) - flywheel.log_beta(a, b);
        x := x - CASE WHEN slope BETWEEN -200 AND 200 THEN above / exp(slope) ELSE 2 END;
        EXIT WHEN x IN (lo, hi); -- a step of nothing
        IF NOT (x > lo AND x < hi) THEN
            x := (lo + hi) / 2;
        END IF;
    END LOOP;
    RETURN x;
END
$$;

COMMENT ON FUNCTION flywheel.beta_quantile(double precision, double precision, double precision) IS
'The x below which a beta(a, b) variable lies with probability p. NULL unless a and b are positive and finite.';

CREATE FUNCTION flywheel.binomial_cdf(k double precision, n double precision, p double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN n >= 0 AND p BETWEEN 0 AND 1 THEN
        CASE WHEN k < 0 THEN 0 WHEN k >= n THEN 1 ELSE flywheel.beta_cdf(1 - p, n - floor(k), floor(k) + 1) END
    END;

COMMENT ON FUNCTION flywheel.binomial_cdf(double precision, double precision, double precision) IS
'Probability of at most k successes in n trials of probability p each. NULL for n below 0 and p outside 0..1.';
