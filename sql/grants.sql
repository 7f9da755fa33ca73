-- Who may do what. The one place for it: everything is closed to PUBLIC, then opened to the roles that need it.
-- A function without SECURITY DEFINER runs with its caller's rights, so its caller needs what it calls and reads, too.

DO $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT * FROM (VALUES
            ('flywheel_writer',   'The application: adds steps, asks flywheel.check(), reads nothing that others wrote.'),
            ('flywheel_reader',   'Dashboards: metrics, coverage, queues and verdicts; of a step where it belongs, never what it says.'),
            ('flywheel_reviewer', 'People who look at failures: what a reader sees, and the steps themselves.'),
            ('flywheel_worker',   'The worker and the scheduler: drain, claim, record. Validators written in SQL run with its rights.'),
            ('flywheel_admin',    'Runs the installation: registers validators and providers, reads and changes all rows. Whoever registers a function decides what the drain runs: no more trusted than the role that drains.')
        ) AS roles (name, purpose)
    LOOP
        CONTINUE WHEN to_regrole(r.name) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', r.name);
            EXECUTE format('COMMENT ON ROLE %I IS %L', r.name, 'pg_flywheel. ' || r.purpose);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this cluster was faster
            WHEN insufficient_privilege THEN
                RAISE WARNING 'flywheel: role % is missing and user % may not create it: until it exists only the owner can use the schema', r.name, current_user
                    USING HINT = 'Have it created (NOLOGIN), then run SELECT flywheel.apply_grants().';
        END;
    END LOOP;
END
$$;

