"""How well a shadow judge with 100 labels finds the errors of a recorded GPT-4 judge (xstest.jsonl).

Held out: no step of a prompt that has a label counts, by whichever model. Mean over resamplings of the labels.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import psycopg
from harness import Bench, Figure, connect, seconds, value
from validators import auroc

STEPS = Path(__file__).parents[3] / "shared" / "data" / "xstest.jsonl"
LABELS = 100


def measure(bench: Bench) -> Iterator[Figure]:
    if not STEPS.exists():
        return
    steps = [json.loads(line) for line in STEPS.read_text().splitlines()]
    models = list(dict.fromkeys(step["model"] for step in steps))
    rounds = 3 if bench.quick else 20
    with bench.database("shadow") as dsn, connect(dsn) as conn:
        conn.execute("CALL bench.load_judged(%s)", [json.dumps(steps)])
        for model in [None, *models]:
            found = fmean(area(conn, model, i / rounds) for i in range(rounds))
            of = f"of {model}" if model else f"of all {len(models)} models"
            what = f"AUROC of a judge's errors, {LABELS} labels {of}, mean of {rounds} draws"
            yield Figure(what, found, "", None if model else ("≥", 0.92))
        conn.execute("CALL bench.learn(NULL, %s, 0.5)", [LABELS])
        n = value(conn, "SELECT count(*) FROM bench.doubts(NULL)")
        call = seconds(lambda: conn.execute("SELECT count(disagreement) FROM bench.doubts(NULL)").fetchall()) / n
        yield Figure("a verdict of the shadow judge", call * 1000, "ms")


def area(conn: psycopg.Connection, model: str | None, seed: float) -> float:
    conn.execute("CALL bench.learn(%s, %s, %s)", [model, LABELS, seed])
    doubts = conn.execute("SELECT wrong, disagreement FROM bench.doubts(%s)", [model]).fetchall()
    return auroc([d for wrong, d in doubts if not wrong], [d for wrong, d in doubts if wrong])
