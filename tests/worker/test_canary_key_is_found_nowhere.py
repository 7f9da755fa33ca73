"""A provider's key is in the worker's environment and in its requests and nowhere else, whatever a reply quotes."""

import base64
import json
import subprocess
import sys
from urllib.parse import quote

import psutil
import psycopg
import pytest
from pg_flywheel.cluster import Cluster, find_server
from pg_flywheel.install import install
from pg_flywheel.standin import Fault

KEY = "sk-canary-5f0c1d9b7e/+="
FORMS = [KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode()]
ECHO = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}", "authorization": f"Bearer {KEY}"}})


def leaks(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


@pytest.fixture
def cluster(tmp_path):
    """One of its own, for its log: every statement with its parameters, and everything that the server has to say."""
    settings = {"fsync": "off", "log_statement": "all", "log_min_messages": "debug1",
                "log_parameter_max_length_on_error": "-1"}  # fmt: skip
    with Cluster(find_server("18"), tmp_path / "cluster", settings) as cluster:
        cluster.create_database("flywheel")
        yield cluster
    cluster.remove()


def test_a_key_that_every_failure_quotes(cluster, provider, open_flow, start_worker, wait_for):
    flow = open_flow(cluster.dsn("flywheel"))
    install(flow.db)
    quoting = iter([
        {"reason": f"your key is {KEY}", "passed": False, "score": 0},  # stored with the verdict
        f"not JSON, but {KEY}",
        Fault("status", 400, body=ECHO),  # stored with the step
        Fault("status", 401, body=ECHO, retry_after="0"),  # stored with the provider
        Fault("status", 500, body=f"<html>{KEY}</html>", retry_after=KEY),
        Fault("close_mid_body"),
    ])  # fmt: skip
    provider.answer = lambda request: next(quoting, {"reason": "fine", "passed": True, "score": 1})
    flow.add_judge(provider.base_url, api_key_env="CANARY_KEY", max_in_flight=1)
    flow.set_provider("http://127.0.0.1:9/v1", "gone", api_key_env="CANARY_KEY")
    flow.value("SELECT flywheel.add_judge('unreachable', 'Passes.', 'm', 'gone')")
    flow.insert(9)
    worker = start_worker(flow.dsn, env={"CANARY_KEY": KEY, "OPENAI_LOG": "debug", "PYTHONASYNCIODEBUG": "1"})
    seen: list[str] = []

    def judged() -> bool:
        processes = [worker.popen.pid, *(child.pid for child in psutil.Process(worker.popen.pid).children())]
        seen.extend(str(psutil.Process(pid).cmdline()) for pid in processes if psutil.pid_exists(pid))
        seen.extend(title for title, in flow.db.execute("SELECT application_name || query FROM pg_stat_activity"))
        flow.hurry()
        return flow.verdicts() == 9

    wait_for(judged, "nine judgements")
    command = [sys.executable, "-c", "from pg_flywheel.command import app; app()", "status", "--json", "--dsn"]
    status = subprocess.run([*command, flow.dsn], capture_output=True, text=True, check=True)
    assert worker.stop() == 0

    # The worker met the key each time, or the rest would say nothing.
    assert flow.verdicts("reason = 'your key is ***'") == 1
    paused = " ".join(line["why"] for line in worker.logged("provider paused"))
    assert "***" in paused

    dump = subprocess.run([cluster.server.bindir / "pg_dump", flow.dsn], capture_output=True, text=True, check=True)
    log = cluster.log.read_text(errors="replace")
    assert "your key is ***" in dump.stdout and "your key is ***" in log
    for text in (dump.stdout, log, worker.log, status.stdout, *seen):
        assert leaks(text) == []


@pytest.mark.parametrize("url", ["https://user:{}@host/v1", "https://host/v1?key={}", "https://host/v1#{}"])
def test_a_base_url_with_a_key_is_refused_and_not_repeated(flow, url):
    with pytest.raises(psycopg.errors.InvalidParameterValue) as refused:
        flow.set_provider(url.format(KEY))
    assert "api_key_env" in refused.value.diag.message_hint
    assert leaks(str(refused.value)) == []
