-- Who may do what. The one place for it: everything is closed to PUBLIC, then opened to the roles that need it.
-- A function without SECURITY DEFINER runs with its caller's rights, so its caller needs what it calls and reads, too.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['flywheel_writer', 'flywheel_reader', 'flywheel_worker', 'flywheel_admin'] LOOP
        IF to_regrole(role) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN
                    NULL; -- another database of this cluster was faster
                WHEN insufficient_privilege THEN
                    RAISE WARNING 'flywheel: role % is missing and user % may not create it: until it exists only the owner can use the schema', role, current_user
                        USING HINT = 'Have it created (NOLOGIN), then run SELECT flywheel.apply_grants().';
            END;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION flywheel.apply_grants() RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    REVOKE ALL ON ALL TABLES IN SCHEMA flywheel FROM PUBLIC;
    REVOKE ALL ON ALL ROUTINES IN SCHEMA flywheel FROM PUBLIC;
    IF (SELECT count(*) < 4 FROM pg_roles r
        WHERE r.rolname IN ('flywheel_writer', 'flywheel_reader', 'flywheel_worker', 'flywheel_admin'))
    THEN
        RETURN;
    END IF;

    GRANT USAGE ON SCHEMA flywheel TO flywheel_writer, flywheel_reader, flywheel_worker, flywheel_admin;
    GRANT USAGE ON SCHEMA pgmq TO flywheel_worker, flywheel_admin; -- for the type of a message
    GRANT EXECUTE ON FUNCTION flywheel.version TO flywheel_writer, flywheel_reader, flywheel_worker;

    -- The application: adds steps, reads back the id of its own INSERT, asks check.
    GRANT INSERT, SELECT (id) ON flywheel.traces TO flywheel_writer;
    GRANT SELECT ON flywheel.validators, flywheel.validator_versions TO flywheel_writer;
    GRANT EXECUTE ON FUNCTION flywheel."check", flywheel.filter_matches, flywheel.has_python, flywheel.call_sql,
        flywheel.try_call, flywheel.outcome_of, flywheel.try_python, flywheel.field_sql TO flywheel_writer;

    -- Dashboards and people: results, not queues.
    GRANT SELECT ON flywheel.traces, flywheel.verdicts, flywheel.validators, flywheel.validator_versions,
        flywheel.activations, flywheel.python_validators, flywheel.dead_letters, flywheel.deferrals, flywheel.providers,
        flywheel.provider_state, flywheel.prices, flywheel.metric_rollup, flywheel.metrics, flywheel.metrics_hourly,
        flywheel.metrics_daily, flywheel.failure_reasons, flywheel.retrieval_metrics,
        flywheel.confusion_matrix, flywheel.class_metrics, flywheel.classifier_metrics, flywheel.coverage, flywheel.coverage_ledger,
        flywheel.coverage_dirty, flywheel.queue_health, flywheel.queue_stats,
        flywheel.maintenance TO flywheel_reader;
    GRANT EXECUTE ON FUNCTION flywheel.why, flywheel.answers, flywheel.count_answers, flywheel.unsettled, flywheel.step_blocks,
        flywheel.metrics_by, flywheel.wilson_lo, flywheel.wilson_hi, flywheel.reason_key, flywheel.block_of,
        flywheel.sample_point, flywheel.filter_matches, flywheel.known_validator, flywheel.has_python TO flywheel_reader;

    -- The validators that come with pg_flywheel, and the pure functions that they call.
    GRANT EXECUTE ON FUNCTION flywheel.ranking, flywheel.relevance, flywheel.graded, flywheel.relevant, flywheel.precision_at_k,
        flywheel.recall_at_k, flywheel.success_at_k, flywheel.hit_at_k, flywheel.reciprocal_rank, flywheel.average_precision,
        flywheel.r_precision, flywheel.ndcg_at_k, flywheel.bpref, flywheel.retrieval, flywheel.owned_entities
        TO flywheel_writer, flywheel_reader, flywheel_worker;

    -- The worker and the scheduler: drain, claim, record. Validators written in SQL run with this role's rights.
    GRANT SELECT ON flywheel.traces, flywheel.validator_versions, flywheel.activations, flywheel.dead_letters,
        flywheel.providers, flywheel.provider_state, flywheel.maintenance, flywheel.queue_stats, flywheel.queue_health
        TO flywheel_worker;
    GRANT SELECT, INSERT, DELETE ON flywheel.verdicts TO flywheel_worker;
    GRANT EXECUTE ON PROCEDURE flywheel.drain TO flywheel_worker;
    GRANT EXECUTE ON FUNCTION
        -- drain calls these
        flywheel.begin_drain, flywheel.dispatch, flywheel.sweep, flywheel.sweep_if_due, flywheel.maintain, flywheel.claim,
        flywheel.run, flywheel.hold, flywheel.split, flywheel.acknowledge, flywheel.retry, flywheel.requeue,
        flywheel.validate, flywheel.hand_over, flywheel.lock_steps, flywheel.block_of, flywheel.wanted_sql, flywheel.eligible_sql,
        flywheel.sample_point, flywheel.store_outcomes, flywheel.store_error, flywheel.outcomes_sql, flywheel.call_sql,
        flywheel.try_call, flywheel.outcome_of, flywheel.field_sql,
        -- the worker calls these
        flywheel.judgements_waiting, flywheel.claim_judgements, flywheel.paid_answers, flywheel.extend_leases,
        flywheel.give_back, flywheel.record_judgements, flywheel.defer_judgements, flywheel.bury_judgements,
        flywheel.pause_provider, flywheel.claim_python, flywheel.record_python, flywheel.sync_python_validators,
        flywheel.has_python
        TO flywheel_worker;
    IF flywheel.has_python() THEN
        EXECUTE 'GRANT EXECUTE ON FUNCTION flywheel.py_validate, flywheel.py_path TO flywheel_worker, flywheel_writer';
    END IF;

    -- Who runs the installation. Neither TRIGGER nor REFERENCES: a trigger would run with the rights of the owner,
    -- whose functions write these tables.
    GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA flywheel TO flywheel_admin;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA flywheel TO flywheel_admin; -- next_step_id() reads the one of traces
    GRANT ALL ON ALL ROUTINES IN SCHEMA flywheel TO flywheel_admin;
END
$$;

COMMENT ON FUNCTION flywheel.apply_grants() IS
'Closes the schema to PUBLIC and opens it to flywheel_writer, flywheel_reader, flywheel_worker and flywheel_admin. Run at installation; run it again after creating roles that were missing.';

SELECT flywheel.apply_grants();
