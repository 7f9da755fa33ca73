"""Choosing what to label at ten million verdicts: the queue, a claim by priority, and claims by chance."""

from collections.abc import Iterator

from harness import Bench, Figure, connect
from metrics import PART, VALIDATORS, read_time

CLAIM = "SELECT * FROM flywheel.claim_review('bench', 20, 'v1', %s)"


def measure(bench: Bench) -> Iterator[Figure]:
    verdicts = 1_000_000 if bench.quick else 10_000_000
    steps = verdicts // VALIDATORS
    with bench.database("metrics") as dsn, connect(dsn) as conn:
        for lo in range(1, steps + 1, PART):
            conn.execute("CALL bench.fill_verdicts(%s, %s, %s)", [lo, min(lo + PART - 1, steps), steps])
        conn.execute("SELECT flywheel.set_rubric('v' || i, 'Passes if it helps.') FROM generate_series(1, 9) AS i")
        conn.execute("UPDATE flywheel.activations SET lo = 1")
        conn.execute("VACUUM ANALYZE")
        conn.execute("SELECT flywheel.merge_rollup()")
        conn.execute("VACUUM flywheel.metric_rollup")
        at = f"at {verdicts:,} verdicts"
        yield Figure(f"review_queue {at}", read_time(conn, "SELECT * FROM flywheel.review_queue"), "ms", ("≤", 100))
        yield Figure(f"alignment_due {at}", read_time(conn, "SELECT * FROM flywheel.alignment_due"), "ms")
        for design in ("priority", "random", "verdict_balanced", "stratified"):
            reach = ("≤", 100) if design == "priority" else None
            took = read_time(conn, CLAIM.replace("%s", f"'{design}'"))
            yield Figure(f"claim_review of 20, {design}", took, "ms", reach)
