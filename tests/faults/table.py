"""The table of the cells that ran, for the end of the test run and for the README."""

import io
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table

from tests.faults.harness import RECOVERED, WINDOW_S, Row

COLUMNS = ("fault", "on", "before", "steps", "accounted", "lost", "double", "again", "during", "back", "after")
LEGEND = f"""\
Load: two workers, a backlog, and an application that INSERTs 105 steps/s. before: verdicts of code + judge a second.
double: counted twice. again: repeated provider calls. during, after: the slower one's rate, of that before. back: from
the end of the fault until ≥ {RECOVERED:.0%} over {WINDOW_S:g} s."""


def render(properties: list[dict]) -> str:
    rows = sorted((Row(**each) for each in properties), key=lambda row: (row.fault, row.server))
    shown = Table(box=box.MARKDOWN, title=f"faults; {_about(rows)}; {datetime.now(UTC):%Y-%m-%d}", title_justify="left")
    for column in COLUMNS:
        shown.add_column(column, justify="left" if column in COLUMNS[:3] else "right")
    for row in rows:
        shown.add_row(
            row.fault,
            row.server,
            row.load,
            *(f"{n:,}" for n in (row.inserted, row.accounted, row.lost, row.double_counted, row.repeated_calls)),
            f"{row.during:.2f}",
            "never" if row.recovery_s is None else f"{row.recovery_s:.1f} s",
            f"{row.after:.2f}",
        )
    console = Console(file=io.StringIO(), width=120)
    console.print(shown, LEGEND)
    return console.file.getvalue()


def _about(rows: list[Row]) -> str:
    """The machine, and the servers' versions."""
    machines = {row.machine.split("; ")[0] for row in rows}
    postgres = {row.machine.split("Postgres ")[-1].split()[0].rstrip(",") for row in rows}
    return f"{' and '.join(sorted(machines))}; Postgres {', '.join(sorted(postgres))}"
