"""The server is stopped, or lets nobody in, while everything is under way; who waits for it goes on by itself."""

import time
from contextlib import ExitStack, suppress

import psycopg
import pytest

pytestmark = pytest.mark.faults

CUT_OFF = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename IN ('worker', 'application')"


@pytest.mark.portable
@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_stop_and_start(cell, mode):
    with cell(f"pg_ctl stop -m {mode}") as load:
        for _ in load.times(2, 6):
            load.cluster.stop(mode)
            time.sleep(1)
            load.cluster.start()
            time.sleep(2)


def test_connections_are_exhausted(cell):
    with cell("connections exhausted", {"max_connections": "40"}) as load, ExitStack() as idle:
        take_all(load, idle)
        newcomer = load.start_worker()
        load.wait_for(lambda: newcomer.popen.poll() is not None)
        assert newcomer.popen.returncode != 0, "it is for its supervisor to try again"
        assert "too many clients" in newcomer.log or "remaining connection slots" in newcomer.log
        time.sleep(len(load.times(4, 20)))


def take_all(load, idle: ExitStack) -> None:
    """Every connection is somebody else's, who does nothing with it."""
    while load.value(CUT_OFF):
        with suppress(psycopg.OperationalError):
            while True:
                idle.enter_context(psycopg.connect(load.dsn("dashboard")))
