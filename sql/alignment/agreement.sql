-- How far people agree with each other: the ceiling of what can be asked of a judge.

CREATE VIEW flywheel.double_labels WITH (security_invoker) AS
SELECT l.validator, l.rubric_version, l.step_id, l.rater, l.score, coalesce(l.passed::text, l.category) AS answer
FROM flywheel.labels l
JOIN (SELECT d.step_id, d.validator, d.rubric_version FROM flywheel.labels d -- read from the index of the key alone
      GROUP BY d.step_id, d.validator, d.rubric_version HAVING count(*) > 1) several USING (step_id, validator, rubric_version)
WHERE l.step_changed_at IS NULL;

COMMENT ON VIEW flywheel.double_labels IS 'Labels of steps that more than one person labelled, for flywheel.rater_agreement.';
COMMENT ON COLUMN flywheel.double_labels.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.double_labels.rubric_version IS 'flywheel.rubrics.version.';
COMMENT ON COLUMN flywheel.double_labels.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.double_labels.rater IS 'Who says so.';
COMMENT ON COLUMN flywheel.double_labels.score IS 'flywheel.labels.score.';
COMMENT ON COLUMN flywheel.double_labels.answer IS 'Whether the step passes; the category where that is not said.';

CREATE VIEW flywheel.rater_agreement WITH (security_invoker) AS
SELECT r.validator, r.rubric_version, r.steps, r.raters, flywheel.observed_agreement(r.units, r.answers) AS agreement,
       flywheel.fleiss_kappa(r.units, r.answers) AS fleiss_kappa, flywheel.gwet_ac1(r.units, r.answers) AS gwet_ac1,
       flywheel.krippendorff_alpha(r.units, r.answers) AS krippendorff_alpha,
       flywheel.krippendorff_alpha(r.units, r.scores, 'ordinal') AS krippendorff_alpha_ordinal,
       flywheel.krippendorff_alpha(r.units, r.scores, 'interval') AS krippendorff_alpha_interval
FROM (
    SELECT d.validator, d.rubric_version, count(DISTINCT d.step_id) AS steps, count(DISTINCT d.rater) AS raters,
           array_agg(d.step_id) AS units, array_agg(d.answer) AS answers, array_agg(d.score) AS scores
    FROM flywheel.double_labels d
    GROUP BY d.validator, d.rubric_version
) r;

COMMENT ON VIEW flywheel.rater_agreement IS
'How far the raters of a validator agree, over the steps that more than one of them labelled: as a share, and corrected for chance. Below some 0.6 the rubric is unclear: rewrite it before blaming the judge.';
COMMENT ON COLUMN flywheel.rater_agreement.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.rater_agreement.rubric_version IS 'flywheel.rubrics.version.';
COMMENT ON COLUMN flywheel.rater_agreement.steps IS 'Steps with more than one rater.';
COMMENT ON COLUMN flywheel.rater_agreement.raters IS 'People.';
COMMENT ON COLUMN flywheel.rater_agreement.agreement IS 'Share of the pairs of raters of a step who say the same, mean over the steps.';
COMMENT ON COLUMN flywheel.rater_agreement.fleiss_kappa IS 'See flywheel.fleiss_kappa().';
COMMENT ON COLUMN flywheel.rater_agreement.gwet_ac1 IS 'See flywheel.gwet_ac1(): the one to read where nearly every step passes.';
COMMENT ON COLUMN flywheel.rater_agreement.krippendorff_alpha IS 'See flywheel.krippendorff_alpha(): of passed, or the category.';
COMMENT ON COLUMN flywheel.rater_agreement.krippendorff_alpha_ordinal IS 'Of the scores as grades; NULL without scores.';
COMMENT ON COLUMN flywheel.rater_agreement.krippendorff_alpha_interval IS 'Of the scores as numbers; NULL without scores.';

CREATE VIEW flywheel.rater_pairs WITH (security_invoker) AS
SELECT a.validator, a.rubric_version, a.rater AS rater_a, b.rater AS rater_b, count(*) AS steps,
       avg((a.answer = b.answer)::int)::float8 AS agreement, flywheel.cohen_kappa(array_agg(a.answer), array_agg(b.answer)) AS cohen_kappa
FROM flywheel.double_labels a
JOIN flywheel.double_labels b USING (step_id, validator, rubric_version)
WHERE a.rater < b.rater
GROUP BY a.validator, a.rubric_version, a.rater, b.rater;

COMMENT ON VIEW flywheel.rater_pairs IS
'How far each two raters agree: who reads the rubric differently.';
COMMENT ON COLUMN flywheel.rater_pairs.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.rater_pairs.rubric_version IS 'flywheel.rubrics.version.';
COMMENT ON COLUMN flywheel.rater_pairs.rater_a IS 'One of them.';
COMMENT ON COLUMN flywheel.rater_pairs.rater_b IS 'The other.';
COMMENT ON COLUMN flywheel.rater_pairs.steps IS 'Steps that both labelled.';
COMMENT ON COLUMN flywheel.rater_pairs.agreement IS 'Share of them on which both say the same, 0..1.';
COMMENT ON COLUMN flywheel.rater_pairs.cohen_kappa IS 'See flywheel.cohen_kappa().';
