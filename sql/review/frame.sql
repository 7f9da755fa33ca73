-- Two-phase sampling (Neyman 1938, JASA 33:101): many steps at random, whose verdicts cost nothing, say how large each
-- stratum is; of each stratum as many are labelled as its size and spread deserve (Neyman 1934).

CREATE FUNCTION flywheel.associated_validator(version int, steps bigint[], OUT code_version int, OUT phi double precision)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.version_id, corr(j.passed::int, c.passed::int)
    FROM unnest(steps) AS s (id)
    JOIN flywheel.verdicts j ON j.step_id = s.id AND j.version_id = version
    CROSS JOIN flywheel.validators d
    JOIN flywheel.verdicts c ON c.step_id = s.id AND c.version_id = d.version_id AND c.passed IS NOT NULL
    WHERE d.kind = 'code' AND d.version_id <> version
    GROUP BY c.version_id
    HAVING count(*) >= 30 AND abs(corr(j.passed::int, c.passed::int)) >= 0.1
    ORDER BY abs(corr(j.passed::int, c.passed::int)) DESC
    LIMIT 1;
END;

COMMENT ON FUNCTION flywheel.associated_validator(int, bigint[]) IS
'Internal: the code validator whose verdicts on these steps go most with, or most against, those of a version, and their phi coefficient. NULL if none is over 0.1 on 30 steps.';

CREATE FUNCTION flywheel.sampling_frame(validator text, n int, design text, since timestamptz)
    RETURNS TABLE (
        step_id        bigint,
        passed         boolean,
        code_validator text,
        code_passed    boolean,
        node           text,
        stratum        bigint,
        steps          double precision,
        labelled       bigint,
        pass_rate      double precision,
        expected       double precision,
        expected_up_to double precision
    )
    LANGUAGE sql