CREATE FUNCTION flywheel.apply_grants() RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    REVOKE ALL ON ALL TABLES IN SCHEMA flywheel FROM PUBLIC;
    REVOKE ALL ON ALL ROUTINES IN SCHEMA flywheel FROM PUBLIC;
    IF (SELECT count(*) < 5 FROM pg_roles r
        WHERE r.rolname IN ('flywheel_writer', 'flywheel_reader', 'flywheel_reviewer', 'flywheel_worker', 'flywheel_admin'))
    THEN
        RETURN;
    END IF;

    GRANT USAGE ON SCHEMA flywheel TO flywheel_writer, flywheel_reader, flywheel_reviewer, flywheel_worker, flywheel_admin;
    GRANT USAGE ON SCHEMA pgmq TO flywheel_worker, flywheel_admin; -- for the type of a message
    GRANT EXECUTE ON FUNCTION flywheel.version TO flywheel_writer, flywheel_reader, flywheel_reviewer, flywheel_worker;

    -- The application: adds steps, asks check. Not with ids of its choice: the INSERTs of others that draw them later
    -- would fail. It reads ids, because RETURNING id needs that: how many steps there are, and nothing about them.
    EXECUTE format('GRANT INSERT (%s), SELECT (id) ON flywheel.traces TO flywheel_writer',
        (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute a
         WHERE a.attrelid = 'flywheel.traces'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'id'));
    GRANT SELECT ON flywheel.validators, flywheel.validator_versions TO flywheel_writer;
    GRANT EXECUTE ON FUNCTION flywheel."check", flywheel.filter_matches, flywheel.has_python, flywheel.call_sql,
        flywheel.outcome_sql, flywheel.try_call, flywheel.outcome_of, flywheel.try_python, flywheel.field_sql TO flywheel_writer;

    -- What was approved for prompts, for the application's and for people who look at it.
    GRANT EXECUTE ON FUNCTION flywheel.demonstrations, flywheel.few_shot TO flywheel_writer, flywheel_reviewer;
    GRANT SELECT ON flywheel.approved_examples, flywheel.fix_queue TO flywheel_reviewer;
    GRANT SELECT ON flywheel.few_shot_lift TO flywheel_reader, flywheel_reviewer;
    GRANT EXECUTE ON FUNCTION flywheel.approve_fix, flywheel.examples_of TO flywheel_reviewer;

    -- The library's validators written in SQL: who drains and who asks check runs them.
    GRANT EXECUTE ON FUNCTION flywheel.json_or_null, flywheel.tool_calls, flywheel.calls_of, flywheel.no_repeated_calls,
        flywheel.step_budget, flywheel.on_topic, flywheel.novelty, flywheel.compare_with_examples,
        flywheel.retrieval, flywheel.owned_entities, flywheel.sql_of, flywheel.check_generated_sql,
        flywheel.call_generated_sql, flywheel.sql_executes, flywheel.sql_same_result, flywheel.shadow_judge,
        flywheel.vote_of_neighbours, flywheel.trace_group TO flywheel_writer, flywheel_worker;
    -- Pure functions.
    GRANT EXECUTE ON FUNCTION flywheel.ranking, flywheel.relevance, flywheel.graded, flywheel.relevant, flywheel.precision_at_k,
        flywheel.recall_at_k, flywheel.success_at_k, flywheel.hit_at_k, flywheel.reciprocal_rank, flywheel.average_precision,
        flywheel.r_precision, flywheel.ndcg_at_k, flywheel.bpref
        TO flywheel_writer, flywheel_reader, flywheel_reviewer, flywheel_worker;

    -- Dashboards: results, not queues; of a step where it belongs, which coverage and why need, never its content.
    GRANT SELECT (id, trace_id, pipeline, node, node_type, variant, created_at) ON flywheel.traces TO flywheel_reader, flywheel_reviewer;
    GRANT SELECT ON flywheel.verdicts, flywheel.validators, flywheel.validator_versions,
        flywheel.activations, flywheel.python_validators, flywheel.dead_letters, flywheel.deferrals, flywheel.providers,
        flywheel.provider_state, flywheel.judge_state, flywheel.spending, flywheel.budgets, flywheel.holds,
        flywheel.prices, flywheel.metric_rollup, flywheel.metrics, flywheel.metrics_hourly,
        flywheel.metrics_daily, flywheel.retrieval_metrics, flywheel.confusion_matrix, flywheel.class_metrics,
        flywheel.classifier_metrics, flywheel.failure_reasons, flywheel.coverage, flywheel.coverage_ledger,
        flywheel.coverage_dirty, flywheel.queue_health, flywheel.queue_stats,
        flywheel.embedding_models, flywheel.embedded_pipelines, flywheel.embed_wanted, flywheel.index_health,
        flywheel.maintenance, flywheel.partitions, flywheel.retention, flywheel.kept_steps TO flywheel_reader, flywheel_reviewer;
    GRANT EXECUTE ON FUNCTION flywheel.why, flywheel.answers, flywheel.count_answers, flywheel.unsettled,
        flywheel.metrics_by, flywheel.wilson_lo, flywheel.wilson_hi, flywheel.reason_key, flywheel.slice_name, flywheel.block_of,
        flywheel.sample_point, flywheel.filter_matches, flywheel.known_validator, flywheel.has_python,
        flywheel.partition_size, flywheel.range_of, flywheel.utc_day, flywheel.votes_of, flywheel.estimate, flywheel.check_sample_rate,
        flywheel.serving_embedding_model
        TO flywheel_reader, flywheel_reviewer;

    -- People who look at failures: the steps, too; and who say what they think of them.
    GRANT SELECT ON flywheel.traces, flywheel.labels, flywheel.consensus, flywheel.stale_labels,
        flywheel.rubric_status, flywheel.leakage, flywheel.trace_groups,
        flywheel.split_shares, flywheel.fixes, flywheel.annotations, flywheel.failure_modes TO flywheel_reviewer;
    GRANT INSERT (step_id, validator, rubric_version, passed, score, category, critique, rater, sampling_design, inclusion_probability)
        ON flywheel.labels TO flywheel_reviewer;
    GRANT DELETE, UPDATE (passed, score, category, critique, example_approved_by, example_approved_at) -- see own_label, vet_example
        ON flywheel.labels TO flywheel_reviewer;
    GRANT INSERT (step_id, note, code, rater), UPDATE (note, code), DELETE ON flywheel.annotations TO flywheel_reviewer;
    GRANT INSERT (step_id, corrected_output, what_went_wrong, why, author) ON flywheel.fixes TO flywheel_reviewer;
    -- How far judges can be trusted: for dashboards, too.
    GRANT SELECT ON flywheel.aligned, flywheel.alignment_rollup, flywheel.alignment, flywheel.alignment_weekly, flywheel.corrected_metrics,
        flywheel.rubrics, flywheel.test_reads, flywheel.double_labels, flywheel.rater_pairs, flywheel.agreement TO flywheel_reader, flywheel_reviewer;
    GRANT EXECUTE ON FUNCTION flywheel.alignment_of, flywheel.note_test_read, flywheel.takes_examples,
        flywheel.corrected_metrics_between, flywheel.judge_version_diff TO flywheel_reader, flywheel_reviewer;
    GRANT SELECT (id, step_id, validator, rubric_version, passed, score, category, rater, sampling_design, inclusion_probability, created_at,
                  pipeline, node, variant, step_created_at, trace_group, split, step_changed_at, shared) ON flywheel.labels TO flywheel_reader;
    GRANT EXECUTE ON FUNCTION flywheel.normal_cdf, flywheel.normal_quantile, flywheel.z_value, flywheel.stirling_error, flywheel.log_gamma,
        flywheel.log_beta, flywheel.beta_cdf, flywheel.beta_quantile, flywheel.binomial_cdf, flywheel.clopper_pearson, flywheel.jeffreys,
        flywheel.agresti_coull, flywheel.newcombe, flywheel.newcombe_paired, flywheel.two_proportion_z, flywheel.mcnemar_exact,
        flywheel.mcnemar_chi2, flywheel.mcc, flywheel.kappa, flywheel.confusion_metrics, flywheel.post_stratified, flywheel.rogan_gladen,
        flywheel.ppi, flywheel.calibration_allocation, flywheel.cohen_kappa, flywheel.light_kappa, flywheel.rating_counts, flywheel.agreement,
        flywheel.fleiss_kappa, flywheel.gwet_ac1, flywheel.krippendorff_alpha(bigint[], text[]),
        flywheel.krippendorff_alpha(bigint[], double precision[], text) TO flywheel_reader, flywheel_reviewer;
    GRANT EXECUTE ON FUNCTION flywheel.current_rubric, flywheel.trace_group, flywheel.split_of, flywheel.is_admin,
        flywheel.approve_example, flywheel.correct, flywheel.read_labels TO flywheel_reviewer;
    -- They choose what to label, and chance may choose what has a label.
    GRANT SELECT ON flywheel.reviewed_validators, flywheel.review_signals, flywheel.review_queue, flywheel.open_reviews,
        flywheel.alignment_due TO flywheel_reviewer;
    GRANT SELECT, INSERT, DELETE ON flywheel.review_claims TO flywheel_reviewer;
    GRANT UPDATE (sampling_design, inclusion_probability) ON flywheel.labels TO flywheel_reviewer;
    GRANT EXECUTE ON FUNCTION flywheel.queued_reviews, flywheel.claim_review, flywheel.check_claim, flywheel.choose_steps, flywheel.sampling_frame,
        flywheel.associated_validator, flywheel.draw_steps, flywheel.decided, flywheel.plan_labels
        TO flywheel_reviewer;
    -- And find steps that are like others. An embedding tells of its text.
    GRANT SELECT ON flywheel.embeddings TO flywheel_reviewer;
    GRANT EXECUTE ON FUNCTION flywheel.embed, flywheel.embed_query, flywheel.nearest_steps,
        flywheel.check_dimensions, flywheel.vector_schema, flywheel.search_settings TO flywheel_reviewer;
    -- And the second opinion on a judge, and what it lets through.
    GRANT SELECT ON flywheel.shadows, flywheel.shadow_disagreements, flywheel.verdict_confidence TO flywheel_reader, flywheel_reviewer;
    GRANT SELECT ON flywheel.shadow_labels TO flywheel_reviewer;
    GRANT EXECUTE ON FUNCTION flywheel.newest_confidences, flywheel.fixed_sequence, flywheel.acceptance, flywheel.acceptable_verdicts
        TO flywheel_reviewer;

    -- The worker and the scheduler: drain, claim, record. Validators written in SQL run with this role's rights, so it
    -- reads steps; of the results only which there are.
    GRANT SELECT ON flywheel.traces, flywheel.validator_versions, flywheel.activations, flywheel.providers,
        flywheel.embedding_models TO flywheel_worker;
    GRANT SELECT (step_id, version_id) ON flywheel.verdicts, flywheel.dead_letters TO flywheel_worker;
    GRANT INSERT, DELETE ON flywheel.verdicts TO flywheel_worker;
    GRANT SELECT, INSERT, DELETE ON flywheel.stopped_drains TO flywheel_worker;
    GRANT EXECUTE ON PROCEDURE flywheel.drain TO flywheel_worker;
    GRANT EXECUTE ON FUNCTION
        -- drain calls these
        flywheel.begin_drain, flywheel.dispatch, flywheel.sweep, flywheel.sweep_if_due, flywheel.embed_due, flywheel.maintain,
        flywheel.claim, flywheel.run, flywheel.share_steps, flywheel.hold, flywheel.split, flywheel.acknowledge, flywheel.retry, flywheel.requeue,
        flywheel.validate, flywheel.hand_over, flywheel.lock_steps, flywheel.block_of, flywheel.wanted_sql, flywheel.eligible_sql,
        flywheel.sample_point, flywheel.store_outcomes, flywheel.store_error, flywheel.outcomes_sql, flywheel.call_sql,
        flywheel.outcome_sql, flywheel.try_call, flywheel.try_python, flywheel.outcome_of, flywheel.field_sql, flywheel.lapsed,
        flywheel.be_careful, flywheel.validating, flywheel.stop_overdue, flywheel.note_stored, flywheel.note_outcomes,
        -- the worker calls these
        flywheel.admit_worker, flywheel.judgements_waiting, flywheel.claim_judgements, flywheel.paid_answers, flywheel.extend_leases,
        flywheel.give_back, flywheel.lock_judgements, flywheel.record_judgements, flywheel.defer_judgements, flywheel.bury_judgements,
        flywheel.fail_judgements, flywheel.paused_judges, flywheel.pause_provider, flywheel.claim_python, flywheel.record_python, flywheel.sync_python_validators,
        flywheel.embedding_models_in_use, flywheel.serving_embedding_model, flywheel.claim_embeddings, flywheel.store_embeddings,
        flywheel.return_embeddings,
        flywheel.has_python, flywheel.utc_day, flywheel.votes_of -- for queue_health
        TO flywheel_worker;
    IF flywheel.has_python() THEN
        EXECUTE 'GRANT EXECUTE ON FUNCTION flywheel.py_validate, flywheel.py_path, flywheel.py_limit_memory TO flywheel_worker, flywheel_writer';
    END IF;

    -- Row security asks these, as whoever is limited by it.
    GRANT SELECT ON flywheel.team_pipelines TO flywheel_writer, flywheel_reader, flywheel_reviewer, flywheel_worker;
    GRANT EXECUTE ON FUNCTION flywheel.reads_every_pipeline, flywheel.my_pipelines
        TO flywheel_writer, flywheel_reader, flywheel_reviewer, flywheel_worker;

    -- Who runs the installation. Neither TRIGGER nor REFERENCES: a trigger would run with the rights of the owner,
    -- whose functions write these tables.
    GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA flywheel TO flywheel_admin;
    PERFORM flywheel.close_partitions();
    GRANT ALL ON ALL SEQUENCES IN SCHEMA flywheel TO flywheel_admin; -- next_step_id() reads the one of traces
    GRANT ALL ON ALL ROUTINES IN SCHEMA flywheel TO flywheel_admin;
END
$$;

COMMENT ON FUNCTION flywheel.apply_grants() IS
'Closes the schema to PUBLIC and opens it to flywheel_writer, flywheel_reader, flywheel_reviewer, flywheel_worker and flywheel_admin. Run at installation; run it again after creating roles that were missing.';

SELECT flywheel.apply_grants();
