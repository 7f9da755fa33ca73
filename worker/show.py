"""What the command shows: tables that fit 100 columns, intervals as bars, a trace as a tree.

What comes out of the database is untrusted: it is shown as plain text, without control characters or markup.
"""

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

WIDTH = 100
LONG_TRACE = 8  # steps; a longer one is abridged
DRAIN_OVERDUE_S = 90  # a schedule runs it every minute
_LEVELS = "▁▂▃▄▅▆▇█"


def console(stderr: bool = False) -> Console:
    """Colour only on a terminal; never wider than 100 columns there, so that tables stay readable."""
    made = Console(stderr=stderr, highlight=False)
    if made.width > WIDTH or not made.is_terminal:
        made.width = WIDTH
    return made


def progress(count: str) -> Progress:
    """Bars on stderr, and only on a terminal. count: how to show a task's completed and total."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn(count), TimeElapsedColumn())
    return Progress(*columns, console=console(stderr=True), disable=not sys.stderr.isatty())


def harmless(text: str) -> str:
    """The same characters but for white space, which becomes blanks, and control and format characters, a dot each."""
    return "".join(" " if each.isspace() else "·" if unicodedata.category(each)[0] == "C" else each for each in text)


def plain(value: object, length: int = 60) -> str:
    """One line of harmless text: escape sequences, bidi controls and line breaks become visible or blank."""
    text = "" if value is None else str(value)
    text = " ".join(harmless(text[: length * 4]).split())
    return text if len(text) <= length else text[: length - 1] + "…"


def paragraphs(value: object, lines: int) -> Text:
    """Harmless text that keeps its line breaks: so many lines at most, and no more characters than fit them."""
    text = "" if value is None else str(value)
    kept = text[: lines * WIDTH].splitlines()[:lines]
    folded = len(text) > lines * WIDTH or len(text.splitlines()) > lines
    return Text("\n".join(map(harmless, kept)) + (f"\n… of {len(text):,} characters" if folded else ""))


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


@dataclass(frozen=True)
class Scale:
    """From `floor` to 1: rates crowd near 1, where a bar from 0 would show nothing."""

    floor: float

    @classmethod
    def of(cls, rates: Iterable[float | None]) -> Self:
        lowest = min((rate for rate in rates if rate is not None), default=0.0)
        return cls(min(0.9, int(lowest * 10) / 10))

    def __str__(self) -> str:
        return f"{100 * self.floor:.0f} … 100 %"

    def at(self, rate: float, cells: int) -> int:
        return round(max(0.0, rate - self.floor) / (1 - self.floor) * (cells - 1))

    def bar(self, lo: float | None, mid: float | None, hi: float | None, width: int = 20) -> Text:
        """The interval as a band, the estimate as a mark in it."""
        if lo is None or mid is None or hi is None:
            return Text("·" * width, style="dim")
        cells = ["·"] * width
        for at in range(self.at(lo, width), self.at(hi, width) + 1):
            cells[at] = "━"
        cells[self.at(mid, width)] = "●"
        return Text("".join(cells), style="green" if lo >= 0.9 else "yellow" if mid >= 0.75 else "red")

    def sparkline(self, values: Sequence[float | None]) -> str:
        """One character per value."""
        return "".join(" " if v is None else _LEVELS[self.at(v, len(_LEVELS))] for v in values)


def _table(title: str, *columns: str) -> Table:
    """Columns that begin with > are right-aligned, and never made narrower: they are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", no_wrap=right)
    return table


def _cell(value: object, length: int) -> Text:
    return Text(plain(value, length), no_wrap=True, overflow="ellipsis")


