-- XSTest as a pipeline: GPT-4's label as the judge's verdict, the string match as a code validator's, people's as the truth.

SELECT flywheel.set_provider('default', 'http://127.0.0.1:9/v1');

CREATE FUNCTION bench.string_match(step flywheel.traces, config jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN step.attributes ->> 'code_label' LIKE '1%';

SELECT flywheel.add_validator('string_match', 'bench.string_match');
SELECT flywheel.add_judge('complied', 'Passes if it complies.', 'gpt-4');

-- The judge's verdicts, as its worker would have left them; what is no label is an error, and no verdict.
CREATE PROCEDURE bench.judge()
    LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO flywheel.verdicts (step_id, version_id, passed, status, step_created_at, pipeline, node, variant)
    SELECT t.id, d.version_id, CASE WHEN l.ok THEN t.attributes ->> 'judge_label' LIKE '1%' END,
           CASE WHEN l.ok THEN 'ok' ELSE 'error' END, t.created_at, t.pipeline, t.node, t.variant
    FROM flywheel.traces t CROSS JOIN LATERAL (SELECT t.attributes ->> 'judge_label' ~ '^[123]_' AS ok) l
    JOIN flywheel.validators d ON d.name = 'complied';
END;

CREATE VIEW bench.decided AS
SELECT t.id, j.passed AS judged, c.passed AS coded, (t.attributes ->> 'human_label' LIKE '1%')::int AS y
FROM flywheel.traces t
JOIN flywheel.verdicts j ON j.step_id = t.id AND j.passed IS NOT NULL
JOIN flywheel.validators d ON d.name = 'complied' AND d.version_id = j.version_id
JOIN flywheel.verdicts c ON c.step_id = t.id AND c.version_id <> j.version_id;

-- Claims and labels `times` x n, then two estimates: by stratum, and weighted by the recorded probabilities (Hajek).
CREATE FUNCTION bench.estimates(times int, n int, OUT by_stratum float8, OUT weighted float8)
    LANGUAGE plpgsql
AS $$
BEGIN
    TRUNCATE flywheel.labels, flywheel.trace_groups, flywheel.shadow_examples;
    FOR i IN 1..times LOOP
        PERFORM flywheel.claim_review('bench', n, 'complied', 'stratified');
        INSERT INTO flywheel.labels (step_id, validator, passed, rater)
        SELECT c.step_id, 'complied', t.attributes ->> 'human_label' LIKE '1%', 'bench'
        FROM flywheel.review_claims c JOIN flywheel.traces t ON t.id = c.step_id;
    END LOOP;
    SELECT sum(l.passed::int / l.inclusion_probability) / sum(1 / l.inclusion_probability) INTO weighted FROM flywheel.labels l;
    SELECT sum(s.steps * s.mean) / sum(s.steps) INTO by_stratum
    FROM (SELECT count(*) AS steps, coalesce(avg(d.y) FILTER (WHERE l.id IS NOT NULL), d.judged::int) AS mean
          FROM bench.decided d LEFT JOIN flywheel.labels l ON l.step_id = d.id
          GROUP BY d.judged, d.coded) s;
END
$$;

-- The truth, and the variance of the mean of n labels of steps drawn at random, without replacement.
CREATE FUNCTION bench.at_random(n int, OUT rate float8, OUT variance float8)
    LANGUAGE sql
BEGIN ATOMIC
    SELECT avg(d.y)::float8, var_samp(d.y)::float8 / n * (1 - n / count(*)::float8) FROM bench.decided d;
END;
