"""Outputs that nobody expected get a verdict or a clear status, from every kind of validator: nothing is stuck."""

import json
import subprocess
import sys

import psycopg
from pg_flywheel.standin import start_process

OUTPUTS = {
    "huge": "x" * 10_000_000,
    "not json": "{'single': quotes",
    "deep json": "[" * 100_000,
    "empty": "",
    "null": None,
    "blank": " \u2028\t ",
    "escapes": "\x1b[2J\u202e\ud83d\ude00 \\u0000 \\ud800 %s %(x)s {}",
    "huge number": "1e999999",
    "number": 5,
    "object": {"a": [1, None]},
}
VALIDATORS = (
    ("json", "py:json_schema", {"schema": {"type": "array"}}),
    ("short", "py:max_length", {"limit": 100}),
    ("words", "py:contains_none", {"words": ["quotes"]}),
    ("pattern", "py:matches", {"pattern": "^x"}),
    ("same", "py:equals_expected", {"normalize": ["case"]}),
    ("sql", "py:sql_parses", {}),
)


def test_nothing_is_stuck(dsn, tmp_path):
    file = tmp_path / "steps.jsonl"
    lines = [
        json.dumps({"node": name, "input": "q", "output": output, "expected": "x"}) for name, output in OUTPUTS.items()
    ]
    lines += ['{"output": "a\\u0000b"}', '{"output": "\\ud800"}', '{"output": "\\x00"}', '{"output": "cut']
    file.write_text("\n".join(lines))
    flywheel = [sys.executable, "-m", "pg_flywheel"]
    with psycopg.connect(dsn, autocommit=True) as conn, start_process() as provider:
        conn.execute("SELECT flywheel.set_provider('stand_in', %s)", (provider,))
        conn.execute("SELECT flywheel.add_judge('judge', 'Passes if it helps.', 'stand-in', provider => 'stand_in')")
        for name, function, config in VALIDATORS:
            conn.execute("SELECT flywheel.add_validator(%s, %s, %s)", (name, function, json.dumps(config)))
        load = [*flywheel, "load", file, "--on-error", "skip", "--json", "--dsn", dsn]
        loaded = json.loads(subprocess.run(load, check=True, capture_output=True, timeout=120).stdout)
        assert loaded["loaded"] == len(OUTPUTS)
        assert [bad["line"] for bad in loaded["bad"]] == [11, 12, 13, 14]
        subprocess.run([*flywheel, "worker", "--once", "--dsn", dsn], check=True, capture_output=True, timeout=200)
        coverage = conn.execute(
            "SELECT validator, pending, deferred, verdicts, dead_letters FROM flywheel.coverage"
        ).fetchall()
        assert len(coverage) == 7
        for validator, pending, deferred, verdicts, dead_letters in coverage:
            assert (pending, deferred, verdicts + dead_letters) == (0, 0, len(OUTPUTS)), validator
        for why in conn.execute("SELECT w FROM flywheel.traces t, flywheel.why(t.id, 'json') w").fetchall():
            assert why
        assert not conn.execute("SELECT FROM flywheel.verdicts WHERE passed IS NULL AND reason IS NULL").fetchall()
        assert subprocess.run([*flywheel, "status", "--dsn", dsn], capture_output=True, timeout=60).returncode == 0
