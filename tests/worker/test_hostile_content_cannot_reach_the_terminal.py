"""Every text of a step, and all that quotes it, on a real terminal and in a pipe: what is written there is harmless."""

import json
import os
import pty
import re
import subprocess
import sys
import threading
import unicodedata
from collections import Counter

import pytest
from pg_flywheel.standin import Fault

OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\r?\x1b\[2K|\x1b\[1A")  # colours, and how a progress bar moves
TEXT_COLUMNS = ("trace_id", "span_id", "session_id", "pipeline", "node", "node_type", "input", "output", "model",
                "variant", "status", "error", "user_id")  # fmt: skip
RAISES = """
CREATE FUNCTION quotes(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING MESSAGE = 'cannot read ' || step.output, HINT = step.output, DETAIL = step.output; END $$
"""


def on_a_terminal(*command: object, term: str = "xterm-256color") -> str:
    """What the command writes to a terminal, stdout and stderr."""
    ours, its = pty.openpty()
    written = bytearray()

    def read() -> None:
        try:
            while part := os.read(ours, 65536):
                written.extend(part)
        except OSError:
            pass  # EIO: the last writer is gone

    reader = threading.Thread(target=read)
    reader.start()
    env = os.environ | {"TERM": term, "COLUMNS": "200"}
    call = [sys.executable, "-m", "pg_flywheel", *map(str, command)]
    done = subprocess.run(call, stdin=its, stdout=its, stderr=its, env=env, timeout=120)
    os.close(its)
    reader.join()
    os.close(ours)
    assert done.returncode in (0, 1), written.decode()
    return written.decode().replace("\r\n", "\n")


def in_a_pipe(*command: object) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "pg_flywheel", *map(str, command)]
    return subprocess.run(call, capture_output=True, text=True, timeout=120)


def harmful(shown: str) -> set[str]:
    """Control and format characters that are not ours."""
    return {each for each in OURS.sub("", shown) if unicodedata.category(each) in ("Cc", "Cf") and each != "\n"}


@pytest.fixture
def hostile_flow(flow, provider, run_once, hostile_steps):
    """Every hostile text in every column, quoted by the judge, by a validator that raises, and by the provider."""
    flow.db.execute(RAISES)
    flow.value("SELECT flywheel.add_validator('quotes', 'quotes')")
    flow.add_judge(provider.base_url)
    places = ", ".join(["%s"] * len(TEXT_COLUMNS))
    for case in hostile_steps:
        output = case.output[:5000]
        flow.db.execute(
            f"INSERT INTO flywheel.traces ({', '.join(TEXT_COLUMNS)}, tags) VALUES ({places}, ARRAY[%s])",
            [output] * (len(TEXT_COLUMNS) + 1),
        )
    provider.answer = lambda request: {
        "reason": json.loads(request["messages"][-1]["content"])["output"], "passed": False, "score": 0
    }  # fmt: skip
    run_once(flow.dsn)
    assert flow.coverage() == {"verdicts": 2 * len(hostile_steps)}
    return flow


def test_every_column_keeps_what_was_given_and_metrics_tell_the_slices_apart(hostile_flow, hostile_steps):
    given = Counter(case.output[:5000] for case in hostile_steps)
    for column in (*TEXT_COLUMNS, "tags[1]"):
        assert Counter(text for (text,) in hostile_flow.db.execute(f"SELECT {column} FROM flywheel.traces")) == given
    slices = "SELECT pipeline, failed FROM flywheel.metrics WHERE validator = 'helpful' AND node = pipeline"
    counted = Counter(case.output[:150] for case in hostile_steps)
    assert dict(hostile_flow.db.execute(slices).fetchall()) == counted


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_status_is_harmless(hostile_flow, provider, hostile_steps, term):
    every = " ".join(case.output[:200] for case in hostile_steps)
    hostile_flow.value("SELECT flywheel.pause_provider('default', %s)", "\x1b[2J\x9d0;owned\x07 \u202e" + every)
    shown = on_a_terminal("status", "--dsn", hostile_flow.dsn, term=term)
    assert harmful(shown) == set()
    assert "Metrics: pass rate" in shown
    if term == "dumb":
        assert "\x1b" not in shown
    piped = in_a_pipe("status", "--dsn", hostile_flow.dsn)
    assert piped.returncode == 0
    assert harmful(piped.stdout) == set()
    assert "\x1b" not in piped.stdout


def test_json_is_ascii_and_exact(hostile_flow, hostile_steps):
    piped = in_a_pipe("status", "--json", "--dsn", hostile_flow.dsn)
    assert piped.stdout.isascii() and piped.stdout.replace("\n", "").isprintable()
    nodes = {row["node"] for row in json.loads(piped.stdout)["metrics"]}
    assert nodes == {case.output[:150] for case in hostile_steps}


def test_the_demo_shows_them_harmlessly(flow, tmp_path, hostile_steps):
    """Its tables and the tree of a failed trace, of steps in a file of the user's own."""
    file = tmp_path / "steps.jsonl"
    steps = [
        {"trace_id": "one\x1b[2J", "node": case.output[:99], "variant": case.output[:99], "status": case.output[:99],
         "error": case.output[:99], "input": "refund " + case.output, "output": ""}
        for case in hostile_steps
    ]  # fmt: skip
    lines = [*map(json.dumps, steps), '{"output": "cut \u202e\x1b[2J', '{"\\u001b[2Jx": 1}']
    file.write_text("\n".join(lines))
    shown = on_a_terminal("demo", "--data", file, "--dsn", flow.dsn)
    assert "The path of one failed trace" in shown
    assert harmful(shown) == set()


def test_a_bad_line_is_quoted_harmlessly(flow, tmp_path):
    file = tmp_path / "steps.jsonl"
    bad = ('{"\\u001b[2J\\u202ex": 1}', '{"tags": "\\u001b]0;owned\\u0007"}', '{"started_at": "\\u009b2J\\rx"}')
    file.write_text("\n".join([*bad, '{"output": "\x1b[2J\u202e']))
    for on_error in ("skip", "stop"):
        shown = on_a_terminal("load", file, "--on-error", on_error, "--dsn", flow.dsn)
        assert "line 1" in shown
        assert harmful(shown) == set()


def test_the_workers_log_is_harmless(hostile_flow, provider):
    """The provider quotes the step in its error, and the database refuses a verdict with words of its own."""
    said = json.dumps({"error": {"message": "refused: \x1b[2J\x9d0;owned\x07 \u202e\u2028", "code": "x"}})
    provider.faults.append(Fault("status", status=429, body=said))
    hostile_flow.insert(1)
    shown = on_a_terminal("worker", "--once", "--dsn", hostile_flow.dsn)
    assert "provider paused" in shown
    assert harmful(shown) == set()
    hostile_flow.db.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE data_exception USING MESSAGE = 'refused ' || NEW.reason; END $$"
    )
    trigger = "CREATE TRIGGER refuse BEFORE INSERT ON flywheel.verdicts FOR EACH ROW EXECUTE FUNCTION refuse()"
    hostile_flow.db.execute(trigger)
    hostile_flow.hurry()
    provider.answer = lambda request: {"reason": "\x1b[2J\u202e\x9d0;x\x07", "passed": False, "score": 0}
    shown = on_a_terminal("worker", "--once", "--dsn", hostile_flow.dsn)
    assert "judgement refused by the database" in shown
    assert harmful(shown) == set()


def test_an_error_of_the_database_is_quoted_harmlessly(flow):
    flow.db.execute(
        "CREATE OR REPLACE FUNCTION flywheel.admit_worker(version text) RETURNS text LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION USING MESSAGE = E'\\x1b[2Jowned\\u202e', HINT = E'\\u009b2J\\rdo this'; END $$"
    )
    shown = on_a_terminal("worker", "--once", "--dsn", flow.dsn)
    assert "owned" in shown
    assert "do this" in shown
    assert harmful(shown) == set()
