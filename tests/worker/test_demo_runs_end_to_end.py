"""The demo finds what was planted, explains every step, can be repeated, and leaves other data alone."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest
from pg_flywheel.demo.traffic import PLANTED

DEMO = [sys.executable, "-m", "pg_flywheel", "demo", "--dsn"]
FOUND_BY = {
    "demo.label_expected": {"wrong_label", "unknown_label"},
    "demo.label_allowed": {"unknown_label"},
    "demo.list_of_ids": {"malformed_list"},
    "demo.recall": {"missed_documents"},
    "demo.max_length": {"too_long"},
    "demo.no_promises": {"promise", "as_an_ai"},
    "demo.no_email": {"leaked_email"},
    "demo.sql_parses": {"invalid_sql"},
    "demo.reads_only": {"writes_data"},
    "demo.helpful": {"as_an_ai", "evasive", "empty"},
}


def demo(dsn: str, *arguments: object) -> str:
    done = subprocess.run([*DEMO, dsn, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def steps(db: psycopg.Connection) -> list[tuple]:
    return db.execute("SELECT pipeline, count(*) FROM flywheel.traces GROUP BY 1 ORDER BY 1").fetchall()


def test_planted_failures_are_found_at_their_rates_and_it_can_be_repeated(db, dsn):
    db.execute("INSERT INTO flywheel.traces (pipeline, node, output) VALUES ('mine', 'answer', 'kept')")
    said = demo(dsn, "--traces", 800)
    assert "stand-in" in said
    assert "Steps without an explanation: 0" in said
    assert "\x1b" not in said
    assert max(len(line) for line in said.splitlines() if "psql" not in line) <= 100
    first = steps(db)
    assert ("mine", 1) in first
    assert "What the next prompt of report_sql is shown" in said
    shown = db.execute("""
        SELECT d.output = t.expected FROM flywheel.demonstrations('demo_support', 'report_sql', 'How many orders?', 3) d
        JOIN flywheel.traces t ON t.id = d.step_id""").fetchall()
    assert shown == [(True,)] * 3

    rates = "SELECT variant, failed, passed + failed FROM flywheel.metrics WHERE validator = %s"
    for validator, kinds in FOUND_BY.items():
        for variant, failed, n in db.execute(rates, (validator,)).fetchall():
            expected = sum(getattr(planted, variant) for planted in PLANTED if planted.kind in kinds)
            bound = 4 * (expected * (1 - expected) / n) ** 0.5 + 0.01  # and the steps that ended in an error
            assert failed / n == pytest.approx(expected, abs=bound), (validator, variant)

    assert "Steps without an explanation: 0" in demo(dsn, "--traces", 800)
    assert steps(db) == first
    assert db.execute("SELECT count(*) FROM flywheel.verdicts v WHERE NOT EXISTS "
                      "(SELECT FROM flywheel.traces t WHERE t.id = v.step_id)").fetchone() == (0,)  # fmt: skip


def lines(n: int) -> Iterator[str]:
    for number in range(n):
        root = {
            "trace_id": f"t{number}",
            "pipeline": "users",
            "node": "plan",
            "input": "say a word",
            "output": "a word",
        }
        yield json.dumps(root)
        yield json.dumps(root | {"node": "act", "output": "write to a@example.com" if number % 4 == 0 else "a word"})


def test_ones_own_traces_are_validated_and_later_ones_are_not(db, dsn, tmp_path):
    file = tmp_path / "mine.jsonl"
    file.write_text("\n".join([*lines(40), "nonsense"]))
    said = demo(dsn, "--data", file)
    assert "80 steps loaded" in said
    assert "1 lines skipped, the first is line 81" in said
    assert "Steps without an explanation: 0" in said
    assert "an e-mail address in the output" in said
    failed = "SELECT sum(failed) FROM flywheel.metrics WHERE validator = 'demo.no_email' AND node = 'act'"
    assert db.execute(failed).fetchone() == (10,)
    assert db.execute("SELECT count(*) FROM flywheel.validators WHERE enabled").fetchone() == (0,)


def test_a_file_without_steps_leaves_no_validator_behind(full_db, full_dsn, tmp_path):
    file = tmp_path / "mine.txt"
    file.write_text("Dear diary\n")
    done = subprocess.run([*DEMO, full_dsn, "--data", file], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "line 1: not one JSON object" in done.stderr
    assert full_db.execute("SELECT count(*) FROM flywheel.validators WHERE enabled").fetchone() == (0,)


def test_ctrl_c_ends_it_with_130_and_no_traceback(full_db, full_dsn):
    with subprocess.Popen([*DEMO, full_dsn], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 120
        while (
            full_db.execute("SELECT count(*) FROM flywheel.verdicts").fetchone() == (0,) and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        said, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in errors
    assert "Coverage" not in said
