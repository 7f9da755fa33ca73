"""kill -9 and pg_terminate_backend, again and again: what was under way is done by others."""

import time

import pytest

pytestmark = pytest.mark.faults


def test_a_worker_mid_judge(cell):
    with cell("kill -9 of a worker") as load:
        for _ in load.times(3, 8):
            load.workers[0].kill()
            load.workers[0] = load.start_worker()
            time.sleep(2)  # the rhythm of the fault
