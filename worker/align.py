"""`flywheel align`: what the numbers say of a judge, and what to do next."""

from math import ceil
from typing import Any

import psycopg
from psycopg.rows import dict_row
from rich.table import Table

from . import show
from .install import query

Row = dict[str, Any]
GOOD_ENOUGH = 0.05  # half the width of the corrected rate's interval
FIRST_LABELS = 100


def read(conn: psycopg.Connection, judge: str) -> Row:
    """Everything that is shown, for programs."""
    with conn.cursor(row_factory=dict_row) as cursor:
        versions = cursor.execute(query("align_versions"), {"judge": judge}).fetchall()
        newest = {"judge": judge, "version": versions[0]["version"]}
        wrong = cursor.execute(query("align_wrong"), newest).fetchone()
        judged = [row["version"] for row in versions if row["judged"]]
        diff = None
        if len(judged) > 1:
            compared = {"judge": judge, "old": judged[1], "new": judged[0]}
            diff = cursor.execute(query("align_diff"), compared).fetchone()
            diff = diff and {"old": judged[1], "new": judged[0]} | diff
    assert wrong is not None
    found = {"judge": judge, "versions": versions, "diff": diff, **wrong}
    return found | {"next": advice(found)}


def advice(found: Row) -> list[str]:
    """Sentences, most useful first."""
    judge, now, diff = found["judge"], found["versions"][0], found["diff"]
    review = f"flywheel review {judge}"
    todo = []
    if not now["n"]:
        ask = f"SELECT flywheel.evaluate('{judge}')" if now["mode"] == "on_demand" else "run flywheel worker"
        return [f"Version {now['version']} has no verdicts yet: {ask}."]
    if found["stale"]:
        todo.append(f"{found['stale']:,} labels are stale, of another rubric: {review}")
    if now["judged"] and now["rate"] is None:
        by_chance = f"{review} --design random --n {FIRST_LABELS}"
        todo.append(f"No corrected rate: {now['why']}. Label {FIRST_LABELS} steps drawn at random: {by_chance}")
    elif now["judged"] > (now["labels"] or 0) and (half := (now["hi"] - now["lo"]) / 2) > GOOD_ENOUGH:
        more = ceil(now["labels"] * ((half / GOOD_ENOUGH) ** 2 - 1))
        by_chance = f"{review} --design random --n {min(more, 1000)}"
        todo.append(f"{more:,} more labels make it ± {100 * GOOD_ENOUGH:.0f} points: {by_chance}")
    if now["dev_labels"]:
        for error, of, ids, does in (
            ("fp", "tn", "passed_wrongly", "passes {} of {} steps that people fail"),
            ("fn", "tp", "failed_wrongly", "fails {} of {} steps that people pass"),
        ):
            if now[error]:
                steps = f"step{'s' * (len(found[ids]) > 1)} {', '.join(map(str, found[ids]))}"
                todo.append(f"It {does.format(now[error], now[error] + now[of])}: read {steps}, then mend the rubric")
    if now["invalid"] and now["invalid"] > 0.02:
        todo.append(f"{show.percent(now['invalid'])} of its verdicts are invalid: see flywheel.failure_reasons")
    if diff and diff["labelled"]:
        todo.append(compared(diff))
    return todo


def compared(diff: Row) -> str:
    old, new, p = diff["old"], diff["new"], diff["mcnemar_p"]
    counts = (
        f"right where the other is wrong on {diff['only_b_right']} and {diff['only_a_right']} "
        f"of {diff['labelled']} steps, p = {p:.2g}"
    )
    if p >= 0.05:
        return f"Versions {new} and {old} cannot be told apart yet: {counts}"
    better, worse = (new, old) if diff["accuracy_difference"] > 0 else (old, new)
    worse_slices = f"; {diff['slices_worse']} slices got worse" if better == new and diff["slices_worse"] else ""
    return f"Version {better} is better than {worse}: {counts}{worse_slices}"


def headline(found: Row) -> str:
    now = found["versions"][0]
    name = f"{show.plain(found['judge'])} (version {now['version']})"
    if not now["n"]:
        return f"{name} has judged nothing yet."
    if not now["judged"]:
        return f"{name} gave {now['n']:,} verdicts, none of which passes or fails."
    said = f"{name} says that {show.percent(now['naive_rate'])} of {now['judged']:,} steps pass."
    if now["rate"] is None:
        return said
    return (
        f"{said} By {now['labels']:,} labels, people would pass {show.percent(now['rate'])} "
        f"({show.percent(now['lo'])} to {show.percent(now['hi'])})."
    )


def table(found: Row, wide: bool = True) -> Table:
    """Without wide it fits 80 columns."""
    shown = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1 if wide else 0))
    shown.add_column("version" if wide else "v", justify="right", no_wrap=True)
    for column in ("judged", "raw", "corrected", "95 %", "labels", "dev", "TPR", "TNR", "kappa", "invalid"):
        shown.add_column(column, justify="right", no_wrap=True)
    for row in found["versions"]:
        shown.add_row(
            str(row["version"]), f"{row['judged'] or 0:,}", show.percent(row["naive_rate"]), show.percent(row["rate"]),
            span(row["lo"], row["hi"]), f"{row['labels'] or 0:,}", f"{row['dev_labels'] or 0:,}",
            f"{span(row['tpr_lo'], row['tpr_hi'])}", f"{span(row['tnr_lo'], row['tnr_hi'])}",
            "–" if row["kappa"] is None else f"{row['kappa']:.2f}", show.percent(row["invalid"]),
        )  # fmt: skip
    return shown


def span(lo: float | None, hi: float | None) -> str:
    return "–" if lo is None or hi is None else f"{100 * lo:.0f}–{100 * hi:.0f}"
