"""`make bench`: measures the numbers of the README on this machine, as ratios within one run.

    run.py                    every row, less than ten minutes
    run.py --quick            smaller and rougher, a minute or two
    run.py inserts drain      only these rows
    run.py validators         the accuracy and throughput of the validators: make bench-validators
    run.py embeddings         recall and speed of the index of embeddings at 100,000, about ten minutes
"""

import argparse
import importlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from harness import HERE, Bench, Figure, connect, machine
from pg_flywheel.cluster import Cluster, find_server
from rich.console import Console
from rich.table import Table

ROWS = ["inserts", "drain", "freshness", "snapshot", "metrics", "retention", "judges"]
# How good something is, not how fast the machinery: validators is make bench-validators.
ON_REQUEST = ["validators", "alignment", "shadow", "plan_labels", "review", "labels", "embeddings", "few_shot"]
SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "16GB",  # no checkpoint in the middle of one side of a comparison
    "checkpoint_timeout": "1h",
}


def table(figures: dict[str, list[Figure]], about: str) -> Table:
    shown = Table("row", "measured", "value", "reach", "", title=about, title_justify="left")
    for row, measured in figures.items():
        for figure in measured:
            reach = f"{figure.reach[0]} {figure.reach[1]:g}" if figure.reach else ""
            mark = {None: "", True: "yes", False: "NO"}[figure.reached]
            number = f"{figure.value:,.0f}" if abs(figure.value) >= 1000 else f"{figure.value:.3g}"
            shown.add_row(row, figure.what, f"{number} {figure.unit}".strip(), reach, mark)
        shown.add_section()
    return shown


def tables(figures: dict[str, list[Figure]], about: str) -> Iterator[Table]:
    """One for all rows, but for those whose module has a table of its own."""
    own = {row: importlib.import_module(row) for row in figures}
    common = {row: measured for row, measured in figures.items() if not hasattr(own[row], "table")}
    if common:
        yield table(common, about)
    yield from (own[row].table(figures[row], about) for row in figures if row not in common)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"default: all of {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="smaller and rougher")
    parser.add_argument("--json", action="store_true", help="for programs, on standard output")
    parser.add_argument("--save", action="store_true", help="also write results/<date>[-rows].txt")
    options = parser.parse_args()
    if unknown := set(options.rows) - {*ROWS, *ON_REQUEST}:
        known = ", ".join(ROWS + ON_REQUEST)
        parser.error(f"no row {', '.join(sorted(unknown))}; there are: {known}")

    server = find_server()
    if not server.python:
        sys.exit("bench: it measures the full profile, and this machine has none; make install says why")
    cluster = Cluster(server, Path(".flywheel", f"bench-{server.name}"), SETTINGS)
    bench = Bench(cluster, options.quick)
    figures: dict[str, list[Figure]] = {}
    progress = Console(stderr=True)
    try:
        cluster.start()
        with connect(cluster.dsn()) as conn:
            about = f"{datetime.now(UTC):%Y-%m-%d}, {machine(conn)}" + (", --quick" if options.quick else "")
        for row in options.rows or ROWS:
            with progress.status(f"measuring {row}"):
                figures[row] = list(importlib.import_module(row).measure(bench))
    finally:
        cluster.remove()

    if options.json:
        rows = [{"row": row} | asdict(each) | {"reached": each.reached} for row in figures for each in figures[row]]
        print(json.dumps({"machine": about, "figures": rows}, ensure_ascii=False, indent=2))
    else:
        Console(width=120).print(*tables(figures, about), sep="\n")
    if options.save:
        text = Console(file=io.StringIO(), width=120)
        text.print(*tables(figures, about), sep="\n")
        results = HERE / "results"
        results.mkdir(exist_ok=True)
        name = "-".join([f"{datetime.now(UTC):%Y-%m-%d}", *options.rows])
        (results / f"{name}.txt").write_text(text.file.getvalue())


if __name__ == "__main__":
    main()
