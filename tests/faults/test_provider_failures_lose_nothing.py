"""Whatever a provider does, every step ends with one answer, and only what is a step's own fault is held against it."""
# ruff: noqa: F811, fixtures are imported

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pg_flywheel.standin import Fault

from tests.sql.conftest import Flywheel
from tests.worker.conftest import flow, open_flow, provider, start_provider, start_worker, wait_for  # noqa: F401

pytestmark = pytest.mark.faults

QUEUE = "pgmq.q_flywheel_judge_default"
GOOD = {"reason": "good", "passed": True, "score": 1}

# What a provider can do to one call. Those of the second list it may do because of the step.
OF_THE_PROVIDER = {
    "429": Fault("status", 429),
    "429, Retry-After": Fault("status", 429, retry_after="1"),
    "429, Retry-After in the past": Fault("status", 429, retry_after="Thu, 01 Jan 1970 00:00:00 GMT"),
    "429, Retry-After huge": Fault("status", 429, retry_after="99999999999"),
    "401 for all": Fault("status", 401),
    "503": Fault("status", 503),
    "502": Fault("status", 502),
}
OF_EITHER = {
    "500": Fault("status", 500),
    "no answer": Fault("hang"),
    "hang after headers": Fault("hang_in_body"),
    "slow drip": Fault("drip"),
    "connection dropped": Fault("disconnect"),
    "connection dropped in the body": Fault("close_mid_body"),
    "invalid JSON": Fault("not_json"),
    "truncated JSON": Fault("truncated_json"),
}
OF_THE_STEP = {
    "empty choices": Fault("empty_choices"),
    "refusal": Fault("refusal"),
    "content filter": Fault("content_filter"),
    "400": Fault("status", 400),
    "422": Fault("status", 422),
    "free text": "It is fine, I think.",
}


def cases(*lists: dict) -> pytest.MarkDecorator:
    everything = {name: fault for each in lists for name, fault in each.items()}
    return pytest.mark.parametrize("fault", everything.values(), ids=everything.keys())


def only(marker: str, fault: object) -> Callable[[dict], object]:
    """The fault for steps whose input has the marker, a verdict for all others."""
    return lambda request: fault if marker in request["messages"][-1]["content"] else GOOD


def check_accounts(flow) -> None:
    """Each step has one answer, the rollup is what counting gives, nothing is in flight."""
    assert not flow.coverage().keys() & {"pending", "deferred"}
    assert Flywheel(flow.db).wrong_rollups() == []
    assert flow.value(f"SELECT count(*) FROM {QUEUE}") == 0
    assert flow.value("SELECT count(*) FROM flywheel.deferrals") == 0
    assert flow.value("SELECT coalesce(sum(reserved), 0) FROM flywheel.spending") == 0


@cases(OF_THE_PROVIDER, OF_EITHER)
def test_an_outage_costs_no_step_anything(flow, provider, start_worker, wait_for, fault):
    flow.add_judge(provider.base_url, timeout_seconds=0.5, max_in_flight=4)
    provider.answer = lambda request: fault
    flow.insert(20)
    flow.db.execute("CALL flywheel.drain()")
    worker = start_worker(flow.dsn)
    for pauses in range(1, 4):
        wait_for(lambda n=pauses: flow.value("SELECT failures FROM flywheel.provider_state") >= n)
        wait_for(lambda: flow.coverage() == {"deferred": 20})
        assert flow.value("SELECT reason FROM flywheel.why(1, 'helpful')").startswith("provider default is paused: ")
        flow.hurry()
    provider.answer = lambda request: GOOD
    wait_for(lambda: flow.hurry() or flow.coverage() == {"verdicts": 20})
    assert worker.stop() == 0
    assert flow.statuses() == {"ok": 20}
    assert flow.value("SELECT count(*) FROM flywheel.dead_letters") == 0
    check_accounts(flow)


@cases(OF_THE_STEP, OF_EITHER)
def test_a_step_that_fails_while_others_succeed_is_given_up(flow, provider, start_worker, wait_for, fault):
    flow.add_judge(provider.base_url, timeout_seconds=0.5, max_in_flight=4)
    provider.answer = only("poison", fault)
    (poison,) = flow.insert(1, "poison")
    flow.insert(20, "healthy")
    flow.db.execute("CALL flywheel.drain()")
    worker = start_worker(flow.dsn)

    def others_go_on() -> bool:
        flow.insert(1, f"healthy {provider.n_calls}")
        flow.hurry()
        return flow.value("SELECT count(*) FROM flywheel.dead_letters") + flow.verdicts("status = 'error'") == 1

    wait_for(others_go_on)
    wait_for(lambda: flow.hurry() or not flow.coverage().keys() & {"pending", "deferred"})
    assert worker.stop() == 0
    if isinstance(fault, Fault):
        dead = flow.db.execute("SELECT step_id, attempts, error <> '' FROM flywheel.dead_letters").fetchall()
        assert dead == [(poison, 5, True)]
        assert set(flow.statuses()) == {"ok"}
    else:  # the model did reply: an error, after the second time
        errors = "SELECT step_id, reason <> '' FROM flywheel.verdicts WHERE status = 'error'"
        assert flow.db.execute(errors).fetchall() == [(poison, True)]
        assert flow.value("SELECT count(*) FROM flywheel.dead_letters") == 0
    check_accounts(flow)


