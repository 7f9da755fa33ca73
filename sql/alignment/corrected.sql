-- The pass rate that people would have found. Which formula, is up to how the labels were drawn, as their rows say.

CREATE FUNCTION flywheel.corrected_metrics_between(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, per text DEFAULT 'slice')
    RETURNS TABLE (
        validator text, version int, pipeline text, node text, variant text,
        judged bigint, naive_rate double precision, naive_lo double precision, naive_hi double precision,
        rate double precision, lo double precision, hi double precision, estimator text, labels bigint, left_out bigint, why text,
        post_stratified_rate double precision, post_stratified_lo double precision, post_stratified_hi double precision,
        ppi_rate double precision, ppi_lo double precision, ppi_hi double precision,
        rogan_gladen_rate double precision, rogan_gladen_lo double precision, rogan_gladen_hi double precision)
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    first timestamptz := coalesce(date_trunc('day', since, 'UTC'), '-infinity');
    past  timestamptz := coalesce(until, 'infinity');
    unit  text := CASE WHEN num_nonnulls(since, until) = 0 THEN 'all' ELSE 'day' END;
BEGIN
    IF per IS NULL OR per NOT IN ('slice', 'version') THEN
        RAISE EXCEPTION 'metrics are per slice or per version, not per %', coalesce(per, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'per => ''slice'' is pipeline, node and variant.';
    END IF;
    RETURN QUERY
    WITH judged AS (
        SELECT r.version_id, CASE per WHEN 'slice' THEN ARRAY[r.pipeline, r.node, r.variant] ELSE '{}' END AS slice,
               sum(r.passed)::float8 AS passed, sum(r.failed)::float8 AS failed
        FROM flywheel.metric_rollup r
        WHERE r.grain IN ('delta', unit)
          AND (unit = 'all' OR date_trunc('day', r.bucket, 'UTC') >= first AND date_trunc('day', r.bucket, 'UTC') < past) -- a delta has the hour
        GROUP BY 1, 2
        HAVING sum(r.passed) + sum(r.failed) > 0
    ), labelled AS ( -- n labelled steps of which people pass k
        SELECT a.version_id, CASE per WHEN 'slice' THEN ARRAY[a.pipeline, a.node, a.variant] ELSE '{}' END AS slice,
               a.passed, a.sampling_design AS design, a.held_out AND a.passed IS NOT NULL AS fit,
               CASE WHEN a.sampling_design IN ('stratified', 'verdict_balanced') THEN a.inclusion_probability END AS probability,
               sum(a.n)::float8 AS n, coalesce(sum(a.n) FILTER (WHERE a.human), 0)::float8 AS k
        FROM flywheel.alignment_rollup a
        WHERE a.day >= first AND a.day < past
        GROUP BY 1, 2, 3, 4, 5, 6
        HAVING sum(a.n) <> 0
    ), strata AS ( -- steps of one verdict that had the same chance to be labelled
        SELECT l.version_id, l.slice, l.passed, l.probability, sum(l.n) AS n, sum(l.k) AS k
        FROM labelled l
        WHERE l.fit AND (l.design IN ('random', 'verdict_balanced') OR l.probability IS NOT NULL)
        GROUP BY 1, 2, 3, 4
    ), sized AS ( -- a verdict's steps shared out: between designs by labels, within the stratified one by n / probability
        SELECT s.*, j.passed AS all_passed, j.failed AS all_failed, CASE WHEN s.passed THEN j.passed ELSE j.failed END
               * sum(s.n) OVER design / sum(s.n) OVER verdict
               * s.n / coalesce(s.probability, 1) / sum(s.n / coalesce(s.probability, 1)) OVER design AS size
        FROM strata s JOIN judged j USING (version_id, slice)
        WINDOW verdict AS (PARTITION BY s.version_id, s.slice, s.passed),
               design AS (PARTITION BY s.version_id, s.slice, s.passed, s.probability IS NULL)
    ), post AS (
        SELECT s.version_id, s.slice, flywheel.post_stratified(array_agg(s.k), array_agg(s.n), array_agg(s.size)) AS e
        FROM sized s
        GROUP BY 1, 2
        HAVING (max(s.all_passed) = 0 OR bool_or(s.passed)) AND (max(s.all_failed) = 0 OR bool_or(NOT s.passed))
    ), cells AS ( -- TPR and TNR are the same in labels drawn by class and at random
        SELECT l.version_id, l.slice, sum(l.n) AS n, sum(l.n) FILTER (WHERE l.fit) AS fit,
               coalesce(sum(l.n) FILTER (WHERE l.fit AND l.design = 'class_balanced'), 0) AS by_class,
               coalesce(sum(l.k) FILTER (WHERE l.passed AND l.fit AND l.design IN ('random', 'class_balanced')), 0) AS tp,
               coalesce(sum(l.k) FILTER (WHERE NOT l.passed AND l.fit AND l.design IN ('random', 'class_balanced')), 0) AS fn,
               coalesce(sum(l.n - l.k) FILTER (WHERE l.passed AND l.fit AND l.design IN ('random', 'class_balanced')), 0) AS fp,
               coalesce(sum(l.n - l.k) FILTER (WHERE NOT l.passed AND l.fit AND l.design IN ('random', 'class_balanced')), 0) AS tn,
               coalesce(sum(l.k) FILTER (WHERE l.passed AND l.fit AND l.design = 'random'), 0) AS random_tp,
               coalesce(sum(l.k) FILTER (WHERE NOT l.passed AND l.fit AND l.design = 'random'), 0) AS random_fn,
               coalesce(sum(l.n - l.k) FILTER (WHERE l.passed AND l.fit AND l.design = 'random'), 0) AS random_fp,
               coalesce(sum(l.n - l.k) FILTER (WHERE NOT l.passed AND l.fit AND l.design = 'random'), 0) AS random_tn
        FROM labelled l
        GROUP BY 1, 2
    ), drawn AS (
        SELECT s.version_id, s.slice, sum(s.n) AS n, bool_or(s.passed) AS among_passed FROM strata s GROUP BY 1, 2
    )
    SELECT w.validator, w.version, j.slice[1], j.slice[2], j.slice[3],
           (j.passed + j.failed)::bigint, j.passed / (j.passed + j.failed),
           flywheel.wilson_lo(j.passed, j.passed + j.failed), flywheel.wilson_hi(j.passed, j.passed + j.failed),
           CASE x.estimator WHEN 'post_stratified' THEN (p.e).rate WHEN 'rogan_gladen' THEN g.rate END,
           CASE x.estimator WHEN 'post_stratified' THEN (p.e).lo WHEN 'rogan_gladen' THEN g.lo END,
           CASE x.estimator WHEN 'post_stratified' THEN (p.e).hi WHEN 'rogan_gladen' THEN g.hi END,
           x.estimator, x.labels, (coalesce(c.n, 0) - x.labels)::bigint,
           CASE WHEN x.estimator IS NOT NULL THEN NULL
                WHEN c.n IS NULL THEN 'no labels'
                WHEN c.fit IS NULL THEN format('none of the %s labels is fit: older than the version, which may have been made with '
                     'them, examples of it, or on steps without a valid verdict', c.n)
                WHEN coalesce(d.n, 0) + c.by_class = 0
                    THEN format(CASE c.n WHEN 1 THEN 'its label was not' ELSE 'none of the %s labels was' END || ' drawn at random', c.n)
                WHEN c.by_class <= coalesce(d.n, 0) THEN format('no label drawn at random among the %s steps that it %s',
                     CASE WHEN d.among_passed THEN j.failed ELSE j.passed END, CASE WHEN d.among_passed THEN 'fails' ELSE 'passes' END)
                WHEN c.tp + c.fn = 0 OR c.tn + c.fp = 0 THEN format('no label on a step that people %s',
                     CASE WHEN c.tp + c.fn = 0 THEN 'pass' ELSE 'fail' END)
                ELSE format('no better than chance: it passes %s %% of what people pass and %s %% of what they fail',
                            round(100 * c.tp / (c.tp + c.fn)), round(100 * c.fp / (c.tn + c.fp))) END,
           (p.e).rate, (p.e).lo, (p.e).hi, i.rate, i.lo, i.hi, g.rate, g.lo, g.hi
    FROM judged j
    JOIN flywheel.validator_versions w ON w.id = j.version_id
    LEFT JOIN cells c USING (version_id, slice)
    LEFT JOIN drawn d USING (version_id, slice)
    LEFT JOIN post p USING (version_id, slice)
    LEFT JOIN LATERAL flywheel.rogan_gladen(j.passed, j.passed + j.failed, c.tp, c.tp + c.fn, c.tn, c.tn + c.fp) g ON true
    LEFT JOIN LATERAL flywheel.ppi(c.random_tp, c.random_fp, c.random_tn, c.random_fn, j.passed - c.random_tp - c.random_fp,
        j.passed + j.failed - c.random_tp - c.random_fp - c.random_tn - c.random_fn) i ON true
    CROSS JOIN LATERAL (SELECT CASE -- that of the design with more labels, else the other
        WHEN (p.e).rate IS NOT NULL AND d.n >= c.by_class THEN 'post_stratified'
        WHEN g.rate IS NOT NULL AND c.by_class > 0 THEN 'rogan_gladen'
        WHEN (p.e).rate IS NOT NULL THEN 'post_stratified' END) AS e (estimator)
    CROSS JOIN LATERAL (SELECT e.estimator,
        CASE e.estimator WHEN 'post_stratified' THEN d.n WHEN 'rogan_gladen' THEN c.tp + c.fp + c.tn + c.fn ELSE 0 END::bigint AS labels
    ) x
    WHERE w.runs_in = 'judge' OR c.n IS NOT NULL;
END
$$;

COMMENT ON FUNCTION flywheel.corrected_metrics_between(timestamptz, timestamptz, text) IS
'flywheel.corrected_metrics of the steps created from since until before until (whole days, UTC; NULL: open); per ''slice'' (pipeline, node, variant) or ''version''.';

CREATE VIEW flywheel.corrected_metrics WITH (security_invoker) AS
SELECT * FROM flywheel.corrected_metrics_between();

COMMENT ON VIEW flywheel.corrected_metrics IS
'Pass rates corrected by people''s labels, per validator version, pipeline, node and variant; of judges, and of validators with labels. Only labels that the version cannot have been made with count, test split included. estimator follows from their sampling_design: random, verdict_balanced and stratified are post-stratified by verdict, class_balanced goes through TPR and TNR (Rogan-Gladen); where there are both, the one with more labels. Other windows, and whole versions: flywheel.corrected_metrics_between().';

DO $$
DECLARE
    col record;
BEGIN
    FOR col IN
        SELECT * FROM (VALUES
            ('validator', 'flywheel.validators.name.'),
            ('version', 'Version of the validator.'),
            ('pipeline', 'Of the steps.'),
            ('node', 'Of the steps.'),
            ('variant', 'Of the steps.'),
            ('judged', 'Steps that passed or failed.'),
            ('naive_rate', 'Share of them that passed: what the judge says, 0..1.'),
            ('naive_lo', 'Lower end of its 95 % Wilson interval, which knows nothing of the judge''s errors.'),
            ('naive_hi', 'Upper end of it.'),
            ('rate', 'The corrected pass rate: the share that people would pass, 0..1. NULL: see why.'),
            ('lo', 'Lower end of its 95 % interval.'),
            ('hi', 'Upper end of its 95 % interval.'),
            ('estimator', 'post_stratified: flywheel.post_stratified(). rogan_gladen: flywheel.rogan_gladen().'),
            ('labels', 'Labelled steps that it rests on.'),
            ('left_out', 'Labelled steps that it does not: the version may have been made with them, or they were not drawn at random, or its verdict is invalid.'),
            ('why', 'Why there is no corrected rate.'),
            ('post_stratified_rate', 'Post-stratified by verdict, from random, verdict_balanced and stratified labels.'),
            ('post_stratified_lo', 'Lower end of its 95 % interval (MOVER-Wilson).'),
            ('post_stratified_hi', 'Upper end of its 95 % interval.'),
            ('ppi_rate', 'PPI++, from random labels: see flywheel.ppi().'),
            ('ppi_lo', 'Lower end of its 95 % interval.'),
            ('ppi_hi', 'Upper end of its 95 % interval.'),
            ('rogan_gladen_rate', 'Rogan-Gladen, from class_balanced and random labels.'),
            ('rogan_gladen_lo', 'Lower end of Lee''s 95 % interval.'),
            ('rogan_gladen_hi', 'Upper end of Lee''s 95 % interval.')) AS c (name, comment)
    LOOP
        EXECUTE format('COMMENT ON COLUMN flywheel.corrected_metrics.%I IS %L', col.name, col.comment);
    END LOOP;
END
$$;
