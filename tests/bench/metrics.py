"""Reading the metrics views at 100,000 verdicts and at ten million."""

from collections.abc import Iterator
from statistics import median

from harness import Bench, Figure, connect, seconds

VIEWS = ["metrics", "metrics_daily", "coverage"]
VALIDATORS = 9
PART = 50_000  # steps of one transaction


def measure(bench: Bench) -> Iterator[Figure]:
    large = 1_000_000 if bench.quick else 10_000_000
    small = read_times(bench, 100_000)
    times = read_times(bench, large)
    for view in VIEWS:
        reach = ("≤", 10) if view.startswith("metrics") else None
        yield Figure(f"{view} at {large:,} verdicts", times[view], "ms", reach)
        yield Figure(f"{view} at 100,000", small[view], "ms")


def read_times(bench: Bench, verdicts: int) -> dict[str, float]:
    """Milliseconds to read each view, median of many, in a warm session."""
    steps = verdicts // VALIDATORS
    with bench.database("metrics") as dsn, connect(dsn) as conn:
        for lo in range(1, steps + 1, PART):
            conn.execute("CALL bench.fill_verdicts(%s, %s, %s)", [lo, min(lo + PART - 1, steps), steps])
        conn.execute("VACUUM ANALYZE")
        conn.execute("CALL bench.tidy_up()")
        conn.execute("VACUUM flywheel.metric_rollup")
        return {view: read_time(conn, f"SELECT * FROM flywheel.{view}") for view in VIEWS}


def read_time(conn, query: str) -> float:
    return 1000 * median(seconds(lambda: conn.execute(query).fetchall()) for _ in range(25))
