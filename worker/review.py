"""`flywheel review`: label steps in the terminal, one key each. What the judge said comes after the label.

Without a terminal it reads a line per step, `f it does not help`: a key and, after it, the critique.
"""

import os
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from . import show
from .install import query

KEYS = "p pass · f fail · s skip · m more of the texts · ? rubric · q quit"
LINES = 14  # of each text, until m is pressed
WORDS = {True: "pass", False: "fail"}

Step = dict[str, Any]


class Quit(Exception):
    """Enough for now."""


def review(dsn: str, validator: str | None, rater: str | None, design: str, n: int, out: Console) -> None:
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as conn:
        what = {"rater": rater, "n": n, "validator": validator, "design": design}
        steps = conn.execute(query("review_claim"), what).fetchall()
        if not steps:
            out.print("Nothing to label: SELECT * FROM flywheel.alignment_due says what is, --design how to choose.")
            return
        waiting, labelled, compared, agreed = list(steps), 0, 0, 0
        try:
            for number, step in enumerate(steps, 1):
                out.print(picture(step, f"{number} of {len(steps)}"))
                answer = ask(step, out)
                if answer is None:
                    waiting.remove(step)
                    continue  # nobody gets it again before its claim is over
                passed, critique = answer
                given = conn.execute(query("review_label"), step | {"passed": passed, "critique": critique})
                if not given.rowcount:
                    out.print("Not labelled: since it was shown it has changed or gone, or its rubric has.\n")
                    continue
                waiting.remove(step)
                labelled += 1
                verdict = conn.execute(query("review_verdict"), step).fetchone()
                if verdict and verdict["passed"] is not None:
                    compared, agreed = compared + 1, agreed + (verdict["passed"] == passed)
                out.print(reveal(passed, verdict))
                out.print(f"{labelled} labelled, {agreed} of {compared} as the judge\n")
        except (Quit, KeyboardInterrupt):
            pass
        finally:
            if not conn.closed:
                held = {
                    "steps": [each["step_id"] for each in waiting],
                    "validators": [each["validator"] for each in waiting],
                }
                conn.execute(query("review_give_back"), held | {"rater": steps[0]["rater"]})
        out.print(f"{labelled} labelled.")


def ask(step: Step, out: Console) -> tuple[bool, str | None] | None:
    """Whether the step passes, and why; None: skipped. Raises Quit."""
    out.print(KEYS, style="dim", markup=False)
    for key, rest in keys():
        match key:
            case "p" | "f":
                passed = key == "p"
                critique = rest or (critique_of(passed, out) if sys.stdin.isatty() else "")
                if critique != "u":
                    return passed, critique or None
                out.print("taken back")
            case "s":
                return None
            case "q":
                raise Quit
            case "m":
                out.print(picture(step, "in full", lines=100_000))
            case "?":
                out.print(Panel(show.paragraphs(step["rubric"], 1000), title="what passes", title_align="left"))
        out.print(KEYS, style="dim", markup=False)
    raise Quit


def critique_of(passed: bool, out: Console) -> str:
    out.print(f"{WORDS[passed]}. Why? (Enter: no critique, u: take it back) ", end="", markup=False)
    line = sys.stdin.readline()
    if not line:
        raise Quit
    return line.strip()


def keys() -> Iterator[tuple[str, str]]:
    """What is pressed; or, without a terminal, the first character of each line and what comes after it."""
    if not sys.stdin.isatty():
        for line in sys.stdin:
            yield line[:1].lower(), line[1:].strip()
        return
    while True:
        key = pressed().lower()
        if key in ("", "\x04", "\0"):  # Ctrl-D, and what is left of it when it came early
            return
        yield key, ""


def pressed() -> str:
    """One key, without Enter. What is typed ahead is kept, so the terminal's other mode comes back at once."""
    import termios  # not everywhere, as terminals of this kind
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd, termios.TCSANOW)
    try:
        return os.read(fd, 1).decode("ascii", "replace")
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)


def picture(step: Step, count: str, lines: int = LINES) -> Group:
    where = " / ".join(show.plain(step[name]) for name in ("validator", "pipeline", "node") if step[name])
    parts = [
        Panel(show.paragraphs(step[name], lines), title=name, title_align="left")
        for name in ("context", "input", "expected", "output")
        if step[name] is not None
    ]
    head = Text(f"{count}: step {step['step_id']}, {where}", style="bold")
    return Group(head, Text(show.plain(step["why"], 200), style="dim"), *parts)


def reveal(passed: bool, verdict: Step | None) -> Text:
    """What the judge said, now that it cannot sway anybody."""
    if not verdict or verdict["passed"] is None:
        return Text("There is no verdict of the current version to compare with.")
    same = verdict["passed"] == passed
    said = f"The judge said {WORDS[verdict['passed']]}, too" if same else f"The judge said {WORDS[verdict['passed']]}"
    reason = f": {show.plain(verdict['reason'], 400)}" if verdict["reason"] else "."
    return Text(
        said + reason + ("" if same else " Your label stands as its correction."), style="green" if same else "yellow"
    )