@pytest.mark.parametrize("status", [400, 404])
def test_what_a_judge_meets_with_every_step_is_not_the_steps_fault(flow, provider, start_worker, wait_for, status):
    no_model = Fault("status", status, body='{"error": {"message": "model-1 does not exist"}}')
    provider.answer = lambda request: no_model if request["model"] == "model-1" else GOOD
    flow.add_judge(provider.base_url, max_in_flight=4)
    flow.value("SELECT flywheel.add_judge('other', 'Passes if polite.', 'model-2')")
    step, *_ = flow.insert(40)
    flow.db.execute("CALL flywheel.drain()")
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.coverage() == {"verdicts": 40, "deferred": 40})
    why = flow.value("SELECT reason FROM flywheel.why(%s, 'helpful')", step)
    assert "judge helpful is paused" in why
    assert "model-1 does not exist" in why
    for pauses in range(2, 6):
        many = f"SELECT EXISTS (SELECT FROM flywheel.judge_state WHERE failures >= {pauses})"
        wait_for(lambda many=many: flow.hurry() or flow.value(many))
    flow.insert(10, "later")
    wait_for(lambda: flow.verdicts() == 50)
    assert flow.value("SELECT count(*) FROM flywheel.dead_letters") == 0
    assert flow.value("SELECT max(failures) FROM flywheel.provider_state") == 0, "the other judge's model is fine"

    provider.answer = lambda request: GOOD
    wait_for(lambda: flow.hurry() or flow.coverage() == {"verdicts": 100})
    assert worker.stop() == 0
    check_accounts(flow)


def test_a_missing_model_does_not_bury_slow_traffic(flow, provider, start_worker, wait_for):
    provider.answer = lambda request: Fault("status", 400)
    flow.add_judge(provider.base_url)
    flow.insert(1, "step")
    flow.db.execute("CALL flywheel.drain()")
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.hurry() or flow.coverage() == {"dead_letters": 1})
    for n in range(1, 4):  # one after the other, each given up before the next comes
        flow.insert(1, f"step {n}")
        wait_for(lambda n=n: flow.hurry() or flow.coverage() == {"dead_letters": n + 1})
    flow.insert(20, "more")
    for pauses in range(1, 8):
        many = f"SELECT EXISTS (SELECT FROM flywheel.judge_state WHERE failures >= {pauses})"
        wait_for(lambda many=many: flow.hurry() or flow.value(many))
    assert flow.value("SELECT count(*) FROM flywheel.dead_letters") == 4
    assert worker.stop() == 0


@pytest.mark.parametrize("fault", [Fault("hang"), Fault("status", 429, retry_after="600")], ids=["hangs", "429"])
def test_other_providers_go_on_at_full_speed(flow, start_provider, start_worker, wait_for, fault):
    ill, well = start_provider(), start_provider()
    ill.answer = lambda request: fault
    flow.add_judge(ill.base_url, "of_ill", "ill", timeout_seconds=600, max_in_flight=8)
    flow.insert(20)
    worker = start_worker(flow.dsn)
    wait_for(lambda: ill.n_calls >= (8 if fault.kind == "hang" else 1))
    flow.add_judge(well.base_url, max_in_flight=8)
    well.hold()
    flow.insert(200, "later")
    wait_for(lambda: well.in_flight == 8)  # as many at once as without the other
    well.release()
    wait_for(lambda: flow.verdicts() == 200)
    assert flow.coverage().keys() & {"pending", "deferred"}, "the other provider's wait, and none is lost"
    assert "dead_letters" not in flow.coverage()
    assert ill.n_calls <= 8 + 4, "what was in flight and ready"
    worker.kill()


def test_a_closed_port_and_a_bad_certificate(flow, start_worker, wait_for, tls_server, free_port):
    flow.add_judge(tls_server, "secure", "secure")
    flow.add_judge(f"http://127.0.0.1:{free_port}/v1", "closed", "closed")
    flow.insert(10)
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.coverage() == {"deferred": 20})
    paused = dict(flow.db.execute("SELECT provider, paused_reason FROM flywheel.provider_state").fetchall())
    assert "CERTIFICATE_VERIFY_FAILED" in paused["secure"]
    assert f"127.0.0.1:{free_port}" in paused["closed"]
    assert flow.value("SELECT max(read_ct) FROM pgmq.q_flywheel_judge_secure") <= 1
    assert worker.stop() == 0


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def tls_server(tmp_path):
    """An HTTPS server whose certificate nobody signed."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout"
    subprocess.run([*command.split(), key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # the client breaks off, as it should
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
