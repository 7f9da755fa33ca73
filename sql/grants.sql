-- Who may do what. The one place for it: every object is closed first, then opened to the roles that need it.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['flywheel_writer', 'flywheel_reader', 'flywheel_worker', 'flywheel_admin'] LOOP
        IF to_regrole(role) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'flywheel: roles flywheel_writer, flywheel_reader, flywheel_worker and flywheel_admin are missing and this user may not create them: only the owner can use the schema'
        USING HINT = 'Have them created (NOLOGIN) and run SELECT flywheel.apply_grants().';
END
$$;

CREATE FUNCTION flywheel.apply_grants() RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    REVOKE ALL ON ALL TABLES IN SCHEMA flywheel FROM PUBLIC;
    REVOKE ALL ON ALL ROUTINES IN SCHEMA flywheel FROM PUBLIC;
    IF to_regrole('flywheel_admin') IS NULL THEN
        RETURN;
    END IF;

    GRANT USAGE ON SCHEMA flywheel TO flywheel_writer, flywheel_reader, flywheel_worker, flywheel_admin;

    -- The application: adds steps, asks check, reads back the id of its own INSERT.
    GRANT INSERT ON flywheel.traces TO flywheel_writer;
    GRANT SELECT (id) ON flywheel.traces TO flywheel_writer;
    GRANT EXECUTE ON FUNCTION flywheel."check"(text, text, text, text, text, text, jsonb, jsonb), flywheel.version() TO flywheel_writer;

    -- Dashboards and people: results, not queues.
    GRANT SELECT ON flywheel.traces, flywheel.verdicts, flywheel.validators, flywheel.validator_versions, flywheel.activations,
        flywheel.python_validators, flywheel.dead_letters, flywheel.deferrals, flywheel.providers, flywheel.provider_state,
        flywheel.prices, flywheel.metric_rollup, flywheel.metrics, flywheel.metrics_hourly, flywheel.metrics_daily,
        flywheel.failure_reasons, flywheel.coverage, flywheel.coverage_ledger, flywheel.coverage_dirty, flywheel.queue_health,
        flywheel.queue_stats, flywheel.maintenance TO flywheel_reader;
    GRANT EXECUTE ON FUNCTION flywheel.version(), flywheel.why(bigint, text), flywheel.answers(bigint, bigint, text),
        flywheel.count_answers(bigint, bigint, text), flywheel.unsettled(), flywheel.metrics_by(text), flywheel.block_of(bigint),
        flywheel.reason_key(text), flywheel.sample_point(text, text), flywheel.known_validator(text), flywheel.has_python(),
        flywheel.filter_matches(flywheel.validator_versions, text, text, text),
        flywheel.wilson_lo(double precision, double precision, double precision),
        flywheel.wilson_hi(double precision, double precision, double precision) TO flywheel_reader;

    -- The worker and the scheduler: drain, claim, record. Validators written in SQL run with this role's rights.
    GRANT SELECT ON flywheel.traces, flywheel.validator_versions, flywheel.activations, flywheel.dead_letters,
        flywheel.providers, flywheel.provider_state, flywheel.maintenance, flywheel.queue_stats TO flywheel_worker;
    GRANT SELECT, INSERT, DELETE ON flywheel.verdicts TO flywheel_worker;
    GRANT EXECUTE ON PROCEDURE flywheel.drain(double precision, int, boolean, bigint, bigint) TO flywheel_worker;
    GRANT EXECUTE ON FUNCTION flywheel.version(), flywheel.begin_drain(), flywheel.dispatch(int), flywheel.sweep(int),
        flywheel.sweep_if_due(), flywheel.maintain(), flywheel.claim(text, int, int), flywheel.run(pgmq.message_record),
        flywheel.split(pgmq.message_record, text, text), flywheel.hold(text, bigint), flywheel.acknowledge(text, bigint[]),
        flywheel.retry(text, bigint, int, text), flywheel.requeue(jsonb), flywheel.lock_steps(int, bigint, bigint),
        flywheel.block_of(bigint), flywheel.sample_point(text, text), flywheel.has_python(),
        flywheel.validate(flywheel.validator_versions, bigint, bigint, boolean),
        flywheel.wanted_sql(flywheel.validator_versions, bigint, bigint, boolean),
        flywheel.eligible_sql(flywheel.validator_versions, bigint, bigint),
        flywheel.outcomes_sql(flywheel.validator_versions, text, boolean), flywheel.call_sql(flywheel.validator_versions),
        flywheel.outcome_of(flywheel.verdict, timestamptz), flywheel.try_call(flywheel.traces, text),
        flywheel.store_outcomes(flywheel.validator_versions, text, boolean),
        flywheel.store_error(flywheel.validator_versions, text, text),
        flywheel.claim_judgements(text, int, int), flywheel.paid_answers(int[], bytea[]),
        flywheel.extend_leases(text, bigint[], int), flywheel.give_back(text, bigint[]),
        flywheel.record_judgements(text, jsonb), flywheel.defer_judgements(text, jsonb), flywheel.bury_judgements(text, jsonb),
        flywheel.pause_provider(text, text, double precision), flywheel.claim_python(int),
        flywheel.record_python(bigint, int, real, jsonb), flywheel.sync_python_validators(jsonb) TO flywheel_worker;
    IF flywheel.has_python() THEN
        EXECUTE 'GRANT EXECUTE ON FUNCTION flywheel.py_validate(text, text, text[], double precision, double precision) TO flywheel_worker';
    END IF;

    -- Who runs the installation: everything in the schema.
    GRANT ALL ON ALL TABLES IN SCHEMA flywheel TO flywheel_admin;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA flywheel TO flywheel_admin;
    GRANT ALL ON ALL ROUTINES IN SCHEMA flywheel TO flywheel_admin;
END
$$;

COMMENT ON FUNCTION flywheel.apply_grants() IS
'Closes the schema to PUBLIC and opens it to flywheel_writer, flywheel_reader, flywheel_worker and flywheel_admin. Run at installation; run it again after creating roles that were missing.';

SELECT flywheel.apply_grants();
