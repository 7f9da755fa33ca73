"""Real traces through the whole product: after load and worker --once every step is explained for every validator,
and killing the worker and the database's backend in the middle changes nothing about it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pg_flywheel.cluster import Cluster, find_server, servers
from pg_flywheel.install import install
from pg_flywheel.standin import start_process
from psycopg.rows import dict_row

pytestmark = pytest.mark.faults

VALIDATORS = Path(__file__).with_name("explain_validators.sql").read_text()
STEPS = 3818


def flywheel(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pg_flywheel", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)


def prepare(dsn: str, shared: Path, provider: str, in_flight: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("SELECT flywheel.set_provider('stand_in', %s, max_in_flight => %s)", (provider, in_flight))
        conn.execute(VALIDATORS)
    loaded = flywheel("load", shared / "data" / "airline_agent.jsonl", "--json", "--dsn", dsn)
    assert json.loads(loaded.stdout) == {"loaded": STEPS, "skipped": 0, "bad": []}


def verdicts(dsn: str) -> list[tuple]:
    statement = (
        "SELECT v.step_id, w.validator, v.passed, v.status FROM flywheel.verdicts v "
        "JOIN flywheel.validator_versions w ON w.id = v.version_id ORDER BY 1, 2"
    )
    with psycopg.connect(dsn) as conn:
        return conn.execute(statement).fetchall()


def assert_explained(dsn: str) -> None:
    with psycopg.connect(dsn, row_factory=dict_row) as conn:
        coverage = {row["validator"]: row for row in conn.execute("TABLE flywheel.coverage")}
        counted = conn.execute("SELECT sum(n) AS n FROM flywheel.metrics").fetchone()
    assert len(coverage) == 12
    for row in coverage.values():
        assert row["steps"] == STEPS
        answers = ("verdicts", "pending", "deferred", "dead_letters", "not_eligible")
        assert sum(row[each] for each in answers) == STEPS, row
        assert (row["pending"], row["deferred"], row["dead_letters"]) == (0, 0, 0), row
    assert sum(row["verdicts"] for row in coverage.values()) == counted["n"]
    assert coverage["not_empty"]["verdicts"] == coverage["expected"]["verdicts"] == STEPS
    assert 0 < coverage["third"]["sampled_out"] < STEPS
    assert 0 < coverage["helpful"]["verdicts"] < coverage["agent_short"]["verdicts"] < STEPS
    assert coverage["helpful"]["filtered"] and coverage["helpful"]["sampled_out"]
    assert coverage["elsewhere"]["filtered"] == coverage["asked_for"]["not_requested"] == STEPS
    assert coverage["off"]["not_eligible"] == STEPS


def test_every_step_is_explained_for_every_validator(dsn, shared):
    with start_process() as provider:
        prepare(dsn, shared, provider, 64)
        flywheel("worker", "--once", "--dsn", dsn)
    assert_explained(dsn)
    found = verdicts(dsn)
    assert {passed for _, name, passed, _ in found if name == "helpful"} == {True, False}
    assert {status for _, name, _, status in found if name == "json_of_tools"} == {"ok", "error"}
    assert {passed for _, name, passed, _ in found if name == "expected"} == {None}
    status = json.loads(flywheel("status", "--json", "--dsn", dsn).stdout)
    assert sum(row["n"] for row in status["metrics"]) == len(found)


@pytest.fixture(params=["full", "portable-18"])
def own_cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of the test's own: a backend that is killed takes all others of the cluster along."""
    if not any(name.startswith(request.param) for name in servers()):
        pytest.skip(f"no {request.param} server on this machine")
    cluster = Cluster(find_server(request.param), tmp_path / "cluster", {"fsync": "off"})
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


def wait_until(what: Callable[[], object], seconds: float = 120) -> object:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := what():
                return found
        except psycopg.OperationalError:  # the database is away for a moment
            pass
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what.__doc__ or what}")


def ask(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as conn:
        row = conn.execute(statement).fetchone()
        return row[0] if row else None


DRAINING = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL flywheel.drain%' AND state = 'active'"
DECIDED = "SELECT count(*) FROM flywheel.verdicts"
JUDGED = (
    "SELECT count(*) FROM flywheel.verdicts v JOIN flywheel.validator_versions w ON w.id = v.version_id "
    "WHERE w.validator = 'helpful'"
)
EXPIRE = "SELECT format('UPDATE pgmq.%I SET vt = now()', 'q_' || queue_name) FROM pgmq.list_queues()"


def test_kill_9_of_worker_and_backend_changes_no_verdict(own_cluster, shared):
    with start_process(latency_s=0.05) as provider:
        for database in ("undisturbed", "disturbed"):
            own_cluster.create_database(database)
            with psycopg.connect(own_cluster.dsn(database), autocommit=True) as conn:
                install(conn)
            prepare(own_cluster.dsn(database), shared, provider, 8)
        dsn = own_cluster.dsn("disturbed")

        worker = [sys.executable, "-m", "pg_flywheel", "worker", "--dsn", dsn]
        with subprocess.Popen(worker, stderr=subprocess.DEVNULL) as running:
            try:
                wait_until(lambda: ask(dsn, DECIDED))
                backend = wait_until(lambda: ask(dsn, DRAINING))
                decided = ask(dsn, DECIDED)
                os.kill(backend, signal.SIGKILL)
                wait_until(lambda: ask(dsn, DECIDED) > decided)  # the same worker went on
                wait_until(lambda: ask(dsn, JUDGED) > 20)
            finally:
                running.kill()
        assert ask(dsn, "SELECT sum(pending) FROM flywheel.coverage") > 0, "killed in the middle"

        with psycopg.connect(dsn, autocommit=True) as conn:
            for (statement,) in conn.execute(EXPIRE).fetchall():
                conn.execute(statement)
        flywheel("worker", "--once", "--dsn", dsn)
        assert_explained(dsn)

        flywheel("worker", "--once", "--dsn", own_cluster.dsn("undisturbed"))
    assert verdicts(dsn) == verdicts(own_cluster.dsn("undisturbed"))
