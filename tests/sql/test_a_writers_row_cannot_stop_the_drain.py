"""Whatever an application writes into a step, the other steps are validated, counted and settled."""

import random

import pytest
from psycopg.errors import CheckViolation

# Incompressible: an index takes no more than 2,704 bytes.
LONG = random.Random(1).randbytes(4000).hex()
ODD = [
    {"created_at": "4713-01-01 BC"}, {"created_at": "294276-12-31"}, {"cost_usd": "NaN"},
    {"cost_usd": "Infinity"}, {"pipeline": ""}, {"node": "\x01\x7f"}, {"variant": "\U0010ffff" * 150}, {"status": ""},
    {"attributes": "[" * 900 + "]" * 900}, {"tags": "{NULL,NULL}"}, {"trace_id": ""}, {"prompt_tokens": "-2147483648"},
    {"output": LONG * 100}, {"started_at": "infinity"},
]  # fmt: skip


def insert(fw, row):
    names = ", ".join(row)
    fw.execute(f"INSERT INTO flywheel.traces ({names}) VALUES ({', '.join(['%s'] * len(row))})", [*row.values()])


def test_a_name_that_no_index_takes_is_counted_under_its_beginning(fw):
    fw.validator("v", "SELECT false")
    insert(fw, {"pipeline": LONG, "node": LONG, "variant": LONG})
    fw.drain()
    fw.execute("UPDATE flywheel.maintenance SET last_run_at = '-infinity'")
    fw.drain()
    for view in ("metrics", "metrics_hourly", "metrics_daily"):
        assert fw.one(f"SELECT pipeline, node, variant, n FROM flywheel.{view}") == (*[LONG[:150]] * 3, 1)
    assert fw.one("SELECT node, n FROM flywheel.failure_reasons") == (LONG[:150], 1)
    assert fw.one("SELECT pipeline, verdicts FROM flywheel.count_answers(1, 1)") == (LONG[:150], 1)
    assert fw.coverage("v") == {"verdicts": 1}


@pytest.mark.parametrize("time", ["infinity", "-infinity"])
def test_a_step_happens_at_some_time(fw, time):
    with pytest.raises(CheckViolation) as refused:
        insert(fw, {"created_at": time})
    assert refused.value.diag.constraint_name == "created_at_is_finite"


def test_odd_rows_hold_up_nothing(fw):
    fw.validator("fails", "SELECT false")
    fw.insert("ok")
    for row in ODD:
        insert(fw, row)
    fw.insert("ok")
    fw.execute("UPDATE flywheel.maintenance SET last_run_at = '-infinity'")
    fw.execute("SELECT setval('flywheel.traces_id_seq', 20000)")
    fw.drain()
    fw.wait_until("SELECT flywheel.sweep() >= 0 AND EXISTS (SELECT FROM flywheel.coverage_ledger)")
    steps = fw.one("SELECT count(*) FROM flywheel.traces")
    assert fw.one("SELECT count(*) FROM flywheel.verdicts") == steps
    assert fw.wrong_rollups() == []
    for view in ("metrics", "metrics_hourly", "metrics_daily", "failure_reasons"):
        assert fw.one(f"SELECT sum(n) FROM flywheel.{view}") == steps
    assert fw.one("SELECT verdicts FROM flywheel.coverage") == steps
