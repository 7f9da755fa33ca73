"""Nobody drains but a worker: it carries on. Not even a worker: the lag shows, and nothing is lost."""

import pytest

pytestmark = pytest.mark.faults

LAG = "SELECT min(h.drained_seconds_ago) FROM flywheel.queue_health h"


def test_a_dead_scheduler(cell):
    with cell("no scheduler, then nobody") as load:
        for worker in load.workers:
            assert worker.stop() == 0
        lags = [load.wait_for(lambda least=least: load.value(LAG) > least and load.value(LAG)) for least in (2, 4)]
        assert lags[0] < lags[1]
        load.workers = [load.start_worker() for _ in load.workers]
