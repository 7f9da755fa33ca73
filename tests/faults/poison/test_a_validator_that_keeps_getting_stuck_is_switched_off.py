"""Ten steps in a row that time out or kill their process switch a validator off. What waits is deferred, not lost."""

import subprocess
import sys
from contextlib import suppress

import psycopg
import pytest

pytestmark = pytest.mark.faults

STUCK = "SELECT step.output = 'fine' OR pg_sleep(60) IS NULL"


def drain_impatiently(fw, seconds: str = "300ms") -> None:
    """Until the queue is empty; each cancel ends a drain."""
    while True:
        fw.execute(f"SET statement_timeout = '{seconds}'")
        with suppress(psycopg.errors.QueryCanceled):
            fw.drain(sweep=False)
            fw.execute("RESET statement_timeout")
            return


def switched_off(fw, n: int = 30) -> list[int]:
    fw.validator("v", STUCK)
    fw.validator("healthy", "SELECT true")
    steps = fw.insert(*["stuck"] * n)
    drain_impatiently(fw)
    return steps


def test_it_says_why_and_its_steps_wait(fw):
    steps = switched_off(fw)
    assert fw.coverage("v") == {"verdicts": 10, "deferred": 20}
    assert fw.coverage("healthy") == {"verdicts": 30}
    assert fw.messages("flywheel_code") == 0, "what waits costs nothing"
    enabled, suspended = fw.one("SELECT enabled, suspended FROM flywheel.coverage WHERE validator = 'v'")
    assert not enabled
    assert suspended.startswith("switched off: 10 times in a row a step did not end, the last time: step ")
    assert "flywheel.set_validator('v', enabled => true)" in suspended
    answer, reason, until = fw.one("SELECT answer, reason, until::text FROM flywheel.why(%s, 'v')", steps[20])
    assert (answer, reason, until) == ("deferred", suspended, "infinity")
    command = [sys.executable, "-m", "pg_flywheel", "status", "--dsn", fw.conn.info.dsn]
    status = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "v (off)" in status
    assert "v is switched off: 10 times in a row" in " ".join(status.split())
    fw.insert("fine")
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 10, "deferred": 21}
    guard = "SELECT status, reason FROM flywheel.check(output => 'x') WHERE validator = 'v'"
    assert fw.one(guard) == ("abstained", suspended)


def test_set_validator_brings_it_back_with_nothing_lost(fw):
    switched_off(fw)
    fw.insert("fine", "fine")
    fw.drain()
    fw.execute("UPDATE flywheel.traces SET output = 'fine'")
    fw.execute("SELECT flywheel.set_validator('v', enabled => true)")
    fw.drain(sweep=False)
    assert fw.coverage("v") == {"verdicts": 32}
    assert {status for _, status, _ in fw.verdicts("v").values()} == {"ok"}
    assert fw.one("SELECT enabled AND suspended IS NULL FROM flywheel.coverage WHERE validator = 'v'")
    assert fw.wrong_rollups() == []


def test_dead_letters_come_back_by_redrive(fw):
    switched_off(fw)
    fw.execute("INSERT INTO flywheel.dead_letters SELECT step_id, version_id, 2, 'killed' FROM flywheel.verdicts v "
               "WHERE v.status = 'timeout' LIMIT 3")  # fmt: skip
    fw.execute("DELETE FROM flywheel.verdicts v WHERE EXISTS (SELECT FROM flywheel.dead_letters x "
               "WHERE (x.step_id, x.version_id) = (v.step_id, v.version_id))")  # fmt: skip
    assert fw.one("SELECT flywheel.redrive('v')") == 3
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 7, "deferred": 23}
    fw.execute("UPDATE flywheel.traces SET output = 'fine'")
    fw.execute("SELECT flywheel.set_validator('v', enabled => true)")
    fw.drain(sweep=False)
    assert fw.coverage("v") == {"verdicts": 30}


@pytest.mark.parametrize("how", ["its function is replaced", "another config"])
def test_a_new_version_takes_over_what_waits(fw, how):
    switched_off(fw)
    if how == "another config":
        fw.function("better", "SELECT true")
        fw.execute("SELECT flywheel.add_validator('v', 'better', '{\"limit\": 1}')")
    else:
        fw.function("v", "SELECT true")
    fw.drain(sweep=False)
    fw.drain(sweep=False)
    assert fw.coverage("v") == {"verdicts": 30}
    versions = fw.rows("SELECT w.version, v.status, count(*) FROM flywheel.verdicts v "
                       "JOIN flywheel.validator_versions w ON w.id = v.version_id WHERE w.validator = 'v' "
                       "GROUP BY 1, 2 ORDER BY 1")  # fmt: skip
    assert versions == [(1, "timeout", 10), (2, "ok", 20)]
    assert fw.one("SELECT enabled FROM flywheel.coverage WHERE validator = 'v'")


def test_one_that_ends_in_between_starts_the_count_anew(fw):
    fw.validator("v", STUCK)
    for _ in range(3):
        fw.insert(*["stuck"] * 6)
        drain_impatiently(fw)
        fw.insert("fine")
        fw.drain()
    assert fw.coverage("v") == {"verdicts": 21}
    assert fw.one("SELECT enabled FROM flywheel.coverage WHERE validator = 'v'")


def test_healthy_steps_write_nothing_to_the_registry(fw):
    fw.validator("v", "SELECT true")
    before = fw.rows("SELECT xmin::text FROM flywheel.validator_versions")
    fw.insert(*["x"] * 1000)
    fw.drain()
    assert fw.rows("SELECT xmin::text FROM flywheel.validator_versions") == before


def test_python_validators_are_no_exception(fw, work_off):
    fw.execute("SELECT flywheel.add_validator('v', 'py:max_length', '{\"limit\": 100}')")
    fw.insert(*["loops"] * 40)
    work_off()
    answers = fw.coverage("v")
    assert set(answers) == {"verdicts", "deferred"}
    assert 10 <= answers["verdicts"] < 30, "whole batches of 10 s are counted"
    assert "stopped after 1 s of CPU" in fw.one("SELECT suspended FROM flywheel.coverage WHERE validator = 'v'")
    fw.execute("UPDATE flywheel.traces SET output = 'fine'")
    fw.execute("SELECT flywheel.set_validator('v', enabled => true)")
    work_off()
    assert fw.coverage("v") == {"verdicts": 40}
    assert fw.messages("flywheel_code") + fw.messages("flywheel_python") == 0


def test_backfill_says_that_its_steps_wait(fw):
    switched_off(fw)
    fw.execute("INSERT INTO flywheel.traces (id, output) VALUES (-5, 'old')")
    heard: list[str] = []
    fw.conn.add_notice_handler(lambda notice: heard.append(notice.message_primary))
    fw.execute("SELECT flywheel.backfill('v')")
    assert any("switched off" in each for each in heard)
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 10, "deferred": 21}
