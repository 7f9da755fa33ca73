-- How far a judge agrees with people.

CREATE FUNCTION flywheel.alignment_of(split text) RETURNS TABLE (
    version_id int, validator text, version int, split text, n bigint, tp bigint, fp bigint, tn bigint, fn bigint, invalid bigint, selected bigint)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT w.id, w.validator, w.version, alignment_of.split, r.n, r.tp, r.fp, r.tn, r.fn, r.invalid, r.selected
    FROM (
        SELECT a.version_id, sum(a.n)::bigint AS n,
               coalesce(sum(a.n) FILTER (WHERE a.human AND a.passed), 0)::bigint AS tp,
               coalesce(sum(a.n) FILTER (WHERE NOT a.human AND a.passed), 0)::bigint AS fp,
               coalesce(sum(a.n) FILTER (WHERE NOT a.human AND NOT a.passed), 0)::bigint AS tn,
               coalesce(sum(a.n) FILTER (WHERE a.human AND NOT a.passed), 0)::bigint AS fn,
               coalesce(sum(a.n) FILTER (WHERE a.passed IS NULL), 0)::bigint AS invalid,
               coalesce(sum(a.n) FILTER (WHERE a.sampling_design IN ('priority', 'convenience')), 0)::bigint AS selected
        FROM flywheel.alignment_rollup a
        WHERE a.split = alignment_of.split
        GROUP BY a.version_id
        HAVING sum(a.n) <> 0
    ) r
    JOIN flywheel.validator_versions w ON w.id = r.version_id
    WHERE alignment_of.split <> 'few_shot' OR NOT flywheel.takes_examples(w.config);
END;

COMMENT ON FUNCTION flywheel.alignment_of(text) IS
'Confusion matrix of every version on a split. Read flywheel.alignment, which writes down who read the test split.';

-- An arm for each split: a condition on it prunes the others, and so reads test only where test is asked for.
CREATE VIEW flywheel.alignment WITH (security_invoker) AS
SELECT s.validator, s.version, s.split, s.n, s.tp, s.fp, s.tn, s.fn, s.invalid, s.selected, m.*, s.test_reads
FROM (
    SELECT a.validator, a.version, a.split, a.n, a.tp, a.fp, a.tn, a.fn, a.invalid, a.selected, NULL::bigint AS test_reads
    FROM flywheel.alignment_of('few_shot') a
    UNION ALL
    SELECT a.validator, a.version, a.split, a.n, a.tp, a.fp, a.tn, a.fn, a.invalid, a.selected, NULL
    FROM flywheel.alignment_of('dev') a
    UNION ALL
    SELECT a.validator, a.version, a.split, a.n, a.tp, a.fp, a.tn, a.fn, a.invalid, a.selected, flywheel.note_test_read(a.validator, 'alignment')
    FROM flywheel.alignment_of('test') a
) s
CROSS JOIN LATERAL flywheel.confusion_metrics(s.tp, s.fp, s.tn, s.fn) m;

COMMENT ON VIEW flywheel.alignment IS
'How far each validator version agrees with people, per split, each metric with its 95 % interval: see flywheel.confusion_metrics(). A positive is a step that passes. Look at dev as often as you like (WHERE split = ''dev''); reading test is logged and counted. Reads counts only: as fast at 100,000 labels as at 1,000.';

CREATE VIEW flywheel.alignment_weekly WITH (security_invoker) AS
SELECT date_trunc('week', s.week, 'UTC') AS week, w.validator, w.version, s.n, s.tp, s.fp, s.tn, s.fn, s.invalid,
       (s.tp + s.tn) / nullif(s.tp + s.fp + s.tn + s.fn, 0)::float8 AS accuracy,
       s.tp / nullif(s.tp + s.fn, 0)::float8 AS tpr,
       flywheel.wilson_lo(s.tp::float8, (s.tp + s.fn)::float8) AS tpr_lo, flywheel.wilson_hi(s.tp::float8, (s.tp + s.fn)::float8) AS tpr_hi,
       s.tn / nullif(s.tn + s.fp, 0)::float8 AS tnr,
       flywheel.wilson_lo(s.tn::float8, (s.tn + s.fp)::float8) AS tnr_lo, flywheel.wilson_hi(s.tn::float8, (s.tn + s.fp)::float8) AS tnr_hi,
       (flywheel.kappa(s.tp, s.fp, s.tn, s.fn)).kappa
