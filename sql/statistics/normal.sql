-- The normal distribution. Postgres has an error function from version 16 on only, and an inverse of it in none.

CREATE FUNCTION flywheel.normal_cdf(x double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    a CONSTANT double precision := abs(x);
    tail double precision := 0;
BEGIN
    IF x = 'NaN' THEN
        RETURN NULL;
    ELSIF a < 7.07106781186547 THEN
        tail := exp(-a * a / 2)
            * ((((((3.52624965998911e-2 * a + 0.700383064443688) * a + 6.37396220353165) * a + 33.912866078383) * a
                 + 112.079291497871) * a + 221.213596169931) * a + 220.206867912376)
            / (((((((8.83883476483184e-2 * a + 1.75566716318264) * a + 16.064177579207) * a + 86.7807322029461) * a
                  + 296.564248779674) * a + 637.333633378831) * a + 793.826512519948) * a + 440.413735824752);
    ELSIF a < 38 THEN -- beyond, it is 0 to double precision
        tail := exp(-a * a / 2) / (a + 1 / (a + 2 / (a + 3 / (a + 4 / (a + 0.65))))) / 2.506628274631;
    END IF;
    RETURN CASE WHEN x > 0 THEN 1 - tail ELSE tail END;
END
$$;

COMMENT ON FUNCTION flywheel.normal_cdf(double precision) IS
'Probability that a standard normal variable is at most x (Hart 1968, algorithm 5666, as given by West 2005: about 15 digits). NULL for NaN.';

CREATE FUNCTION flywheel.normal_quantile(p double precision) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    q CONSTANT double precision := p - 0.5;
    r double precision;
    z double precision;
BEGIN
    IF NOT p BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'a probability is between 0 and 1, not %', p
            USING ERRCODE = 'numeric_value_out_of_range', HINT = 'A confidence is a share, such as 0.95 for 95 %.';
    ELSIF p IN (0, 1) THEN
        RETURN CASE p WHEN 0 THEN '-infinity' ELSE 'infinity' END;
    ELSIF abs(q) <= 0.425 THEN
        r := 0.180625 - q * q;
        RETURN q * (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r + 6.7265770927008700853e4) * r
                + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
                + 1.3314166789178437745e2) * r + 3.387132872796366608)
            / (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r
                + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
                + 4.2313330701600911252e1) * r + 1);
    END IF;
    r := sqrt(-ln(least(p, 1 - p)));
    IF r <= 5 THEN
        r := r - 1.6;
        z := (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r
                + 1.27045825245236838258) * r + 3.64784832476320460504) * r + 5.76949722146069140550) * r
                + 4.63033784615654529590) * r + 1.42343711074968357734)
            / (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r
                + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940) * r
                + 2.05319162663775882187) * r + 1);
    ELSE
        r := r - 5;
        z := (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r
                + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580) * r
                + 5.46378491116411436990) * r + 6.65790464350110377720)
            / (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r
                + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
                + 5.99832206555887937690e-1) * r + 1);
    END IF;
    RETURN CASE WHEN q < 0 THEN -z ELSE z END;
END
$$;

COMMENT ON FUNCTION flywheel.normal_quantile(double precision) IS
'The z below which a standard normal variable lies with probability p (Wichura 1988, algorithm AS 241: about 16 digits). -infinity for 0, infinity for 1.';

CREATE FUNCTION flywheel.z_value(confidence double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN confidence = 0.95 THEN 1.959963984540054 ELSE flywheel.normal_quantile((1 + confidence) / 2) END;

COMMENT ON FUNCTION flywheel.z_value(double precision) IS
'How many standard errors a two-sided normal interval of this confidence reaches: 1.96 for 0.95.';
