"""What comes out of the database cannot move the cursor, turn the text around, or pass for markup."""

import io
import logging
import unicodedata

import pytest
from pg_flywheel import log, show
from rich.console import Console

NASTY = (
    "\x1b[31mred\x1b]0;title\x07 \u202egnp.exe\u2069 "
    "[bold red]loud[/] [link=http://x]y[/link] \x9b2J\r\n\tend\x00\u2028"
)
COUNTS = dict.fromkeys(("steps", "verdicts", "pending", "deferred", "dead_letters", "not_eligible"), 1)
WHY = dict.fromkeys(("filtered", "sampled_out", "not_requested", "before", "paused"), 0) | {"suspended": None}
METRIC = {"n": 5, "pass_rate": 0.8, "pass_rate_lo": 0.3, "pass_rate_hi": 0.9, "errors": 0, "timeouts": 0}
STEP = {"id": 1, "span_id": "s", "parent_span_id": None, "status": NASTY}
VERDICTS = [{"validator": NASTY, "passed": passed, "status": "ok", "reason": NASTY} for passed in (True, False, None)]
TEXTS = dict.fromkeys(("trace_id", "node", "variant", "input", "output", "error"), NASTY)
QUEUE = {"waiting": 1, "leased": 1, "oldest_seconds": 1.0, "measured_seconds_ago": 1.0, "paused_until": None}

PICTURES = {
    "coverage": lambda: show.coverage([{"validator": NASTY, "enabled": True} | COUNTS | WHY]),
    "metrics": lambda: show.metrics([METRIC | dict.fromkeys(("validator", "node", "variant"), NASTY)]),
    "trends": lambda: show.trends(
        [{"validator": NASTY, "passed": 1, "failed": 1, "lo": 0.1, "hi": 0.9, "by_day": [0.5]}]
    ),
    "nodes": lambda: show.failing_nodes(
        [{"node": NASTY, "variant": NASTY, "steps": 2, "failing": 1, "lo": 0.1, "hi": 0.9}]
    ),
    "queues": lambda: show.queues([QUEUE | {"queue": NASTY}]),
    "warning": lambda: show.last_drain([QUEUE | {"warning": NASTY}]),
    "trace": lambda: show.trace([STEP | TEXTS | {"verdicts": VERDICTS}]),
}


def shown(picture: object, width: int = 100, terminal: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=terminal, color_system=None, highlight=False).print(picture)
    return out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("name", PICTURES)
def test_no_control_character_gets_through_and_no_markup_is_obeyed(name, terminal):
    text = shown(PICTURES[name](), terminal=terminal).replace("\x1b[1m", "").replace("\x1b[2m", "")
    for sequence in ("\x1b[0m", "\x1b[1;2m", "\x1b[3m"):  # bold, dim and italic are ours
        text = text.replace(sequence, "")
    bad = [each for each in text if unicodedata.category(each)[0] == "C" and each != "\n"]
    assert bad == []
    assert "[31mred" in text


def test_markup_in_a_text_is_shown_as_it_is():
    row = {"node": "[bold red]a[/]", "variant": "[/]", "steps": 2, "failing": 1, "lo": 0.1, "hi": 0.9}
    text = shown(show.failing_nodes([row]))
    assert "[bold red]a[/]" in text
    assert " [/] " in text


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_wider_than_the_terminal(name, width):
    assert max(map(len, shown(PICTURES[name](), width).splitlines())) <= width


def test_a_log_line_on_a_terminal_is_one_harmless_line():
    record = logging.LogRecord("pg_flywheel", logging.WARNING, "", 0, "provider paused", None, None)
    record.data = {"why": NASTY}
    line = log.PlainLines().format(record)
    assert "provider paused" in line
    assert [each for each in line if unicodedata.category(each)[0] == "C"] == []


def step(id: int, span: str | None, parent: str | None, failed: bool = False) -> dict:
    verdicts = [{"validator": "v", "passed": not failed, "status": "ok", "reason": None}]
    texts = dict.fromkeys(("trace_id", "variant", "input", "output", "error"), "x")
    return {
        "id": id,
        "node": f"n{id}",
        "span_id": span,
        "parent_span_id": parent,
        "status": "ok",
        "verdicts": verdicts,
    } | texts


def test_a_child_that_was_written_before_its_parent_is_below_it():
    lines = shown(show.trace([step(1, "child", "root"), step(2, "root", None)])).splitlines()
    parent = next(line for line in lines if "step 2" in line)
    child = next(line for line in lines if "step 1" in line)
    assert lines.index(parent) < lines.index(child)
    assert child.index("step") > parent.index("step")


def test_steps_without_spans_are_side_by_side():
    lines = shown(show.trace([step(1, None, None), step(2, None, None)])).splitlines()
    assert len({line.index("step ") for line in lines if "step " in line}) == 1


def test_a_long_trace_is_abridged_to_its_failures_and_the_way_there():
    rows = [step(1, "1", None), *(step(n, str(n), "1", failed=n == 300) for n in range(2, 401))]
    text = shown(show.trace(rows))
    assert "step 1 " in text
    assert "step 300" in text
    assert "and 398 other steps" in text
    assert len(text.splitlines()) < 20
