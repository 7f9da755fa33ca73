-- What a team sees. Each function is in a subquery of its own, which is evaluated once per statement, not per row.
-- A table that says something about steps needs a policy here; the trigger on team_pipelines switches it on.

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['traces', 'verdicts', 'metric_rollup', 'coverage_ledger', 'labels', 'fixes', 'aligned', 'alignment_rollup', 'annotations', 'review_claims'] LOOP
        EXECUTE format('CREATE POLICY team ON flywheel.%I
            USING ((SELECT flywheel.reads_every_pipeline()) OR pipeline = ANY ((SELECT flywheel.my_pipelines())::text[]))', t);
        EXECUTE format('COMMENT ON POLICY team ON flywheel.%I IS %L', t, 'Rows of the pipelines of one''s teams: see flywheel.team_pipelines.');
    END LOOP;
    FOREACH t IN ARRAY ARRAY['dead_letters', 'deferrals', 'align_again', 'embeddings', 'shadow_examples'] LOOP
        EXECUTE format('CREATE POLICY team ON flywheel.%I
            USING ((SELECT flywheel.reads_every_pipeline()) OR EXISTS (SELECT FROM flywheel.traces t WHERE t.id = step_id))', t);
        EXECUTE format('COMMENT ON POLICY team ON flywheel.%I IS %L', t, 'Those of steps that one sees.');
    END LOOP;
END
$$;

CREATE POLICY team ON flywheel.trace_groups
    USING ((SELECT flywheel.reads_every_pipeline()) OR EXISTS (SELECT FROM flywheel.labels l WHERE l.trace_group = trace_groups.trace_group));

COMMENT ON POLICY team ON flywheel.trace_groups IS 'Those of labels that one sees: a session_id may name a user.';

CREATE POLICY team ON flywheel.team_pipelines
    USING ((SELECT flywheel.reads_every_pipeline()) OR pg_has_role(to_regrole(quote_ident(team)), 'USAGE'));

COMMENT ON POLICY team ON flywheel.team_pipelines IS 'One''s own teams.';
