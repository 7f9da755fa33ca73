"""What a stratified label is worth: the variance of as many labels of steps at random, over its own, on XSTest."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from harness import HERE, Bench, Figure, connect

XSTEST = HERE.parents[2] / "shared" / "data" / "xstest.jsonl"
COLUMNS = ("trace_id", "pipeline", "node", "input", "output", "variant")


def measure(bench: Bench) -> Iterator[Figure]:
    if not XSTEST.exists():
        sys.exit(f"bench: it needs {XSTEST.name}, in the shared data folder beside this checkout")
    rounds = 60 if bench.quick else 400
    steps = read(XSTEST)
    every = effective(bench, steps, rounds, 1, 100)
    yield Figure("labels a label is worth, 100 at once: by stratum", every[0], "")
    claims = effective(bench, steps, rounds, 5, 20)
    yield Figure("in 5 claims of 20, each planned anew: by stratum", claims[0], "", ("≥", 3))
    yield Figure("the same, weighted by the recorded probabilities", claims[1], "")
    models = [
        effective(bench, [step for step in steps if step["variant"] == model], rounds // 2, 5, 20)[0]
        for model in sorted({step["variant"] for step in steps})
    ]
    yield Figure("within one model's 450 steps: mean of the five", mean(models), "")
    yield Figure("the least of the five", min(models), "")
    yield Figure("the most of the five", max(models), "")


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.open()]


def effective(bench: Bench, steps: list[dict], rounds: int, times: int, n: int) -> tuple[float, float]:
    with bench.database("plan_labels") as dsn, connect(dsn) as conn:
        rows = [[*(step[name] for name in COLUMNS), json.dumps(step["attributes"])] for step in steps]
        with conn.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO flywheel.traces ({', '.join(COLUMNS)}, attributes) VALUES (%s, %s, %s, %s, %s, %s, %s)",
                rows,
            )
        conn.execute("CALL flywheel.drain()")
        conn.execute("CALL bench.judge()")
        conn.execute("VACUUM ANALYZE")
        conn.execute("SET synchronous_commit = off")
        rate, variance = conn.execute("SELECT * FROM bench.at_random(%s)", [times * n]).fetchone() or (0, 0)
        estimates = [
            conn.execute("SELECT * FROM bench.estimates(%s, %s)", [times, n]).fetchone() or () for _ in range(rounds)
        ]
        by_stratum, weighted = (
            variance / mean((each - rate) ** 2 for each in kind) for kind in zip(*estimates, strict=True)
        )
        return by_stratum, weighted
