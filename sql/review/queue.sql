-- Which steps to label next.

-- A function beneath the view: JIT compilation would take 5 s, the query takes 30 ms.
CREATE FUNCTION flywheel.queued_reviews() RETURNS TABLE (
    step_id        bigint,
    validator      text,
    rubric_version int,
    pipeline       text,
    node           text,
    variant        text,
    priority       double precision,
    why            text
)
    LANGUAGE sql STABLE SET jit = off
BEGIN ATOMIC
    SELECT s.step_id, s.validator, d.rubric_version, t.pipeline, t.node, t.variant, s.priority,
           -- Of the signals only those that do not tell the verdict.
           coalesce(s.why, 'it is worth a look')
    FROM (SELECT x.step_id, x.validator, sum(x.weight) AS priority,
                 string_agg(DISTINCT x.signal, ', ') FILTER (WHERE x.signal NOT IN ('low score', 'new failure mode')) AS why
          FROM flywheel.review_signals x GROUP BY 1, 2) s
    JOIN flywheel.reviewed_validators d ON d.validator = s.validator
    JOIN flywheel.traces t ON t.id = s.step_id
    WHERE NOT EXISTS (SELECT FROM flywheel.labels l
                      WHERE l.step_id = s.step_id AND l.validator = s.validator AND l.rubric_version = d.rubric_version
                        AND l.step_changed_at IS NULL)
      AND NOT EXISTS (SELECT FROM flywheel.review_claims c
                      WHERE c.step_id = s.step_id AND c.validator = s.validator AND c.until > now());
END;

COMMENT ON FUNCTION flywheel.queued_reviews() IS
'Internal: the rows of flywheel.review_queue.';

CREATE VIEW flywheel.review_queue WITH (security_invoker) AS
SELECT q.step_id, q.validator, q.rubric_version, q.pipeline, q.node, q.variant, q.priority, q.why
FROM flywheel.queued_reviews() q;

COMMENT ON VIEW flywheel.review_queue IS
'Steps that would tell most if somebody labelled them, with the sum of their flywheel.review_signals; without what the judge said, which is for after the label. Not those that have a label of the current rubric and content, or that somebody is at. Take some: flywheel.claim_review().';
COMMENT ON COLUMN flywheel.review_queue.step_id IS 'flywheel.traces.id.';
COMMENT ON COLUMN flywheel.review_queue.validator IS 'The validator or judge whose question is to be answered.';
COMMENT ON COLUMN flywheel.review_queue.rubric_version IS 'flywheel.rubrics.version that the label will be given under.';
COMMENT ON COLUMN flywheel.review_queue.pipeline IS 'Of the step.';
COMMENT ON COLUMN flywheel.review_queue.node IS 'Of the step.';
COMMENT ON COLUMN flywheel.review_queue.variant IS 'Of the step.';
COMMENT ON COLUMN flywheel.review_queue.priority IS 'The higher, the sooner.';
COMMENT ON COLUMN flywheel.review_queue.why IS 'What speaks for it, but for what the verdict is: for who plans. "it is worth a look" leaves little else than that it fails, so that flywheel.claim_review() says nothing of this to who labels.';
