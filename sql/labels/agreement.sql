-- How far raters agree, beyond chance: what a judge can be expected to reach. One row per kind of answer.

CREATE VIEW flywheel.double_labels WITH (security_invoker) AS
SELECT l.validator, l.rubric_version, a.answer, l.step_id, l.rater, a.value, a.number
FROM flywheel.labels l
CROSS JOIN LATERAL (VALUES ('passed', l.passed::text, NULL), ('category', l.category, NULL), ('score', l.score::text, l.score))
    AS a (answer, value, number)
WHERE l.shared AND l.step_changed_at IS NULL AND a.value IS NOT NULL;

COMMENT ON VIEW flywheel.double_labels IS 'Answers on steps that more than one person labelled, for flywheel.agreement.';
COMMENT ON COLUMN flywheel.double_labels.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.double_labels.rubric_version IS 'flywheel.rubrics.version.';
COMMENT ON COLUMN flywheel.double_labels.answer IS 'Which column of flywheel.labels: passed, category or score.';
COMMENT ON COLUMN flywheel.double_labels.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.double_labels.rater IS 'Who says so.';
COMMENT ON COLUMN flywheel.double_labels.value IS 'What it holds, as text.';
COMMENT ON COLUMN flywheel.double_labels.number IS 'A score as a number; NULL for the others.';

CREATE VIEW flywheel.rater_pairs WITH (security_invoker) AS
WITH ratings AS MATERIALIZED (SELECT * FROM flywheel.double_labels)
SELECT a.validator, a.rubric_version, a.answer, a.rater AS rater_a, b.rater AS rater_b, count(*) AS steps,
       avg((a.value = b.value)::int)::float8 AS agreement, flywheel.cohen_kappa(array_agg(a.value), array_agg(b.value)) AS cohen_kappa
FROM ratings a
JOIN ratings b USING (step_id, validator, rubric_version, answer)
WHERE a.rater < b.rater
GROUP BY a.validator, a.rubric_version, a.answer, a.rater, b.rater;

COMMENT ON VIEW flywheel.rater_pairs IS
'How far each two raters agree: who reads the rubric differently.';
COMMENT ON COLUMN flywheel.rater_pairs.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.rater_pairs.rubric_version IS 'flywheel.rubrics.version.';
COMMENT ON COLUMN flywheel.rater_pairs.answer IS 'Which column of flywheel.labels is compared: passed, category or score.';
COMMENT ON COLUMN flywheel.rater_pairs.rater_a IS 'One of them.';
COMMENT ON COLUMN flywheel.rater_pairs.rater_b IS 'The other.';
COMMENT ON COLUMN flywheel.rater_pairs.steps IS 'Steps that both labelled.';
COMMENT ON COLUMN flywheel.rater_pairs.agreement IS 'Share of them on which both say the same, 0..1.';
COMMENT ON COLUMN flywheel.rater_pairs.cohen_kappa IS 'See flywheel.cohen_kappa().';

CREATE VIEW flywheel.agreement WITH (security_invoker) AS
SELECT u.validator, u.version AS rubric_version, u.version = w.rubric_version AS is_current, a.answer,
       coalesce(a.raters, 0) AS raters, coalesce(a.steps, 0) AS steps,
       n.observed AS agreement, flywheel.light_kappa(a.units, a.who, a.answers) AS cohen_kappa,
       n.fleiss_kappa, n.gwet_ac1, n.krippendorff_alpha AS krippendorff_nominal,
       CASE a.answer WHEN 'score' THEN flywheel.krippendorff_alpha(a.units, a.numbers, 'ordinal') END AS krippendorff_ordinal,
       CASE a.answer WHEN 'score' THEN flywheel.krippendorff_alpha(a.units, a.numbers, 'interval') END AS krippendorff_interval,
       CASE WHEN a.steps IS NULL THEN 'no step has two raters'
            WHEN a.one_answer THEN 'all raters say the same of every step: nothing is known of chance' END AS problem
FROM flywheel.rubrics u
JOIN flywheel.validators d ON d.name = u.validator
JOIN flywheel.validator_versions w ON w.id = d.version_id
LEFT JOIN (SELECT d.validator, d.rubric_version, d.answer, count(*) FILTER (WHERE d.nth = 1) AS steps,
                  count(DISTINCT d.rater COLLATE "C") AS raters, min(d.value COLLATE "C") = max(d.value COLLATE "C") AS one_answer,
                  array_agg(d.step_id) AS units, array_agg(d.rater) AS who, array_agg(d.value) AS answers, array_agg(d.number) AS numbers
           FROM (SELECT l.*, count(*) OVER answered AS n, row_number() OVER answered AS nth
                 FROM flywheel.double_labels l WINDOW answered AS (PARTITION BY l.step_id, l.answer, l.validator, l.rubric_version)) d
           WHERE d.n > 1
           GROUP BY d.validator, d.rubric_version, d.answer) a ON a.validator = u.validator AND a.rubric_version = u.version
LEFT JOIN LATERAL flywheel.agreement(a.units, a.answers) n ON true
WHERE (SELECT true FROM flywheel.labels l WHERE l.validator = u.validator AND l.rubric_version = u.version
       ORDER BY l.step_id LIMIT 1); -- EXISTS reads all; without ORDER BY, the table, where there is none

COMMENT ON VIEW flywheel.agreement IS
'Agreement of raters per validator, rubric version and kind of answer, over the steps that two or more of them answered; 1 is perfect, 0 what chance gives, NULL undefined: see problem. Below some 0.6 the rubric is unclear: people who do not agree cannot show a judge the way.';
COMMENT ON COLUMN flywheel.agreement.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.agreement.rubric_version IS 'The rubric that the labels were given under.';
COMMENT ON COLUMN flywheel.agreement.is_current IS 'Whether that is the rubric in use.';
COMMENT ON COLUMN flywheel.agreement.answer IS 'Which column of flywheel.labels is compared: passed, category or score; NULL where no step has two raters.';
COMMENT ON COLUMN flywheel.agreement.raters IS 'Who share steps with others.';
COMMENT ON COLUMN flywheel.agreement.steps IS 'Steps with two raters or more: all that follows is about these.';
COMMENT ON COLUMN flywheel.agreement.agreement IS 'Share of pairs of raters that say the same, mean over the steps.';
COMMENT ON COLUMN flywheel.agreement.cohen_kappa IS 'Cohen''s kappa; of more than two raters the mean over their pairs (Light 1971), which flywheel.rater_pairs shows.';
COMMENT ON COLUMN flywheel.agreement.fleiss_kappa IS 'See flywheel.fleiss_kappa().';
COMMENT ON COLUMN flywheel.agreement.gwet_ac1 IS 'See flywheel.gwet_ac1(): the one to read where nearly every step passes.';
COMMENT ON COLUMN flywheel.agreement.krippendorff_nominal IS 'See flywheel.krippendorff_alpha(): of answers that are the same or not.';
COMMENT ON COLUMN flywheel.agreement.krippendorff_ordinal IS 'Of scores as grades; NULL for other answers.';
COMMENT ON COLUMN flywheel.agreement.krippendorff_interval IS 'Of scores as numbers; NULL for other answers.';
COMMENT ON COLUMN flywheel.agreement.problem IS 'Why coefficients are NULL; NULL where they are defined.';
