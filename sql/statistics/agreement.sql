-- How far people agree, corrected for chance. The arrays are parallel, one element a rating: give them with array_agg().
-- Ratings that are NULL do not count.

CREATE FUNCTION flywheel.cohen_kappa(first text[], second text[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH pairs AS (
        SELECT u.a, u.b FROM ROWS FROM (unnest(first), unnest(second)) AS u (a, b) WHERE u.a IS NOT NULL AND u.b IS NOT NULL
    ), n AS (
        SELECT nullif(count(*), 0)::float8 AS n, count(*) FILTER (WHERE a = b) AS same FROM pairs
    ), chance AS (
        SELECT coalesce(sum(f.n::float8 * s.n), 0) AS product
        FROM (SELECT a, count(*) AS n FROM pairs GROUP BY a) f
        JOIN (SELECT b, count(*) AS n FROM pairs GROUP BY b) s ON s.b = f.a
    )
    SELECT (n.same / n.n - c.product / n.n ^ 2) / nullif(1 - c.product / n.n ^ 2, 0) FROM n CROSS JOIN chance c;
END;

COMMENT ON FUNCTION flywheel.cohen_kappa(text[], text[]) IS
'Cohen''s kappa (Cohen 1960) of two raters, any number of categories: first[i] and second[i] are about the same step; pairs with a NULL do not count. 1: agree always, 0: as by chance. NULL without pairs, and where both always say one and the same.';

CREATE FUNCTION flywheel.light_kappa(units bigint[], raters text[], ratings text[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH given AS MATERIALIZED (
        SELECT u.unit, u.rater COLLATE "C" AS rater, u.rating FROM ROWS FROM (unnest(units), unnest(raters), unnest(ratings)) AS u (unit, rater, rating)
    )
    SELECT avg(p.kappa)
    FROM (SELECT flywheel.cohen_kappa(array_agg(a.rating), array_agg(b.rating)) AS kappa
          FROM given a JOIN given b ON b.unit = a.unit AND b.rater > a.rater
          GROUP BY a.rater, b.rater) p;
END;

COMMENT ON FUNCTION flywheel.light_kappa(bigint[], text[], text[]) IS
'Light''s kappa, Cohen''s of any number of raters: the mean over their pairs (Light 1971), each over the steps that both rated. units: the step of each rating, raters: who gave it.';

CREATE FUNCTION flywheel.rating_counts(units bigint[], ratings text[]) RETURNS TABLE (unit bigint, rating text, n bigint, m bigint)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT u.unit, u.rating, count(*), sum(count(*)) OVER (PARTITION BY u.unit)::bigint
    FROM ROWS FROM (unnest(units), unnest(ratings)) AS u (unit, rating)
    WHERE u.unit IS NOT NULL AND u.rating IS NOT NULL
    GROUP BY u.unit, u.rating;
END;

COMMENT ON FUNCTION flywheel.rating_counts(bigint[], text[]) IS
'Internal: n of the m ratings of a unit are this one.';

CREATE FUNCTION flywheel.agreement(units bigint[], ratings text[], OUT observed double precision, OUT fleiss_kappa double precision,
                                   OUT gwet_ac1 double precision, OUT krippendorff_alpha double precision)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH counts AS MATERIALIZED (
        SELECT c.rating, c.n::float8 AS n, c.m::float8 AS m FROM flywheel.rating_counts(units, ratings) c
    ), overall AS ( -- a unit's n / m add up to one
        SELECT round(sum(n / m)) AS units, round(sum(n / m) FILTER (WHERE m > 1)) AS pairable, sum(n) FILTER (WHERE m > 1) AS ratings,
               sum(n * (n - 1) / (m * (m - 1))) FILTER (WHERE m > 1) AS same, sum(n * (m - n) / (m - 1)) FILTER (WHERE m > 1) AS apart
        FROM counts
    ), chance AS (
        SELECT sum((r.pairable / o.pairable) ^ 2) AS fleiss, coalesce(sum(r.all_ / o.units * (1 - r.all_ / o.units)) / nullif(count(*) - 1, 0), 0) AS gwet,
               sum(r.n * (o.ratings - r.n)) / nullif(max(o.ratings) - 1, 0) AS apart
        FROM (SELECT rating, sum(n / m) AS all_, sum(n / m) FILTER (WHERE m > 1) AS pairable, sum(n) FILTER (WHERE m > 1) AS n
              FROM counts GROUP BY rating) r
        CROSS JOIN overall o
    )
    SELECT o.same / o.pairable, (o.same / o.pairable - c.fleiss) / nullif(1 - c.fleiss, 0),
           (o.same / o.pairable - c.gwet) / (1 - c.gwet), 1 - o.apart / nullif(c.apart, 0)
    FROM overall o CROSS JOIN chance c;
END;

COMMENT ON FUNCTION flywheel.agreement(bigint[], text[]) IS
'How far any number of raters agree, in one pass: observed is the share of the pairs of ratings of a step that are the same, mean over the steps rated more than once; for the others see the functions of these names. units: the step of each rating. NULL without a step rated twice.';

CREATE FUNCTION flywheel.fleiss_kappa(units bigint[], ratings text[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT a.fleiss_kappa FROM flywheel.agreement(units, ratings) a);

COMMENT ON FUNCTION flywheel.fleiss_kappa(bigint[], text[]) IS
'Fleiss'' kappa (Fleiss 1971): any number of raters, who may differ from step to step. units: the step of each rating. Steps with one rating do not count; with unequal numbers of ratings as Gwet (2014) generalises it. NULL without a step rated twice, and where all ratings are the same.';

CREATE FUNCTION flywheel.gwet_ac1(units bigint[], ratings text[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT a.gwet_ac1 FROM flywheel.agreement(units, ratings) a);

COMMENT ON FUNCTION flywheel.gwet_ac1(bigint[], text[]) IS
'Gwet''s AC1 (Gwet 2008): as flywheel.fleiss_kappa, but it stays high where people agree and nearly every step passes, which makes the kappas collapse. 1 where all ratings are the same; NULL without a step rated twice.';

CREATE FUNCTION flywheel.krippendorff_alpha(units bigint[], ratings text[]) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT a.krippendorff_alpha FROM flywheel.agreement(units, ratings) a);

COMMENT ON FUNCTION flywheel.krippendorff_alpha(bigint[], text[]) IS
'Krippendorff''s alpha (Krippendorff 2011) of categories: any number of raters, and ratings may be missing. units: the step of each rating. Steps with one rating do not count. NULL without a step rated twice, and where all ratings are the same.';

CREATE FUNCTION flywheel.krippendorff_alpha(units bigint[], ratings double precision[], level text) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF level = 'nominal' THEN
        RETURN flywheel.krippendorff_alpha(units, ratings::text[]);
    ELSIF level IS NULL OR level NOT IN ('ordinal', 'interval') THEN
        RAISE EXCEPTION 'a level of measurement is nominal, ordinal or interval, not %', coalesce(level, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'interval for scores, ordinal for grades, nominal for categories.';
    END IF;
    RETURN (
        WITH pairable AS (
            SELECT p.* FROM (
                SELECT r.unit, r.rating, count(*) OVER (PARTITION BY r.unit)::float8 AS m
                FROM unnest(units, ratings) AS r (unit, rating)
                WHERE r.unit IS NOT NULL AND r.rating <> 'NaN') p
            WHERE p.m > 1
        ), placed AS ( -- grades are as far apart as there are ratings between them: the distance of their mid-ranks
            SELECT p.unit, p.m, CASE level WHEN 'interval' THEN p.rating
                   ELSE rank() OVER (ORDER BY p.rating) + (count(*) OVER (PARTITION BY p.rating) - 1) / 2.0::float8 END AS x
            FROM pairable p
        ), within AS ( -- squared distances of all pairs: n times the sum of squares about the mean
            SELECT sum(u.m * u.m * u.variance / (u.m - 1)) AS d
            FROM (SELECT m, var_pop(x) AS variance FROM placed GROUP BY unit, m) u
        ), overall AS (
            SELECT count(*)::float8 * count(*) * var_pop(x) / (count(*) - 1) AS d FROM placed HAVING count(*) > 1
        )
        SELECT 1 - w.d / nullif(o.d, 0) FROM within w CROSS JOIN overall o);
END
$$;

COMMENT ON FUNCTION flywheel.krippendorff_alpha(bigint[], double precision[], text) IS
'Krippendorff''s alpha of numbers; level: interval for scores, ordinal for grades (1 to 5), nominal for codes without an order. NaN does not count.';
