"""Processes are killed, cut off and stopped, again and again: what they had begun is done by others.

The sleeps are the rhythm of the faults; nothing waits for them.
"""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.faults

DRAINS = "SELECT array_agg(pid) FROM pg_stat_activity WHERE state = 'active' AND query ^@ 'CALL flywheel.drain'"
TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND usename IN ('worker', 'application')"
)


@pytest.mark.portable
def test_kill_9_of_a_worker(cell):
    with cell("kill -9 of a worker") as load:
        for _ in load.times(3, 8):
            load.workers[0].kill()
            load.workers[0] = load.start_worker()
            time.sleep(2)


def test_kill_9_of_the_backend_that_drains(cell):
    """Postgres restarts all its processes when one of them is killed."""
    with cell("kill -9 of a drain's backend") as load:
        for _ in load.times(2, 6):
            os.kill(load.wait_for(lambda: load.value(DRAINS))[0], signal.SIGKILL)
            time.sleep(3)


@pytest.mark.portable
def test_a_storm_of_terminated_backends(cell):
    with cell("pg_terminate_backend storm") as load:
        ends = time.monotonic() + len(load.times(5, 20))
        while time.monotonic() < ends:
            load.value(TERMINATE)
            time.sleep(0.1)


def test_a_worker_that_wakes_up_after_its_leases_are_over(cell):
    """It brings back what another worker has done meanwhile."""
    with cell("worker stopped past lease", constants="judging.LEASE_S = 2") as load:
        for _ in load.times(1, 3):
            load.workers[0].popen.send_signal(signal.SIGSTOP)
            time.sleep(6)
            load.workers[0].popen.send_signal(signal.SIGCONT)
            time.sleep(1)
