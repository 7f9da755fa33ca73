"""Ids can be chosen by the application: gaps of any size cost nothing, and no step is forgotten."""

import psycopg
import pytest

FAR = 10**12
LAST = 2**62 - 1
IDS = [-5000, -1, 0, 1, 4095, 4096, FAR, FAR + 1, LAST]


def insert(fw, *ids: int) -> None:
    fw.execute("INSERT INTO flywheel.traces (id, output) SELECT i, 'x' FROM unnest(%s::bigint[]) AS i", (list(ids),))


def test_far_apart_in_one_statement(fw):
    fw.validator("v")
    fw.judge("j")
    insert(fw, *IDS)
    assert fw.coverage("v") == {"pending": len(IDS) - 3, "before": 3}
    fw.execute("SELECT flywheel.backfill('v'), flywheel.backfill('j')")
    fw.drain(sweep=False)
    assert sorted(fw.verdicts("v")) == IDS
    assert fw.coverage("v") == {"verdicts": len(IDS)}
    assert [each["step_id"] for each in fw.claim()] == IDS


def test_far_apart_in_statements_of_their_own(fw):
    insert(fw, -FAR)
    fw.validator("v", mode="on_demand")
    for i in IDS:
        insert(fw, i)
    fw.drain()
    assert fw.one("SELECT flywheel.evaluate('v')") == len(IDS) + 1
    fw.drain()
    assert sorted(fw.verdicts("v")) == [-FAR, *IDS]
    fw.execute("UPDATE flywheel.traces SET output = 'much too long' WHERE id IN (-1, %s)", (FAR,))
    fw.execute("DELETE FROM flywheel.traces WHERE id IN (0, 1, %s)", (LAST,))
    fw.drain()
    assert {step for step, (_, _, passed) in fw.verdicts("v").items() if not passed} == {-1, FAR}
    assert fw.coverage("v") == {"verdicts": len(IDS) - 2}


def test_the_whole_range_in_one_statement_and_not_beyond(fw):
    fw.validator("v")
    insert(fw, -LAST, LAST)
    fw.execute("SELECT flywheel.backfill('v')")
    fw.drain()
    assert sorted(fw.verdicts("v")) == [-LAST, LAST]
    for beyond in (-LAST - 1, LAST + 1, 2**63 - 1):
        with pytest.raises(psycopg.errors.CheckViolation):
            insert(fw, beyond)


def test_the_sweep_walks_over_the_gaps(fw):
    fw.validator("v")
    fw.execute("SET session_replication_role = replica")
    insert(fw, 1, FAR)
    fw.execute("RESET session_replication_role")
    assert fw.coverage("v") == {"pending": 2}
    fw.drain()
    assert sorted(fw.verdicts("v")) == [1, FAR]