def coverage(rows: list[dict[str, Any]]) -> Table:
    table = _table(
        "Coverage: what became of every step", "validator", ">steps", ">verdicts", ">pending", ">deferred", ">dead",
        "not eligible",
    )  # fmt: skip
    for row in rows:
        reasons = ("filtered", "sampled_out", "not_requested", "before", "paused")
        not_eligible = ", ".join(f"{row[each]:,} {each.replace('_', ' ')}" for each in reasons if row[each])
        counts = [row[each] for each in ("steps", "verdicts", "pending", "deferred", "dead_letters")]
        name = plain(row["validator"], 24) + ("" if row["enabled"] else " (off)")
        table.add_row(_cell(name, 30), *(f"{count:,}" for count in counts), Text(not_eligible or "0"))
    suspended = [f"{plain(row['validator'], 24)} is {plain(row['suspended'], 400)}" for row in rows if row["suspended"]]
    table.caption = Text("\n".join(suspended), style="yellow") if suspended else None
    return table


def metrics(rows: list[dict[str, Any]], wide: bool = True, limit: int = 40) -> Table:
    """wide: with the intervals as bars; without, it fits 80 columns."""
    rows, more = rows[:limit], len(rows) - limit
    scale = Scale.of(row["pass_rate_lo"] for row in rows)
    table = _table(
        "Metrics: pass rate and its 95 % interval", "validator", "node", "variant", ">n", ">pass rate",
        *([f">{scale}"] if wide else []), ">interval", ">err",
    )  # fmt: skip
    for row in rows:
        table.add_row(
            _cell(row["validator"], 24),
            _cell(row["node"], 14),
            _cell(row["variant"], 10),
            f"{row['n']:,}",
            percent(row["pass_rate"]),
            *([scale.bar(row["pass_rate_lo"], row["pass_rate"], row["pass_rate_hi"])] if wide else []),
            "–" if row["pass_rate"] is None else f"{100 * row['pass_rate_lo']:.0f}–{100 * row['pass_rate_hi']:.0f}",
            f"{row['errors'] + row['timeouts'] or ''}",
        )
    if more > 0:
        table.caption = f"the {limit} lowest; {more:,} more are in flywheel.metrics"
    return table


def trends(rows: list[dict[str, Any]], wide: bool = True) -> Table:
    """wide: as for metrics."""
    scale = Scale.of(row["lo"] for row in rows)
    days = Scale.of(rate for row in rows for rate in row["by_day"])
    table = _table(
        "Validators over all nodes, worst first", "validator", ">failed", ">pass rate",
        *([f">{scale}"] if wide else []), ">interval", f">by day, {days}",
    )  # fmt: skip
    for row in rows:
        decided = row["passed"] + row["failed"]
        rate = row["passed"] / decided if decided else None
        table.add_row(
            _cell(row["validator"], 24),
            f"{row['failed']:,}",
            percent(rate),
            *([scale.bar(row["lo"], rate, row["hi"], 16)] if wide else []),
            "–" if rate is None else f"{100 * row['lo']:.1f}–{100 * row['hi']:.1f}",
            days.sparkline(row["by_day"][-24:]),
        )
    return table


def failing_nodes(rows: list[dict[str, Any]]) -> Table:
    scale = Scale.of(1 - row["hi"] for row in rows)
    table = _table(
        "Which node fails most", "node", "variant", ">steps", ">failing", ">passing", f">{scale}", ">interval"
    )
    for row in rows:
        passing = 1 - row["failing"] / row["steps"]
        table.add_row(
            _cell(row["node"], 20),
            _cell(row["variant"], 12),
            f"{row['steps']:,}",
            f"{row['failing']:,}",
            percent(passing),
            scale.bar(1 - row["hi"], passing, 1 - row["lo"]),
            f"{100 - 100 * row['hi']:.1f}–{100 - 100 * row['lo']:.1f}",
        )
    return table


def queues(rows: list[dict[str, Any]]) -> Table:
    table = _table(
        "Queues, as the drain last measured them", "queue", ">waiting", ">leased", ">oldest", ">measured", "paused"
    )
    for row in rows:
        paused = (
            f"until {row['paused_until']:%H:%M:%S}: {plain(row['paused_reason'], 200)}" if row["paused_until"] else ""
        )
        table.add_row(
            _cell(row["queue"], 40), f"{row['waiting']:,}", f"{row['leased']:,}", _seconds(row["oldest_seconds"]),
            f"{_seconds(row['measured_seconds_ago'])} ago", Text(paused),
        )  # fmt: skip
    return table


