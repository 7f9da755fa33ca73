-- Whether examples help a judge, in numbers: they do not always.

CREATE VIEW flywheel.few_shot_lift WITH (security_invoker) AS
SELECT w.validator, w.version, (w.config ->> 'few_shot')::int AS few_shot, o.version AS without, p.n,
       (p.both_right + p.gained) / nullif(p.n, 0)::float8 AS accuracy, (p.both_right + p.lost) / nullif(p.n, 0)::float8 AS accuracy_without,
       i.difference AS lift, i.lo AS lift_lo, i.hi AS lift_hi, p.gained, p.lost,
       CASE WHEN p.n > 0 THEN flywheel.mcnemar_exact(p.gained, p.lost) END AS p,
       CASE WHEN o.id IS NULL THEN 'no version without examples is otherwise the same'
            WHEN p.n = 0 THEN 'no step of the dev split has labels and a verdict of both' END AS why
FROM flywheel.validator_versions w
LEFT JOIN LATERAL (
    SELECT v.id, v.version FROM flywheel.validator_versions v
    WHERE v.validator = w.validator AND (v.rubric_version, v.provider, v.model) = (w.rubric_version, w.provider, w.model)
      AND v.config = w.config || '{"few_shot": 0}'
    ORDER BY v.version DESC LIMIT 1
) o ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS n, count(*) FILTER (WHERE a.passed = a.human AND b.passed = b.human) AS both_right,
           count(*) FILTER (WHERE a.passed = a.human AND b.passed <> b.human) AS gained,
           count(*) FILTER (WHERE a.passed <> a.human AND b.passed = b.human) AS lost
    FROM flywheel.aligned a
    JOIN flywheel.aligned b ON b.step_id = a.step_id AND b.version_id = o.id
    WHERE a.version_id = w.id AND a.split = 'dev' AND a.passed IS NOT NULL AND b.passed IS NOT NULL
) p
CROSS JOIN LATERAL flywheel.newcombe_paired(p.both_right, p.gained, p.lost, p.n - p.both_right - p.gained - p.lost) i
WHERE (w.config ->> 'few_shot')::int > 0;

COMMENT ON VIEW flywheel.few_shot_lift IS
'What examples do for the accuracy of a judge: each version with few_shot beside the newest that is the same but for it, on the labelled steps of the dev split that both decided. To have both decide on the same steps: flywheel.backfill() after making the version.';
COMMENT ON COLUMN flywheel.few_shot_lift.validator IS 'The judge.';
COMMENT ON COLUMN flywheel.few_shot_lift.version IS 'The version with examples.';
COMMENT ON COLUMN flywheel.few_shot_lift.few_shot IS 'How many it is shown at most.';
COMMENT ON COLUMN flywheel.few_shot_lift.without IS 'The version without.';
COMMENT ON COLUMN flywheel.few_shot_lift.n IS 'Steps that people labelled and both decided.';
COMMENT ON COLUMN flywheel.few_shot_lift.accuracy IS 'Share of them on which the version with examples agrees with people.';
COMMENT ON COLUMN flywheel.few_shot_lift.accuracy_without IS 'The same for the version without.';
COMMENT ON COLUMN flywheel.few_shot_lift.lift IS 'accuracy less accuracy_without: below 0 the examples do harm.';
COMMENT ON COLUMN flywheel.few_shot_lift.lift_lo IS 'Lower end of its 95 % interval: flywheel.newcombe_paired().';
COMMENT ON COLUMN flywheel.few_shot_lift.lift_hi IS 'Upper end.';
COMMENT ON COLUMN flywheel.few_shot_lift.gained IS 'Steps that it gets right only with examples.';
COMMENT ON COLUMN flywheel.few_shot_lift.lost IS 'Steps that it gets right only without.';
COMMENT ON COLUMN flywheel.few_shot_lift.p IS 'How probable such a difference is where examples change nothing: flywheel.mcnemar_exact().';
COMMENT ON COLUMN flywheel.few_shot_lift.why IS 'Why there are no numbers.';
