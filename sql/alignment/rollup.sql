-- flywheel.aligned counted: what the views read, so that they take as long for 100,000 labels as for a thousand. Written
-- as flywheel.metric_rollup is: differences are appended, and merged by the drain.

CREATE TABLE flywheel.alignment_rollup (
    merged                boolean NOT NULL DEFAULT false,
    day                   timestamptz NOT NULL,
    version_id            int NOT NULL,
    pipeline              text NOT NULL,
    node                  text,
    variant               text,
    split                 text NOT NULL,
    held_out              boolean NOT NULL,
    sampling_design       text NOT NULL,
    inclusion_probability double precision,
    human                 boolean NOT NULL,
    passed                boolean,
    n                     bigint NOT NULL
);

CREATE UNIQUE INDEX alignment_rollup_key
    ON flywheel.alignment_rollup (version_id, day, pipeline, node, variant, split, held_out, sampling_design,
                                  inclusion_probability, human, passed) NULLS NOT DISTINCT WHERE merged;

COMMENT ON TABLE flywheel.alignment_rollup IS
'flywheel.aligned, counted by everything but the step. Sum n; read flywheel.alignment and flywheel.corrected_metrics.';
COMMENT ON COLUMN flywheel.alignment_rollup.merged IS 'false: a difference, not yet added to the others.';
COMMENT ON COLUMN flywheel.alignment_rollup.day IS 'Day (UTC) of the step''s created_at.';
COMMENT ON COLUMN flywheel.alignment_rollup.version_id IS 'As in flywheel.aligned; so are the others.';
COMMENT ON COLUMN flywheel.alignment_rollup.pipeline IS 'Of the steps.';
COMMENT ON COLUMN flywheel.alignment_rollup.node IS 'Of the steps.';
COMMENT ON COLUMN flywheel.alignment_rollup.variant IS 'Of the steps.';
COMMENT ON COLUMN flywheel.alignment_rollup.split IS 'See flywheel.aligned.';
COMMENT ON COLUMN flywheel.alignment_rollup.held_out IS 'See flywheel.aligned.';
COMMENT ON COLUMN flywheel.alignment_rollup.sampling_design IS 'See flywheel.aligned.';
COMMENT ON COLUMN flywheel.alignment_rollup.inclusion_probability IS 'See flywheel.aligned.';
COMMENT ON COLUMN flywheel.alignment_rollup.human IS 'See flywheel.aligned.';
COMMENT ON COLUMN flywheel.alignment_rollup.passed IS 'See flywheel.aligned.';
COMMENT ON COLUMN flywheel.alignment_rollup.n IS 'Steps; negative for those that are no longer counted.';
COMMENT ON INDEX flywheel.alignment_rollup_key IS 'One merged row each.';

CREATE FUNCTION flywheel.count_aligned() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sign CONSTANT int := TG_ARGV[0];
BEGIN
    IF NOT flywheel.loads_a_dump() THEN
        INSERT INTO flywheel.alignment_rollup
        SELECT false, date_trunc('day', c.step_created_at, 'UTC'), c.version_id, c.pipeline, c.node, c.variant, c.split, c.held_out,
               c.sampling_design, c.inclusion_probability, c.human, c.passed, sign * count(*)
        FROM changed c
        GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.count_aligned() IS
'Trigger: counts pairs into flywheel.alignment_rollup (argument 1) or out of it (-1).';

CREATE TRIGGER count_inserted AFTER INSERT ON flywheel.aligned
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_aligned('1');
CREATE TRIGGER count_deleted AFTER DELETE ON flywheel.aligned
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_aligned('-1');
CREATE TRIGGER count_update_out AFTER UPDATE ON flywheel.aligned
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_aligned('-1');
CREATE TRIGGER count_update_in AFTER UPDATE ON flywheel.aligned
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION flywheel.count_aligned('1');

COMMENT ON TRIGGER count_inserted ON flywheel.aligned IS 'Keeps flywheel.alignment_rollup exact.';
COMMENT ON TRIGGER count_deleted ON flywheel.aligned IS 'Keeps flywheel.alignment_rollup exact.';
COMMENT ON TRIGGER count_update_out ON flywheel.aligned IS 'Keeps flywheel.alignment_rollup exact: the old values go out.';
COMMENT ON TRIGGER count_update_in ON flywheel.aligned IS 'Keeps flywheel.alignment_rollup exact: the new values come in.';

CREATE FUNCTION flywheel.tend_alignment() RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    steps bigint[];
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('flywheel.tend_alignment', 0)) THEN
        RETURN;
    END IF;
    WITH over AS (
        DELETE FROM flywheel.align_again a WHERE a.ended <= pg_snapshot_xmin(pg_current_snapshot()) RETURNING a.step_id
    )
    SELECT array_agg(DISTINCT o.step_id) INTO steps FROM over o;
    IF steps IS NOT NULL THEN
        PERFORM flywheel.align(steps);
    END IF;
    UPDATE flywheel.align_again SET ended = pg_snapshot_xmax(pg_current_snapshot()) WHERE ended IS NULL;

    WITH differences AS (
        DELETE FROM flywheel.alignment_rollup r WHERE NOT r.merged RETURNING r.*
    )
    INSERT INTO flywheel.alignment_rollup AS r
    SELECT true, d.day, d.version_id, d.pipeline, d.node, d.variant, d.split, d.held_out, d.sampling_design,
           d.inclusion_probability, d.human, d.passed, sum(d.n)
    FROM differences d
    GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
    HAVING sum(d.n) <> 0
    ON CONFLICT (version_id, day, pipeline, node, variant, split, held_out, sampling_design, inclusion_probability, human, passed)
        WHERE merged DO UPDATE
    SET n = r.n + excluded.n;
END
$$;

COMMENT ON FUNCTION flywheel.tend_alignment() IS
'Aligns again what was written at the same moment, and merges the differences of flywheel.alignment_rollup. The drain calls it every few seconds.';
