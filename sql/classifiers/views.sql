-- How classifiers err: every verdict whose details name the label that was given and the one that was expected.
-- Straight from the verdicts: steps with a known label are few, and the index holds these alone.

CREATE VIEW flywheel.confusion_matrix WITH (security_invoker) AS
SELECT w.validator, w.version, v.pipeline, v.node, v.variant, v.details ->> 'expected' AS expected,
       v.details ->> 'label' AS label, count(*) AS n
FROM flywheel.verdicts v
JOIN flywheel.validator_versions w ON w.id = v.version_id
WHERE v.details ? 'label' AND v.details ? 'expected' AND v.passed IS NOT NULL
GROUP BY w.validator, w.version, v.pipeline, v.node, v.variant, v.details ->> 'expected', v.details ->> 'label';

COMMENT ON VIEW flywheel.confusion_matrix IS
'Classifier steps counted by expected and given label, per validator version, pipeline, node and variant: of py:label_expected, and of any validator whose details hold "label" and "expected".';

CREATE VIEW flywheel.class_metrics WITH (security_invoker) AS
WITH sides AS (
    SELECT c.validator, c.version, c.pipeline, c.node, c.variant, l.label,
           CASE WHEN l.label = c.expected AND c.label = c.expected THEN c.n ELSE 0 END AS hit,
           CASE WHEN l.label = c.label THEN c.n ELSE 0 END AS given,
           CASE WHEN l.label = c.expected THEN c.n ELSE 0 END AS expected
    FROM flywheel.confusion_matrix c
    CROSS JOIN LATERAL (SELECT c.expected AS label UNION SELECT c.label) l
)
SELECT s.validator, s.version, s.pipeline, s.node, s.variant, s.label, sum(s.expected)::bigint AS support,
       sum(s.hit)::bigint AS tp, sum(s.given - s.hit)::bigint AS fp, sum(s.expected - s.hit)::bigint AS fn,
       coalesce(sum(s.hit)::float8 / nullif(sum(s.given), 0)::float8, 0) AS precision,
       coalesce(sum(s.hit)::float8 / nullif(sum(s.expected), 0)::float8, 0) AS recall,
       2 * sum(s.hit)::float8 / sum(s.given + s.expected)::float8 AS f1
FROM sides s
GROUP BY s.validator, s.version, s.pipeline, s.node, s.variant, s.label;

COMMENT ON VIEW flywheel.class_metrics IS
'Precision, recall and F1 of each class, per validator version, pipeline, node and variant. As scikit-learn counts: a class that was never given has precision 0, one that was never expected recall 0.';

CREATE VIEW flywheel.classifier_metrics WITH (security_invoker) AS
SELECT c.validator, c.version, c.pipeline, c.node, c.variant, count(*) AS classes, sum(c.support)::bigint AS n,
       sum(c.tp)::float8 / sum(c.support)::float8 AS accuracy,
       flywheel.wilson_lo(sum(c.tp)::float8, sum(c.support)::float8) AS accuracy_lo,
       flywheel.wilson_hi(sum(c.tp)::float8, sum(c.support)::float8) AS accuracy_hi,
       avg(c.precision) AS macro_precision, avg(c.recall) AS macro_recall, avg(c.f1) AS macro_f1,
       sum(c.precision * c.support) / sum(c.support)::float8 AS weighted_precision,
       sum(c.recall * c.support) / sum(c.support)::float8 AS weighted_recall,
       sum(c.f1 * c.support) / sum(c.support)::float8 AS weighted_f1
FROM flywheel.class_metrics c
GROUP BY c.validator, c.version, c.pipeline, c.node, c.variant;

COMMENT ON VIEW flywheel.classifier_metrics IS
'Accuracy with its 95 % Wilson interval, and macro and weighted precision, recall and F1, per validator version, pipeline, node and variant; equal to scikit-learn''s over the labels that occur.';

DO $$
DECLARE
    col record;
BEGIN
    FOR col IN
        SELECT a.attrelid::regclass AS view, a.attname, c.comment
        FROM (VALUES
            ('validator', 'flywheel.validators.name.'),
            ('version', 'Version of the validator.'),
            ('pipeline', 'Of the steps.'),
            ('node', 'Of the steps.'),
            ('variant', 'Of the steps.'),
            ('expected', 'The right label.'),
            ('label', 'The label; in confusion_matrix the one that was given.'),
            ('n', 'Steps.'),
            ('support', 'Steps that should have this label.'),
            ('tp', 'True positives: expected and given.'),
            ('fp', 'False positives: given, another one expected.'),
            ('fn', 'False negatives: expected, another one given.'),
            ('precision', 'tp / (tp + fp), 0..1.'),
            ('recall', 'tp / (tp + fn), 0..1.'),
            ('f1', '2 tp / (2 tp + fp + fn), 0..1.'),
            ('classes', 'Labels that occur, expected or given.'),
            ('accuracy', 'Share of the steps whose label is right, 0..1.'),
            ('accuracy_lo', 'Lower end of its 95 % Wilson interval.'),
            ('accuracy_hi', 'Upper end of its 95 % Wilson interval.'),
            ('macro_precision', 'Mean of the classes.'),
            ('macro_recall', 'Mean of the classes: balanced accuracy, where every class is expected.'),
            ('macro_f1', 'Mean of the classes.'),
            ('weighted_precision', 'Mean of the classes, weighted by support.'),
            ('weighted_recall', 'Mean of the classes, weighted by support: accuracy.'),
            ('weighted_f1', 'Mean of the classes, weighted by support.')) AS c (name, comment)
        JOIN pg_attribute a ON a.attname = c.name
         AND a.attrelid IN ('flywheel.confusion_matrix'::regclass, 'flywheel.class_metrics'::regclass, 'flywheel.classifier_metrics'::regclass)
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', col.view, col.attname, col.comment);
    END LOOP;
END
$$;
