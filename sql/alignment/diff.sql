-- Is the new version of a judge better: both versions on the same steps.

CREATE FUNCTION flywheel.judge_version_diff(validator text, version_a int, version_b int, split text DEFAULT 'dev')
    RETURNS TABLE (
        pipeline text, node text, variant text,
        labelled bigint, accuracy_a double precision, accuracy_b double precision, only_a_right bigint, only_b_right bigint,
        accuracy_difference double precision, accuracy_difference_lo double precision, accuracy_difference_hi double precision,
        mcnemar_p double precision, got_worse boolean,
        judged bigint, pass_rate_a double precision, pass_rate_b double precision, only_a_passed bigint, only_b_passed bigint,
        pass_rate_difference double precision, pass_rate_difference_lo double precision, pass_rate_difference_hi double precision,
        flips_p double precision, invalid_a double precision, invalid_b double precision)
    LANGUAGE plpgsql
AS $$
DECLARE
    d flywheel.validators := flywheel.known_validator(validator);
    a flywheel.validator_versions;
    b flywheel.validator_versions;
BEGIN
    SELECT w.* INTO a FROM flywheel.validator_versions w WHERE w.validator = d.name AND w.version = version_a;
    SELECT w.* INTO b FROM flywheel.validator_versions w WHERE w.validator = d.name AND w.version = version_b;
    IF a.id IS NULL OR b.id IS NULL THEN
        RAISE EXCEPTION '"%" has no version %', d.name, coalesce(CASE WHEN a.id IS NULL THEN version_a ELSE version_b END::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('It has %s.', (SELECT string_agg(w.version::text, ', ' ORDER BY w.version)
                                               FROM flywheel.validator_versions w WHERE w.validator = d.name));
    ELSIF split IS NULL OR split NOT IN ('few_shot', 'dev', 'test') THEN
        RAISE EXCEPTION 'there is no split "%"', coalesce(split, 'NULL')
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Expected dev, test (reading it is logged), or few_shot.';
    ELSIF split = 'few_shot' AND (flywheel.takes_examples(a.config) OR flywheel.takes_examples(b.config)) THEN
        RAISE EXCEPTION 'a version of "%" has the few_shot split in its prompt', d.name
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Compare them on dev.';
    ELSIF split = 'test' THEN
        PERFORM flywheel.note_test_read(d.name, 'judge_version_diff');
    END IF;
    RETURN QUERY
    WITH counts AS (
        SELECT s.slice, count(*)::float8 AS asked,
               count(*) FILTER (WHERE x.passed IS NULL) AS invalid_a, count(*) FILTER (WHERE y.passed IS NULL) AS invalid_b,
               count(*) FILTER (WHERE x.passed AND y.passed)::float8 AS both_passed,
               count(*) FILTER (WHERE x.passed AND NOT y.passed)::float8 AS a_passed,
               count(*) FILTER (WHERE y.passed AND NOT x.passed)::float8 AS b_passed,
               count(*) FILTER (WHERE NOT x.passed AND NOT y.passed)::float8 AS none_passed,
               count(*) FILTER (WHERE x.passed = l.human AND y.passed = m.human)::float8 AS both_right,
               count(*) FILTER (WHERE x.passed = l.human AND y.passed <> m.human)::float8 AS a_right,
               count(*) FILTER (WHERE y.passed = m.human AND x.passed <> l.human)::float8 AS b_right,
               count(*) FILTER (WHERE x.passed <> l.human AND y.passed <> m.human)::float8 AS none_right
        FROM flywheel.verdicts x
        JOIN flywheel.verdicts y ON y.step_id = x.step_id AND y.version_id = b.id
        LEFT JOIN flywheel.aligned l ON l.step_id = x.step_id AND l.version_id = a.id AND l.split = judge_version_diff.split
        LEFT JOIN flywheel.aligned m ON m.step_id = y.step_id AND m.version_id = b.id AND m.split = judge_version_diff.split
        CROSS JOIN LATERAL (VALUES ('{}'::text[]), (ARRAY[x.pipeline, x.node, x.variant])) AS s (slice) -- all of them, and each slice
        WHERE x.version_id = a.id
        GROUP BY s.slice
    )
    SELECT c.slice[1], c.slice[2], c.slice[3],
           r.n::bigint, (c.both_right + c.a_right) / nullif(r.n, 0), (c.both_right + c.b_right) / nullif(r.n, 0),
           c.a_right::bigint, c.b_right::bigint,
           -e.difference, -e.hi, -e.lo, CASE WHEN r.n > 0 THEN flywheel.mcnemar_exact(c.a_right, c.b_right) END,
           CASE WHEN r.n > 0 THEN c.b_right < c.a_right END,
           r.judged::bigint, (c.both_passed + c.a_passed) / nullif(r.judged, 0), (c.both_passed + c.b_passed) / nullif(r.judged, 0),
           c.a_passed::bigint, c.b_passed::bigint, -f.difference, -f.hi, -f.lo,
           CASE WHEN r.judged > 0 THEN flywheel.mcnemar_exact(c.a_passed, c.b_passed) END,
           c.invalid_a / c.asked, c.invalid_b / c.asked
    FROM counts c
    CROSS JOIN LATERAL (SELECT c.both_right + c.a_right + c.b_right + c.none_right AS n,
                               c.both_passed + c.a_passed + c.b_passed + c.none_passed AS judged) r
    CROSS JOIN LATERAL flywheel.newcombe_paired(c.both_right, c.a_right, c.b_right, c.none_right) e
    CROSS JOIN LATERAL flywheel.newcombe_paired(c.both_passed, c.a_passed, c.b_passed, c.none_passed) f
    ORDER BY c.slice <> '{}', -e.difference NULLS LAST, c.slice;
END
$$;

COMMENT ON FUNCTION flywheel.judge_version_diff(text, int, int, text) IS
'Versions a and b of a validator on the steps that both were asked of: first all of them, then each slice, those where b got worse first. Of the labelled steps (of split, each version under its rubric): accuracy, b minus a with Newcombe''s paired interval, and McNemar''s exact p from the steps that only one is right on. Of all steps: the same for passing, which needs no labels. invalid: share of errors, timeouts and abstentions. Reads all verdicts of both.';
