"""What a program relies on: exit codes, JSON and nothing else on stdout, no colours or bars in a pipe, Ctrl-C, head."""

import json
import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest

FLYWHEEL = [sys.executable, "-m", "pg_flywheel"]
NOWHERE = "host=127.0.0.1 port=1"


def flywheel(*arguments: object, **options) -> subprocess.CompletedProcess:
    command = [*FLYWHEEL, *map(str, arguments)]
    return subprocess.run(command, **{"capture_output": True, "text": True, "timeout": 120} | options)


@pytest.mark.parametrize("command", ["status", "drain", "install", "worker", "demo", "load -"])
def test_a_database_that_is_down_is_exit_code_1_and_a_sentence(command):
    done = flywheel(*command.split(), "--dsn", NOWHERE, input="")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "cannot use the database" in done.stderr
    assert "--dsn" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["status", "--dsn", "nonsense"],
        ["load"],
        ["load", "x.jsonl", "--on-error", "perhaps"],
        ["drain", "--seconds", "-1"],
        ["demo", "--data", "is-not-there.jsonl"],
        ["demo", "--provider", "openai"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(arguments):
    done = flywheel(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""


def test_version():
    assert flywheel("--version").stdout == "0.1.0\n"


def test_json_is_all_there_is_on_stdout(full_dsn, tmp_path):
    file = tmp_path / "steps.jsonl"
    file.write_text('{"output": "a"}\n{"output": "b"}\nnonsense\n')
    with psycopg.connect(full_dsn, autocommit=True) as conn:
        conn.execute("SELECT flywheel.add_validator('short', 'py:max_length', '{\"limit\": 9}')")
    answers = {}
    for command in (["install"], ["load", file, "--on-error", "skip"], ["drain"], ["status"]):
        done = flywheel(*command, "--json", "--dsn", full_dsn)
        assert done.returncode == 0
        answers[command[0]] = json.loads(done.stdout)
    assert answers["install"]["changed"] is False
    assert answers["load"]["loaded"] == 2
    assert [bad["line"] for bad in answers["load"]["bad"]] == [3]
    assert answers["drain"]["verdicts"] == 2
    assert answers["status"]["coverage"][0]["verdicts"] == 2
    assert answers["status"]["metrics"][0]["pass_rate"] == 1
    assert {row["queue"] for row in answers["status"]["queues"]} >= {"inbox", "flywheel_code"}


def test_a_pipe_gets_neither_colours_nor_bars_nor_wide_lines(full_dsn, tmp_path):
    file = tmp_path / "steps.jsonl"
    file.write_text('{"node": "a", "output": "b"}\n')
    with psycopg.connect(full_dsn, autocommit=True) as conn:
        conn.execute("SELECT flywheel.add_validator(%s, 'py:max_length', '{\"limit\": 9}')", ("v" * 60,))
    loaded = flywheel("load", file, "--dsn", full_dsn)
    assert (loaded.stdout, loaded.stderr) == ("1 steps loaded, 0 lines skipped\n", "")
    flywheel("drain", "--dsn", full_dsn, check=True)
    status = flywheel("status", "--dsn", full_dsn)
    assert "\x1b" not in status.stdout + status.stderr
    assert "vvv" in status.stdout
    assert max(map(len, status.stdout.splitlines())) <= 100


def test_a_reader_that_has_seen_enough_is_no_error(full_dsn):
    command = [*FLYWHEEL, "status", "--dsn", full_dsn]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    finally:
        os.close(writer)
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_exit_code_130_without_a_traceback_and_loads_nothing(full_dsn):
    command = [*FLYWHEEL, "load", "-", "--dsn", full_dsn]
    with (
        psycopg.connect(full_dsn, autocommit=True) as conn,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running,
    ):
        running.stdin.write(b'{"output": "a"}\n' * 5000)
        running.stdin.flush()
        waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
        deadline = time.monotonic() + 60
        while not conn.execute(waits).fetchone() and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
        assert conn.execute("SELECT count(*) FROM flywheel.traces").fetchone() == (0,)
    assert running.returncode == 130
    assert b"Traceback" not in errors
