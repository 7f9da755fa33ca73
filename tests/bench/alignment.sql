-- How often a 95 % interval contains the truth, over samples of labels: counts of each, and of the judge's verdicts on all steps.

CREATE FUNCTION bench.intervals(formula text, tp float8, fp float8, tn float8, fn float8, passed float8, judged float8,
                                OUT lo float8, OUT hi float8)
    LANGUAGE sql
BEGIN ATOMIC
    SELECT i.lo, i.hi FROM flywheel.post_stratified(ARRAY[tp, fn], ARRAY[tp + fp, fn + tn], ARRAY[passed, judged - passed]) i
    WHERE formula = 'post-stratified'
    UNION ALL
    SELECT i.lo, i.hi FROM flywheel.rogan_gladen(passed, judged, tp, tp + fn, tn, tn + fp) i WHERE formula = 'Rogan-Gladen'
    UNION ALL
    SELECT i.lo, i.hi FROM flywheel.ppi(tp, fp, tn, fn, passed - tp - fp, judged - tp - fp - tn - fn) i WHERE formula = 'PPI++'
    UNION ALL
    SELECT flywheel.wilson_lo(tp + fn, tp + fp + tn + fn), flywheel.wilson_hi(tp + fn, tp + fp + tn + fn) WHERE formula = 'labels alone'
    UNION ALL
    SELECT flywheel.wilson_lo(passed, judged), flywheel.wilson_hi(passed, judged) WHERE formula = 'naive';
END;

CREATE FUNCTION bench.coverage(formula text, tp float8[], fp float8[], tn float8[], fn float8[], passed float8, judged float8, truth float8,
                               OUT covered float8, OUT width float8, OUT refused float8)
    LANGUAGE sql
BEGIN ATOMIC
    SELECT avg((truth BETWEEN i.lo AND i.hi)::int), avg(i.hi - i.lo), avg((i.lo IS NULL)::int)
    FROM ROWS FROM (unnest(tp), unnest(fp), unnest(tn), unnest(fn)) AS s (tp, fp, tn, fn)
    CROSS JOIN LATERAL bench.intervals(formula, s.tp, s.fp, s.tn, s.fn, passed, judged) i;
END;

-- Labels of every n-th step for the first two validators, by two raters for every tenth.
CREATE PROCEDURE bench.label_steps(every int)
    LANGUAGE plpgsql
AS $$
DECLARE
    lo bigint;
BEGIN
    FOR lo IN SELECT generate_series(1, (SELECT max(id) FROM flywheel.traces), 100000) LOOP
        INSERT INTO flywheel.labels (step_id, validator, passed, rater, sampling_design)
        SELECT t.id, v.name, t.id % 7 > 0, r.rater, 'random'
        FROM flywheel.traces t CROSS JOIN (VALUES ('v1'), ('v2')) AS v (name) CROSS JOIN (VALUES ('ann'), ('bob')) AS r (rater)
        WHERE t.id >= lo AND t.id < lo + 100000 AND t.id % every = 0 AND (r.rater = 'ann' OR t.id / every % 10 = 0);
        COMMIT;
    END LOOP;
    PERFORM flywheel.tend_alignment();
END
$$;
