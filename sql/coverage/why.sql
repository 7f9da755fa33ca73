-- What became of one step for one validator.

CREATE FUNCTION flywheel.why(step_id bigint, validator text) RETURNS TABLE (
    answer  text,
    reason  text,
    version int,
    until   timestamptz,
    status  text,
    passed  boolean,
    score   double precision
)
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    d flywheel.validators := flywheel.known_validator(validator);
BEGIN
    IF NOT EXISTS (SELECT FROM flywheel.traces t WHERE t.id = why.step_id) THEN
        RAISE EXCEPTION 'step % does not exist', coalesce(why.step_id::text, 'NULL')
            USING ERRCODE = 'no_data_found', HINT = 'Ids are those of flywheel.traces; a deleted step leaves nothing behind.';
    END IF;
    RETURN QUERY
    SELECT a.answer,
           CASE a.answer
               WHEN 'verdict' THEN v.reason
               WHEN 'pending' THEN CASE WHEN w.runs_in = 'judge' THEN 'waits for a worker to ask ' || w.provider
                                        WHEN w.runs_in = 'python' AND NOT flywheel.has_python() THEN 'waits for a worker'
                                        ELSE 'waits for flywheel.drain()' END
               WHEN 'deferred' THEN coalesce(h.reason, f.reason)
               WHEN 'dead_letter' THEN format('given up after %s attempts: %s', x.attempts, x.error)
               ELSE CASE a.why
                   WHEN 'filtered' THEN format('filtered: the validator is limited to %s; the step is pipeline %s, node %s, node type %s',
                       concat_ws(', ', 'pipeline ' || w.pipeline, 'node ' || w.node, 'node type ' || w.node_type),
                       t.pipeline, coalesce(t.node, 'NULL'), coalesce(t.node_type, 'NULL'))
                   WHEN 'sampled_out' THEN format('sampled out: the trace falls at %s of 0..1, not below the sample rate',
                       round(flywheel.sample_point(t.trace_id, d.name)::numeric, 4))
                   WHEN 'not_requested' THEN 'not requested: the validator runs on demand, see flywheel.evaluate()'
                   WHEN 'before' THEN format('inserted before the validator existed (%s), see flywheel.backfill()', d.created_at)
                   ELSE 'paused: inserted while the validator was disabled or on demand, see flywheel.backfill()'
               END
           END,
           w.version,
           CASE a.answer WHEN 'deferred' THEN greatest(f.until, h.until) END,
           v.status, v.passed, v.score
    FROM flywheel.answers(why.step_id, why.step_id, d.name) a
    JOIN flywheel.traces t ON t.id = a.step_id
    JOIN flywheel.validator_versions w ON w.id = a.version_id
    LEFT JOIN flywheel.verdicts v ON v.step_id = a.step_id AND v.version_id = a.version_id AND a.answer = 'verdict'
    LEFT JOIN flywheel.dead_letters x ON x.step_id = a.step_id AND x.version_id = a.version_id
    LEFT JOIN flywheel.deferrals f ON f.step_id = a.step_id AND f.version_id = a.version_id AND f.until > now()
    LEFT JOIN flywheel.holds h ON h.version_id = a.version_id;
END
$$;

COMMENT ON FUNCTION flywheel.why(bigint, text) IS
'What became of a step for a validator: answer is verdict, pending, deferred (until when), dead_letter or not_eligible, with the reason in words, the version that answers, and the verdict where there is one. An unknown step or validator is an error.';
