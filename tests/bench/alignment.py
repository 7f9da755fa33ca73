"""Corrected pass rates: how often their intervals hold the truth on xstest; and reading the views over labels."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from statistics import mean

from harness import HERE, Bench, Figure, connect
from metrics import PART, VALIDATORS, read_time

XSTEST = HERE.parents[2] / "shared/data/xstest.jsonl"
CELLS = ("tp", "fp", "tn", "fn")
CELL_OF = {(True, True): "tp", (False, True): "fp", (False, False): "tn", (True, False): "fn"}  # human, judge
GROUPS = {"verdict-balanced": (("tp", "fp"), ("tn", "fn")), "class-balanced": (("tp", "fn"), ("tn", "fp"))}
VIEWS = ["alignment", "alignment_weekly", "corrected_metrics", "agreement"]
FORMULA = {"random": "post-stratified", "verdict-balanced": "post-stratified", "class-balanced": "Rogan-Gladen"}
CONTRAST = [
    ("naive", "random"),
    ("PPI++", "random"),
    ("Rogan-Gladen", "verdict-balanced"),
    ("post-stratified", "class-balanced"),
]


def measure(bench: Bench) -> Iterator[Figure]:
    if XSTEST.exists():
        yield from coverage(bench)
    yield from reading(bench)


def coverage(bench: Bench) -> Iterator[Figure]:
    judges, dice = list(confusion_matrices()), random.Random(1)
    with bench.database("alignment") as dsn, connect(dsn) as conn:

        def simulate(formula: str, design: str, n: int) -> list[tuple[float, float, float]]:
            times = range(200 if bench.quick else 1000)
            return [cover(conn, formula, [sample(dice, cells, design, n) for _ in times], cells) for cells in judges]

        for design, formula in FORMULA.items():
            for n in (50, 100, 200):
                found = simulate(formula, design, n)
                yield Figure(
                    f"{n} {design} labels: worst coverage, {formula}", min(c for c, _, _ in found), "", ("≥", 0.93)
                )
                reach = ("≤", 0.14) if (design, n) == ("random", 100) else None
                yield Figure(f"{n} {design} labels: mean width", mean(w for _, w, _ in found), "", reach)
        refused = mean(r for _, _, r in simulate("Rogan-Gladen", "class-balanced", 50))
        yield Figure(
            "50 class-balanced labels: no answer, as the judge seems no better than chance", 100 * refused, "%"
        )
        yield Figure(
            "100 random labels: mean width, labels alone",
            mean(w for _, w, _ in simulate("labels alone", "random", 100)),
            "",
        )
        for formula, design in CONTRAST:
            yield Figure(
                f"100 {design} labels: mean coverage, {formula}",
                mean(c for c, _, _ in simulate(formula, design, 100)),
                "",
            )


def confusion_matrices() -> Iterator[Counter[str]]:
    """Of each model's outputs by GPT-4 and by string matching, where they gave a label."""
    rows = [json.loads(line) for line in XSTEST.open()]
    for model in sorted({row["model"] for row in rows}):
        for judge in ("judge_label", "code_label"):
            cells: Counter[str] = Counter()
            for row in rows:
                said = (row["attributes"][judge] or "")[:2]
                if row["model"] == model and said in ("1_", "2_", "3_"):
                    human = row["attributes"]["human_label"].startswith("1")
                    cells[CELL_OF[human, said == "1_"]] += 1
            yield cells


def sample(dice: random.Random, cells: Counter[str], design: str, n: int) -> Counter[str]:
    if design == "random":
        return draw(dice, cells, CELLS, n)
    first, second = {"verdict-balanced": (("tp", "fp"), ("tn", "fn")), "class-balanced": (("tp", "fn"), ("tn", "fp"))}[
        design
    ]
    have = sum(cells[c] for c in first), sum(cells[c] for c in second)
    half = max(min(n // 2, have[0]), n - have[1])
    return draw(dice, cells, first, half) + draw(dice, cells, second, n - half)


def draw(dice: random.Random, cells: Counter[str], of: tuple[str, ...], n: int) -> Counter[str]:
    return Counter(dice.sample(of, k=n, counts=[cells[c] for c in of]))


def cover(conn, formula: str, samples: list[Counter[str]], cells: Counter[str]) -> tuple[float, float, float]:
    judged = sum(cells.values())
    return conn.execute(
        "SELECT covered, width, refused FROM bench.coverage(%s, %s, %s, %s, %s, %s, %s, %s)",
        [formula, *([float(each[c]) for each in samples] for c in CELLS), cells["tp"] + cells["fp"], judged,
         (cells["tp"] + cells["fn"]) / judged],
    ).fetchone()  # fmt: skip


def reading(bench: Bench) -> Iterator[Figure]:
    steps, labels = ((1_000_000 if bench.quick else 10_000_000) // VALIDATORS, 10_000 if bench.quick else 100_000)
    with bench.database("alignment") as dsn, connect(dsn) as conn:
        conn.execute((HERE / "metrics.sql").read_text())
        for lo in range(1, steps + 1, PART):
            conn.execute("CALL bench.fill_verdicts(%s, %s, %s)", [lo, min(lo + PART - 1, steps), steps])
        conn.execute("CALL bench.label_steps(%s)", [steps * 22 // 10 // labels])
        conn.execute("SELECT flywheel.merge_rollup()")
        conn.execute("VACUUM ANALYZE")
        count = conn.execute("SELECT count(*) FROM flywheel.labels").fetchone()[0]
        for view in VIEWS:
            yield Figure(f"{view} at {count:,} labels, {steps * VALIDATORS:,} verdicts",
                         read_time(conn, f"SELECT * FROM flywheel.{view}"), "ms", ("≤", 50))  # fmt: skip