FROM (
    SELECT a.version_id, date_trunc('week', a.day, 'UTC') AS week, sum(a.n)::bigint AS n,
           coalesce(sum(a.n) FILTER (WHERE a.human AND a.passed), 0)::bigint AS tp,
           coalesce(sum(a.n) FILTER (WHERE NOT a.human AND a.passed), 0)::bigint AS fp,
           coalesce(sum(a.n) FILTER (WHERE NOT a.human AND NOT a.passed), 0)::bigint AS tn,
           coalesce(sum(a.n) FILTER (WHERE a.human AND NOT a.passed), 0)::bigint AS fn,
           coalesce(sum(a.n) FILTER (WHERE a.passed IS NULL), 0)::bigint AS invalid
    FROM flywheel.alignment_rollup a
    WHERE a.split = 'dev'
    GROUP BY 1, 2
    HAVING sum(a.n) <> 0
) s
JOIN flywheel.validator_versions w ON w.id = s.version_id;

COMMENT ON VIEW flywheel.alignment_weekly IS
'flywheel.alignment on dev, by the week (UTC, from Monday) of the step''s created_at: whether a judge drifts away from people.';

DO $$
DECLARE
    col record;
BEGIN
    FOR col IN
        WITH metrics (name, comment) AS (VALUES
            ('accuracy', 'Share of the steps with the right verdict, 0..1.'),
            ('tpr', 'True positive rate: of the steps that people pass, the share that the version passes, 0..1.'),
            ('tnr', 'True negative rate: of the steps that people fail, the share that it fails, 0..1.'),
            ('precision', 'Of the steps that it passes, the share that people pass, 0..1.'),
            ('recall', 'The same as tpr.'),
            ('f1', 'Harmonic mean of precision and recall, 0..1.'),
            ('balanced_accuracy', 'Mean of tpr and tnr: 0.5 is chance.'),
            ('youden_j', 'Youden''s J, tpr + tnr - 1: 0 is chance. The corrections divide by it.'),
            ('mcc', 'Matthews'' correlation coefficient, -1..1.'),
            ('kappa', 'Cohen''s kappa: agreement beyond chance, 1 at most.'))
        SELECT c.relname, a.attname, k.comment
        FROM (
            TABLE metrics
            UNION ALL SELECT name || '_lo', format('Lower end of the 95 %% interval of %s.', name) FROM metrics
            UNION ALL SELECT name || '_hi', format('Upper end of the 95 %% interval of %s.', name) FROM metrics
            UNION ALL VALUES
                ('week', 'Monday the week begins with.'),
                ('validator', 'flywheel.validators.name.'),
                ('version', 'Version of the validator.'),
                ('split', 'few_shot (only for versions that take no examples), dev or test.'),
                ('n', 'Labelled steps with a verdict, of any status.'),
                ('tp', 'True positives: people and the version pass the step.'),
                ('fp', 'False positives: the version alone passes it.'),
                ('tn', 'True negatives: both fail it.'),
                ('fn', 'False negatives: the version alone fails it.'),
                ('invalid', 'Error, timeout or abstained: in no rate.'),
                ('selected', 'Of n, labels that were not drawn at random (priority, convenience): where they are many, the rates describe them, not all steps.'),
                ('test_reads', 'How often the test split of this validator has been read, this time included; NULL for the other splits.')
        ) AS k (name, comment)
        JOIN pg_attribute a ON a.attname = k.name AND a.attrelid IN ('flywheel.alignment'::regclass, 'flywheel.alignment_weekly'::regclass)
        JOIN pg_class c ON c.oid = a.attrelid
    LOOP
        EXECUTE format('COMMENT ON COLUMN flywheel.%I.%I IS %L', col.relname, col.attname, col.comment);
    END LOOP;
END
$$;