BEGIN ATOMIC
    WITH current AS MATERIALIZED (
        SELECT d.version_id, w.rubric_version
        FROM flywheel.validators d JOIN flywheel.validator_versions w ON w.id = d.version_id
        WHERE d.name = sampling_frame.validator
    ), frame AS MATERIALIZED (
        SELECT f.step_id, f.passed, f.node
        FROM current v, flywheel.draw_steps(v.version_id, CASE design WHEN 'random' THEN 1000 + 20 * n ELSE 10000 END, since) f
    ), code AS MATERIALIZED (
        SELECT w.id AS version_id, w.validator, a.phi
        FROM current v,
             flywheel.associated_validator(v.version_id, ARRAY(SELECT f.step_id FROM frame f LIMIT 2000)) a
        JOIN flywheel.validator_versions w ON w.id = a.code_version
        WHERE design = 'stratified'
    ), nodes AS MATERIALIZED ( -- the others are one stratum
        SELECT f.node FROM frame f
        WHERE design = 'stratified'
        GROUP BY f.node HAVING count(*) >= 0.05 * (SELECT count(*) FROM frame)
    ), drawn AS MATERIALIZED (
        SELECT f.step_id, CASE WHEN design <> 'random' THEN f.passed END AS passed, c.passed AS code_passed, x.node
        FROM frame f
        LEFT JOIN nodes x ON x.node = f.node
        LEFT JOIN flywheel.verdicts c ON c.step_id = f.step_id AND c.version_id = (SELECT k.version_id FROM code k)
    ), labelled AS MATERIALIZED ( -- what there is to learn from; the test split is kept for the final say
        SELECT j.passed, c.passed AS code_passed, x.node, count(*) AS n, sum(l.passed::int) AS k
        FROM current v
        CROSS JOIN LATERAL (
            SELECT a.step_id, a.passed, a.node FROM flywheel.labels a
            WHERE a.validator = sampling_frame.validator AND a.rubric_version = v.rubric_version AND a.split <> 'test'
              AND a.passed IS NOT NULL AND a.step_changed_at IS NULL AND design = 'stratified'
            ORDER BY a.id DESC LIMIT 2000) l
        JOIN flywheel.verdicts j ON j.step_id = l.step_id AND j.version_id = v.version_id AND j.passed IS NOT NULL
        LEFT JOIN nodes x ON x.node = l.node
        LEFT JOIN flywheel.verdicts c ON c.step_id = l.step_id AND c.version_id = (SELECT k.version_id FROM code k)
        GROUP BY 1, 2, 3
    ), strata AS MATERIALIZED (
        SELECT s.*, coalesce(own.n, 0) AS labelled, (coalesce(own.k, 0) + 2 * cell.pass_rate) / (coalesce(own.n, 0) + 2) AS pass_rate
        FROM (SELECT d.passed, d.code_passed, d.node, count(*) AS m FROM drawn d GROUP BY 1, 2, 3) s
        LEFT JOIN code a ON true
        LEFT JOIN labelled own ON own.passed = s.passed AND own.code_passed IS NOT DISTINCT FROM s.code_passed
                              AND own.node IS NOT DISTINCT FROM s.node
        -- A stratum leans on all nodes with these verdicts, and they on how far the two validators agree: each by the
        -- weight of two labels.
        CROSS JOIN LATERAL (
            SELECT CASE WHEN s.code_passed IS NULL THEN 0.2
                        WHEN (s.code_passed = s.passed) = (a.phi > 0) THEN 0.2 - 0.1 * abs(a.phi)
                        ELSE 0.2 + 0.3 * abs(a.phi) END AS error) prior
        CROSS JOIN LATERAL (
            SELECT (coalesce(sum(l.k), 0) + 2 * CASE WHEN s.passed THEN 1 - prior.error ELSE prior.error END)
                   / (coalesce(sum(l.n), 0) + 2) AS pass_rate
            FROM labelled l WHERE l.passed = s.passed AND l.code_passed IS NOT DISTINCT FROM s.code_passed) cell
    ), shares AS ( -- relative probabilities: Neyman's, none under a fifth of another
        SELECT s.*, CASE design WHEN 'random' THEN 1 WHEN 'verdict_balanced' THEN 1.0 / s.m
                    ELSE greatest(0.1, sqrt(s.pass_rate * (1 - s.pass_rate))) END AS share
        FROM strata s
    ), filled AS ( -- a probability ends at 1: strata that are labelled whole leave the rest to the others
        SELECT s.*, row_number() OVER large AS stratum,
               (least(n, sum(s.m) OVER ()) - coalesce(sum(s.m) OVER (large ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))
               / sum(s.m * s.share) OVER (large ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS factor
        FROM shares s
        WINDOW large AS (ORDER BY s.share DESC, s.passed, s.code_passed, s.node)
    ), scale AS (
        SELECT greatest(1, (SELECT flywheel.decided(v.version_id, since) FROM current v) / nullif(count(*), 0)) AS up FROM frame
    ), quotas AS MATERIALIZED (
        SELECT s.*, s.m * least(1, s.share * (SELECT f.factor FROM filled f WHERE f.factor * f.share <= 1.000001
                                              ORDER BY f.stratum LIMIT 1)) AS expected
        FROM filled s
    )
    SELECT d.step_id, s.passed, (SELECT k.validator FROM code k), s.code_passed, s.node, s.stratum, s.m * x.up, s.labelled,
           CASE design WHEN 'stratified' THEN s.pass_rate END, s.expected, s.up_to
    FROM drawn d
    JOIN (SELECT q.*, sum(q.expected) OVER (ORDER BY q.stratum) AS up_to FROM quotas q) s
      ON s.passed IS NOT DISTINCT FROM d.passed AND s.code_passed IS NOT DISTINCT FROM d.code_passed AND s.node IS NOT DISTINCT FROM d.node
    CROSS JOIN scale x;
END;

COMMENT ON FUNCTION flywheel.sampling_frame(text, int, text, timestamptz) IS
'Internal: up to 10,000 steps at random, each with its stratum under a design, how many steps that stands for, and how many labels of n that is to get, on average; with the strata before it.';