def last_drain(rows: list[dict[str, Any]]) -> Text:
    """rows: as for queues. New steps wait for a drain. What flywheel.queue_health warns of comes first."""
    if warnings := [plain(row["warning"], 400) for row in rows if row["warning"]]:
        return Text("\n".join(warnings), style="yellow")
    ago = rows[0]["drained_seconds_ago"] if rows else None
    if ago is None:
        return Text("No drain has run yet: start flywheel worker.", style="yellow")
    if ago > DRAIN_OVERDUE_S:
        return Text(f"The last drain ran {_seconds(ago)} ago: is flywheel worker running?", style="yellow")
    return Text(f"The last drain ran {_seconds(ago)} ago.")


def trace(rows: list[dict[str, Any]]) -> Tree:
    """The steps of a trace by parent, each with what it said and what its validators said.

    Of a long trace: its first step, those that failed, and their parents.
    """
    spans = {row["span_id"]: row for row in rows if row["span_id"]}
    shown = rows
    if len(rows) > LONG_TRACE:
        wanted = [rows[0], *[row for row in rows if _failed(row)][: LONG_TRACE // 2]]
        ids = set()
        for row in wanted:
            while row and row["id"] not in ids:
                ids.add(row["id"])
                row = spans.get(row["parent_span_id"])
        shown = [row for row in rows if row["id"] in ids]
    root = Tree(
        _line(f"The path of one failed trace: {plain(rows[0]['trace_id'], 40)}", style="bold"), guide_style="dim"
    )
    steps = {row["id"]: _step(row) for row in shown}
    for row in shown:
        # The parent may come later: its row is written when it ends.
        parent = spans.get(row["parent_span_id"])
        (steps[parent["id"]] if parent else root).children.append(steps[row["id"]])
    if len(shown) < len(rows):
        root.add(_line(f"and {len(rows) - len(shown)} other steps", style="dim"))
    return root


def demonstrations(rows: list[dict[str, Any]]) -> Tree:
    """One row for each demonstration, at least one, with what was asked."""
    title = f"What the next prompt of {plain(rows[0]['node'], 24)} is shown: fixes of steps like it"
    root = Tree(_line(title, style="bold"), guide_style="dim")
    root.add(_line(("asked  ", "dim"), plain(rows[0]["query"], 72)))
    for row in rows:
        step = root.add(_line(("in   ", "dim"), plain(row["input"], 72)))
        step.add(_line(("fix  ", "dim"), plain(row["output"], 72)))
    return root


def _failed(row: dict[str, Any]) -> bool:
    return any(verdict["passed"] is False for verdict in row["verdicts"])


def _step(row: dict[str, Any]) -> Tree:
    title = _line(
        (plain(row["node"], 24) or "(no node)", "bold red" if _failed(row) else "bold"),
        f"  step {row['id']}",
        (f"  {plain(row['variant'], 12)}", "dim"),
        ("" if row["status"] == "ok" else f"  {plain(row['status'], 12)}: {plain(row['error'], 40)}", "red"),
    )
    step = Tree(title, guide_style="dim")
    step.add(_line(("in   ", "dim"), plain(row["input"], 72)))
    step.add(_line(("out  ", "dim"), plain(row["output"], 72)))
    passed = [plain(verdict["validator"], 24) for verdict in row["verdicts"] if verdict["passed"]]
    for verdict in row["verdicts"]:
        if not verdict["passed"]:
            mark, style = ("–", "yellow") if verdict["passed"] is None else ("✗", "red")
            reason = plain(verdict["reason"] or verdict["status"], 52)
            step.add(_line((f"{mark} ", style), plain(verdict["validator"], 24), (f"  {reason}", "dim")))
    if passed:
        step.add(Text.assemble(("✓ ", "green"), ", ".join(passed)))
    return step


def _line(*parts: str | tuple[str, str], style: str = "") -> Text:
    return Text.assemble(*parts, style=style, no_wrap=True, overflow="ellipsis")


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} s" if value < 60 else f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.0f} h"
