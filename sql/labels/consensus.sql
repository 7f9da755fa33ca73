-- What people hold of a step, all raters together: what judges are measured against.

CREATE VIEW flywheel.consensus WITH (security_invoker) AS
SELECT c.step_id, c.validator, c.rubric_version, c.rubric_version = w.rubric_version AS is_current,
       CASE WHEN 2 * c.passing <> c.raters THEN 2 * c.passing > c.raters END AS passed,
       c.raters, greatest(c.passing, c.raters - c.passing) AS agreeing,
       c.split, coalesce(f.sampling_design, c.sampling_design) AS sampling_design,
       CASE WHEN f.id IS NULL THEN c.inclusion_probability ELSE f.inclusion_probability END AS inclusion_probability,
       c.pipeline, c.node, c.variant, c.trace_group, c.step_created_at, c.created_at
FROM (
    -- min(): of what all labels of a step have in common, and left out where nobody asks for it.
    SELECT l.validator, l.rubric_version, l.split, l.step_id, count(*) AS raters, count(*) FILTER (WHERE l.passed) AS passing,
           min(l.created_at) AS created_at, min(l.pipeline) AS pipeline, min(l.node) AS node,
           min(l.variant) AS variant, min(l.trace_group) AS trace_group, min(l.step_created_at) AS step_created_at,
           min(l.sampling_design) AS sampling_design, min(l.inclusion_probability) AS inclusion_probability
    FROM flywheel.labels l
    WHERE l.passed IS NOT NULL AND l.step_changed_at IS NULL AND l.duplicate_of IS NULL
    GROUP BY l.validator, l.step_id, l.rubric_version, l.split
) c
JOIN flywheel.validators d ON d.name = c.validator
JOIN flywheel.validator_versions w ON w.id = d.version_id
LEFT JOIN flywheel.labels f ON f.id = CASE WHEN c.raters > 1 THEN (
    SELECT l.id FROM flywheel.labels l
    WHERE l.step_id = c.step_id AND l.validator = c.validator AND l.rubric_version = c.rubric_version
      AND l.passed IS NOT NULL AND l.step_changed_at IS NULL AND l.duplicate_of IS NULL
    ORDER BY l.sampling_design IN ('priority', 'convenience'), l.id LIMIT 1) END;

COMMENT ON VIEW flywheel.consensus IS
'One row per step, validator and rubric version with labels that count and say passed or not: what the majority of raters says. Left out are labels of content that changed since and of near-duplicates in another split.';
COMMENT ON COLUMN flywheel.consensus.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.consensus.validator IS 'flywheel.validators.name.';
COMMENT ON COLUMN flywheel.consensus.rubric_version IS 'flywheel.rubrics.version that the labels were given under.';
COMMENT ON COLUMN flywheel.consensus.is_current IS 'Whether that is the rubric in use; labels of another are stale.';
COMMENT ON COLUMN flywheel.consensus.passed IS 'What more than half of the raters say; NULL where they are even: have one more look at it.';
COMMENT ON COLUMN flywheel.consensus.raters IS 'How many labelled it.';
COMMENT ON COLUMN flywheel.consensus.agreeing IS 'How many of them say what most say.';
COMMENT ON COLUMN flywheel.consensus.split IS 'few_shot, dev or test.';
COMMENT ON COLUMN flywheel.consensus.sampling_design IS 'How the step was chosen: of the first label that chance chose, else of its first.';
COMMENT ON COLUMN flywheel.consensus.inclusion_probability IS 'Of that label.';
COMMENT ON COLUMN flywheel.consensus.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.consensus.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.consensus.variant IS 'Of the step.';
COMMENT ON COLUMN flywheel.consensus.trace_group IS 'flywheel.trace_groups.trace_group.';
COMMENT ON COLUMN flywheel.consensus.step_created_at IS 'created_at of the step.';
COMMENT ON COLUMN flywheel.consensus.created_at IS 'When the first label was given.';
