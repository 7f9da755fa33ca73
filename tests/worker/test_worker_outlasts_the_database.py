"""The database goes away and comes back: the worker goes on by itself, and what was paid for is recorded."""

from pathlib import Path

import psycopg
import pytest
from pg_flywheel.cluster import Cluster, find_server
from pg_flywheel.install import install

pytestmark = pytest.mark.faults

TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'flywheel worker'"
)


@pytest.fixture
def cluster(tmp_path: Path):
    cluster = Cluster(find_server("18"), tmp_path / "cluster")
    try:
        cluster.start()
        cluster.create_database("flywheel")
        with psycopg.connect(cluster.dsn("flywheel"), autocommit=True) as conn:
            install(conn)
        yield cluster
    finally:
        cluster.remove()


def test_a_restart_of_the_database_costs_no_call_twice(cluster, open_flow, provider, start_worker, wait_for):
    flow = open_flow(cluster.dsn("flywheel"))
    flow.add_judge(provider.base_url, max_in_flight=8)
    flow.insert(8)
    provider.hold()
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.arrived == 8)

    cluster.stop("immediate")
    provider.release()
    wait_for(lambda: provider.n_calls == 8)
    wait_for(lambda: worker.logged("database error"))
    cluster.start()

    flow = open_flow(flow.dsn)
    wait_for(lambda: flow.verdicts() == 8)
    flow.insert(8, "after the restart")
    wait_for(lambda: flow.coverage() == {"verdicts": 16})
    assert worker.stop() == 0
    assert provider.n_calls == 16


def test_a_restart_in_the_middle_of_a_drain_loses_no_step(cluster, open_flow, start_worker, wait_for):
    flow = open_flow(cluster.dsn("flywheel"))
    flow.db.execute(
        "CREATE FUNCTION slow(step flywheel.traces, config jsonb) RETURNS boolean "
        "LANGUAGE sql AS 'SELECT pg_sleep(0.001) IS NOT NULL'"
    )
    flow.value("SELECT flywheel.add_validator('slow', 'slow')")
    flow.insert(4096)
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.leased("flywheel_code"))
    cluster.stop("immediate")
    cluster.start()
    flow = open_flow(flow.dsn)
    wait_for(lambda: flow.expire_leases("flywheel_code") or flow.coverage() == {"verdicts": 4096})
    assert flow.statuses() == {"ok": 4096}
    assert worker.stop() == 0


def test_a_worker_whose_connections_are_cut_goes_on(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url, max_in_flight=8)
    flow.insert(100)
    provider.hold()
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.arrived == 8)
    assert flow.value(TERMINATE) > 0
    provider.release()
    for _ in range(20):
        flow.value(TERMINATE)
    # A claim may have been cut between its commit and its reply: that lease has to run out.
    wait_for(lambda: flow.verdicts() >= 8)
    wait_for(lambda: (provider.in_flight == 0 and flow.expire_leases()) or flow.coverage() == {"verdicts": 100})
    assert worker.stop() == 0
    assert flow.statuses() == {"ok": 100}


def test_sigterm_ends_a_worker_whose_database_is_away(cluster, open_flow, provider, start_worker, wait_for):
    flow = open_flow(cluster.dsn("flywheel"))
    flow.add_judge(provider.base_url)
    worker = start_worker(flow.dsn, constants="worker.GRACE_S = 1")
    wait_for(lambda: worker.logged("worker started"))
    cluster.stop("immediate")
    wait_for(lambda: worker.logged("database error"))
    assert worker.stop() == 0
