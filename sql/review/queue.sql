-- Which steps to label next.

CREATE VIEW flywheel.review_queue WITH (security_invoker) AS
SELECT s.step_id, s.validator, d.rubric_version, t.pipeline, t.node, t.variant, s.priority,
       -- Of the signals only those that do not tell the verdict.
       coalesce(s.why, 'it is worth a look') AS why
FROM (SELECT x.step_id, x.validator, sum(x.weight) AS priority,
             string_agg(DISTINCT x.signal, ', ') FILTER (WHERE x.signal NOT IN ('low score', 'new failure mode')) AS why
      FROM flywheel.review_signals x GROUP BY 1, 2) s
JOIN flywheel.reviewed_validators d ON d.validator = s.validator
JOIN flywheel.traces t ON t.id = s.step_id
WHERE NOT EXISTS (SELECT FROM flywheel.labels l
                  WHERE l.step_id = s.step_id AND l.validator = s.validator AND l.rubric_version = d.rubric_version)
  AND NOT EXISTS (SELECT FROM flywheel.review_claims c
                  WHERE c.step_id = s.step_id AND c.validator = s.validator AND c.until > now());

COMMENT ON VIEW flywheel.review_queue IS
'Steps that would tell most if somebody labelled them, with the sum of their flywheel.review_signals; without what the judge said, which is for after the label. Not those that have a label of the current rubric, or that somebody is at. Take some: flywheel.claim_review().';
COMMENT ON COLUMN flywheel.review_queue.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.review_queue.validator IS 'The validator or judge whose question is to be answered.';
COMMENT ON COLUMN flywheel.review_queue.rubric_version IS 'flywheel.rubrics.version that the label will be given under.';
COMMENT ON COLUMN flywheel.review_queue.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.review_queue.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.review_queue.variant IS 'Of the step.';
COMMENT ON COLUMN flywheel.review_queue.priority IS 'The higher, the sooner.';
COMMENT ON COLUMN flywheel.review_queue.why IS 'What speaks for it, as far as that says nothing about the verdict.';
