"""A provider that fails is paused, at no step's cost; a step that fails is tried again, at most five times."""

import json
import socket

import psutil
import pytest
from pg_flywheel.standin import Fault

CANARY = "sk-canary-5f3a9c"


def test_429_pauses_for_as_long_as_the_provider_asks(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url, max_in_flight=4)
    flow.insert(20)
    provider.faults.append(Fault("status", 429, retry_after="600"))
    worker = start_worker(flow.dsn)
    wait_for(lambda: worker.logged("provider paused"))
    wait_for(lambda: flow.leased() == 0 and flow.coverage().get("pending", 0) == 0)
    assert flow.value("SELECT paused_until > now() + interval '5 minutes' FROM flywheel.provider_state")
    assert "HTTP 429" in flow.value("SELECT paused_reason FROM flywheel.provider_state")
    assert flow.value("SELECT max(read_ct) FROM pgmq.q_flywheel_judge_default") == 0
    assert provider.n_calls <= 8

    flow.db.execute("UPDATE flywheel.provider_state SET paused_until = now()")
    wait_for(lambda: flow.coverage() == {"verdicts": 20})
    assert flow.statuses() == {"ok": 20}
    assert worker.stop() == 0


def test_after_errors_of_the_provider_every_verdict_arrives(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url, max_in_flight=4)
    provider.faults.extend([Fault("status", 500), Fault("disconnect"), Fault("status", 401), Fault("close_mid_body")])
    flow.insert(20)
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.coverage() == {"verdicts": 20})
    assert flow.statuses() == {"ok": 20}
    assert worker.stop() == 0


def test_a_server_that_starts_late_is_waited_for(flow, start_provider, start_worker, wait_for):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flow.add_judge(f"http://127.0.0.1:{port}/v1")
    step, *_ = flow.insert(5)
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.coverage() == {"deferred": 5})
    assert f"127.0.0.1:{port}" in flow.value("SELECT reason FROM flywheel.why(%s, 'helpful')", step)
    start_provider(port)
    wait_for(lambda: flow.coverage() == {"verdicts": 5})
    assert flow.statuses() == {"ok": 5}
    assert worker.stop() == 0


@pytest.mark.parametrize(
    "served, reason",
    [
        (Fault("status", 400, body='{"error": {"message": "too long for me"}}'), "too long for me"),
        (Fault("refusal"), "refused"),
        (Fault("content_filter"), "content filter"),
        (Fault("empty_choices"), "no choices"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_what_is_no_answer_is_counted_and_tried_again(flow, provider, start_worker, wait_for, served, reason):
    flow.add_judge(provider.base_url, max_in_flight=1)
    provider.faults.append(served)
    flow.insert(3)
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.coverage() == {"verdicts": 2, "deferred": 1})
    assert reason in flow.value("SELECT reason FROM flywheel.deferrals")
    assert flow.value("SELECT read_ct FROM pgmq.q_flywheel_judge_default") == 1
    wait_for(lambda: flow.coverage() == {"verdicts": 3})
    assert flow.statuses() == {"ok": 3}
    assert worker.stop() == 0


def test_a_missing_key_pauses_its_provider_only(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url, "keyless", "keyless", api_key_env="FLYWHEEL_TEST_UNSET")
    flow.add_judge(provider.base_url)
    worker = start_worker(flow.dsn)
    flow.insert(5)
    wait_for(lambda: flow.coverage() == {"verdicts": 5, "deferred": 5})
    paused = flow.value("SELECT paused_reason FROM flywheel.provider_state WHERE provider = 'keyless'")
    assert "FLYWHEEL_TEST_UNSET" in paused
    flow.set_provider(provider.base_url, "keyless")
    flow.db.execute("UPDATE flywheel.provider_state SET paused_until = NULL")
    wait_for(lambda: flow.coverage() == {"verdicts": 10})
    assert worker.stop() == 0


def test_the_key_is_sent_and_stays_secret(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url, api_key_env="FLYWHEEL_TEST_KEY")
    provider.faults.append(Fault("status", 400, body=json.dumps({"error": {"message": f"bad key {CANARY}"}})))
    provider.faults.append(Fault("status", 401, body=json.dumps({"error": {"message": f"bad key {CANARY}"}})))
    flow.insert(5)
    worker = start_worker(flow.dsn, env={"FLYWHEEL_TEST_KEY": CANARY})
    wait_for(lambda: flow.value("SELECT count(*) FROM flywheel.deferrals WHERE reason LIKE '%%bad key ***%%'"))
    wait_for(lambda: flow.coverage() == {"verdicts": 5})
    family = [psutil.Process(worker.popen.pid), *psutil.Process(worker.popen.pid).children(recursive=True)]
    assert not [process for process in family if CANARY in " ".join(process.cmdline())]
    assert worker.stop() == 0
    assert CANARY not in worker.log
    tables = flow.db.execute(
        "SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables WHERE schemaname IN ('flywheel', 'pgmq')"
    ).fetchall()
    for (table,) in tables:
        assert not flow.value(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", f"%{CANARY}%"), table


def test_a_verdict_that_the_database_refuses_is_one_steps_dead_letter(flow, provider, run_once):
    flow.add_judge(provider.base_url)
    refused, *others = flow.insert(10)
    flow.db.execute(f"ALTER TABLE flywheel.verdicts ADD CONSTRAINT not_this_one CHECK (step_id <> {refused})")
    run_once(flow.dsn)
    assert flow.coverage() == {"verdicts": len(others), "dead_letters": 1}
    assert "not_this_one" in flow.value("SELECT error FROM flywheel.dead_letters WHERE step_id = %s", refused)
