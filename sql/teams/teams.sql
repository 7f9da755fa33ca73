-- Several teams in one database, each with its own pipelines. Off, and without any cost, while no team is named here.

CREATE TABLE flywheel.team_pipelines (
    team     text,
    pipeline text,
    PRIMARY KEY (team, pipeline)
);

ALTER TABLE flywheel.team_pipelines ENABLE ROW LEVEL SECURITY;

COMMENT ON TABLE flywheel.team_pipelines IS
'Which role works with which pipelines. While it is empty, roles decide alone. From the first row on, row security holds for everybody but the owner: members of a team read and INSERT steps, verdicts, metrics and coverage of its pipelines only, others none; members of flywheel_admin and flywheel_worker all. The registry (validators, rubrics, providers) and queue lengths stay visible to all. Postgres refuses COPY INTO a table with row security: teams INSERT.';
COMMENT ON COLUMN flywheel.team_pipelines.team IS 'A role. What its members may do at all is up to flywheel_writer, flywheel_reader and flywheel_reviewer: grant it those.';
COMMENT ON COLUMN flywheel.team_pipelines.pipeline IS 'flywheel.traces.pipeline.';

CREATE FUNCTION flywheel.reads_every_pipeline() RETURNS boolean
    LANGUAGE sql STABLE
    RETURN NOT row_security_active('flywheel.traces')
        OR coalesce(pg_has_role(to_regrole('flywheel_admin'), 'USAGE'), false)
        OR coalesce(pg_has_role(to_regrole('flywheel_worker'), 'USAGE'), false);

COMMENT ON FUNCTION flywheel.reads_every_pipeline() IS
'Whether the current user is not limited to the pipelines of its teams.';

CREATE FUNCTION flywheel.my_pipelines() RETURNS text[]
    LANGUAGE sql STABLE
    RETURN ARRAY(SELECT p.pipeline FROM flywheel.team_pipelines p WHERE pg_has_role(to_regrole(quote_ident(p.team)), 'USAGE'));

COMMENT ON FUNCTION flywheel.my_pipelines() IS
'The pipelines of the teams that the current user is a member of.';

-- By a trigger, because pg_dump saves the rows of an extension's table, and not that its row security is on.
CREATE FUNCTION flywheel.follow_teams() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted boolean;
    t      regclass;
    team   text;
BEGIN
    -- Else the last team could leave while the first of others comes, and nobody be limited.
    PERFORM pg_advisory_xact_lock(hashtextextended('flywheel.teams', 0));
    wanted := EXISTS (SELECT FROM flywheel.team_pipelines);
    FOR t IN
        SELECT c.oid FROM pg_class c
        WHERE c.relnamespace = 'flywheel'::regnamespace AND c.relrowsecurity <> wanted
          AND c.oid <> 'flywheel.team_pipelines'::regclass AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
    LOOP
        EXECUTE format('ALTER TABLE %s %s ROW LEVEL SECURITY', t, CASE WHEN wanted THEN 'ENABLE' ELSE 'DISABLE' END);
    END LOOP;
    FOR team IN SELECT DISTINCT p.team FROM flywheel.team_pipelines p WHERE to_regrole(quote_ident(p.team)) IS NULL LOOP
        RAISE WARNING 'flywheel: team % is not a role', quote_ident(team)
            USING HINT = format('Nobody is a member until somebody runs CREATE ROLE %I.', team);
    END LOOP;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION flywheel.follow_teams() IS
'Trigger: switches row security on with the first row of flywheel.team_pipelines, and off with the last. That waits for open transactions on flywheel.traces, and they for it.';

CREATE TRIGGER follow_teams
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON flywheel.team_pipelines
    FOR EACH STATEMENT EXECUTE FUNCTION flywheel.follow_teams();

COMMENT ON TRIGGER follow_teams ON flywheel.team_pipelines IS 'Row security is on while there are teams.';
