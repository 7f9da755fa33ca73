"""`flywheel worker --once`: every queue drained, exit code 0; or a sentence and exit code 1."""

import json


def test_code_python_and_judge_verdicts_are_all_there(every_flow, provider, run_once):
    flow = every_flow
    flow.db.execute(
        "CREATE FUNCTION has_output(step flywheel.traces, config jsonb) RETURNS boolean "
        "LANGUAGE sql AS 'SELECT step.output IS NOT NULL'"
    )
    flow.value("SELECT flywheel.add_validator('has_output', 'has_output')")
    flow.value("SELECT flywheel.add_validator('short', 'py:max_length', '{\"limit\": 20}')")
    flow.add_judge(provider.base_url)
    flow.insert(30)

    run_once(flow.dsn)

    assert flow.coverage() == {"verdicts": 90}
    assert flow.statuses() == {"ok": 90}
    assert provider.n_calls == 30


def test_nothing_to_do_is_soon_done(flow, run_once):
    run_once(flow.dsn)


def test_what_has_to_wait_is_deferred_and_does_not_hold_it_up(flow, run_once):
    flow.add_judge("http://127.0.0.1:9/v1")  # nobody listens there
    flow.insert(5)
    run_once(flow.dsn)
    # Deferred for a second, which may be over by now.
    assert flow.coverage().keys() <= {"deferred", "pending"}
    assert flow.value("SELECT failures > 0 AND paused_reason LIKE '%%127.0.0.1:9%%' FROM flywheel.provider_state")


def test_a_missing_key_is_an_error_once_all_else_is_done(flow, provider, start_worker):
    flow.add_judge(provider.base_url, "keyless", "keyless", api_key_env="FLYWHEEL_TEST_UNSET")
    flow.set_provider(provider.base_url, "unused", api_key_env="FLYWHEEL_TEST_UNSET_TOO")
    flow.add_judge(provider.base_url)
    flow.insert(5)
    worker = start_worker(flow.dsn, once=True)
    assert worker.wait() == 1
    assert flow.coverage() == {"verdicts": 5, "deferred": 5}
    assert "FLYWHEEL_TEST_UNSET is not set" in worker.log
    assert "FLYWHEEL_TEST_UNSET_TOO" not in worker.log
    assert "Traceback" not in worker.log


def test_every_line_of_the_log_is_json(flow, provider, run_once):
    flow.add_judge(provider.base_url)
    flow.insert(1)
    lines = [json.loads(line) for line in run_once(flow.dsn).log.splitlines()]
    assert [line["event"] for line in lines] == ["worker started", "worker stopped"]
    assert all({"time", "level", "event"} <= line.keys() for line in lines)


def test_a_database_without_pg_flywheel_is_refused(empty_dsn, start_worker):
    worker = start_worker(empty_dsn, once=True)
    assert worker.wait() == 1
    assert "the database has no pg_flywheel" in worker.log
    assert "flywheel install" in worker.log


def test_a_schema_of_another_version_is_refused(flow, start_worker):
    flow.db.execute("CREATE OR REPLACE FUNCTION flywheel.version() RETURNS text LANGUAGE sql AS $$ SELECT '0.0.1' $$")
    worker = start_worker(flow.dsn)
    assert worker.wait() == 1
    assert "0.0.1" in worker.log
    assert "flywheel install" in worker.log


def test_a_database_that_is_down_is_a_sentence(start_worker, tmp_path):
    worker = start_worker(f"postgresql:///nothing?host={tmp_path}", once=True)
    assert worker.wait() == 1
    assert "cannot use the database" in worker.log
    assert "Traceback" not in worker.log
