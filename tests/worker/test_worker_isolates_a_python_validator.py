"""Portable profile: a validator that dies, hangs or loops is one step's trouble, and the neighbours get verdicts."""

import psutil
import pytest

pytestmark = pytest.mark.faults

# In the validators' processes only: what no validator of ours does, but a bug in a C library can.
SABOTAGE = """
import sys
if "pyvalidators.host" in sys.orig_argv:
    import ctypes, dataclasses, time
    from pyvalidators import VALIDATORS
    def max_length(output, *, limit, unit="characters"):
        if output == "dies":
            ctypes.string_at(0)
        if output == "hangs":
            time.sleep(3600)
        return True
    VALIDATORS["max_length"] = dataclasses.replace(VALIDATORS["max_length"], function=max_length)
"""


@pytest.fixture
def sabotage(tmp_path) -> dict[str, str]:
    """The environment of a worker whose validators do what a step's output says."""
    (tmp_path / "sitecustomize.py").write_text(SABOTAGE)
    return {"PYTHONPATH": str(tmp_path)}


def insert_with_poison(flow, output: str) -> int:
    """Twenty steps; the id of the one with this output."""
    flow.value("SELECT flywheel.add_validator('short', 'py:max_length', '{\"limit\": 100}')")
    ids = flow.insert(20)
    flow.db.execute("UPDATE flywheel.traces SET output = %s WHERE id = %s", (output, ids[13]))
    return ids[13]


def hosts(worker: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(worker).children() if "pyvalidators.host" in child.cmdline()]


def test_a_catastrophic_pattern_is_a_timeout_of_that_step_only(flow, run_once):
    flow.value("SELECT flywheel.add_validator('pattern', 'py:matches', '{\"pattern\": \"(a|aa)+$\"}')")
    ids = flow.insert(50)
    flow.db.execute("UPDATE flywheel.traces SET output = repeat('a', 60) || '!' WHERE id = %s", (ids[20],))
    run_once(flow.dsn)
    assert flow.statuses() == {"ok": 49, "timeout": 1}
    assert flow.value("SELECT step_id FROM flywheel.verdicts WHERE status = 'timeout'") == ids[20]
    assert flow.coverage() == {"verdicts": 50}


@pytest.mark.parametrize("output", ["dies", "hangs"])
def test_a_step_that_costs_its_process_every_time_becomes_a_dead_letter(flow, run_once, sabotage, output):
    poison = insert_with_poison(flow, output)
    worker = run_once(flow.dsn, env=sabotage, constants="portable.WALL_S = 3")
    assert flow.coverage() == {"verdicts": 19, "dead_letters": 1}
    assert flow.statuses() == {"ok": 19}
    assert flow.value("SELECT step_id FROM flywheel.dead_letters") == poison
    assert worker.logged("validator process lost")


def test_a_process_that_somebody_kills_is_replaced(flow, start_worker, wait_for, sabotage):
    poison = insert_with_poison(flow, "hangs")
    worker = start_worker(flow.dsn, env=sabotage)
    host = wait_for(lambda: hosts(worker.popen.pid))[0]
    flow.db.execute("UPDATE flywheel.traces SET output = 'fine' WHERE id = %s", (poison,))
    host.kill()
    wait_for(lambda: flow.coverage() == {"verdicts": 20})
    assert worker.logged("validator process lost")
    assert worker.stop() == 0


def test_a_killed_worker_leaves_its_range_to_the_next(flow, start_worker, wait_for, sabotage):
    insert_with_poison(flow, "hangs")
    worker = start_worker(flow.dsn, env=sabotage)
    wait_for(lambda: flow.leased("flywheel_python"))
    started = wait_for(lambda: hosts(worker.popen.pid))
    worker.kill()
    for host in started:
        host.kill()
    flow.expire_leases("flywheel_python")
    another = start_worker(flow.dsn)
    wait_for(lambda: flow.coverage() == {"verdicts": 20})
    assert flow.statuses() == {"ok": 20}
    assert another.stop() == 0
