"""Code validators in the database: verdicts stored a second, against inserting only and outside workers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import outside
from harness import Bench, Figure, connect, seconds

ROW_AT_A_TIME = 2000  # steps


def measure(bench: Bench) -> Iterator[Figure]:
    n, rounds = (50_000, 3) if bench.quick else (200_000, 5)
    with bench.database("drain") as dsn, connect(dsn) as conn:
        conn.execute("CALL bench.make_steps(%s)", [n])
        conn.execute("SELECT bench.add_validators(1)")

        def start_over() -> None:
            conn.execute("CALL bench.empty_tables()")
            conn.execute("CALL bench.insert_traces()")

        def drain(sessions: int = 1) -> float:
            def work() -> None:
                # Here, or the second one finds neither inbox nor queue while the first one dispatches, and leaves.
                conn.execute("SELECT flywheel.dispatch()")
                with ThreadPoolExecutor(sessions) as pool:
                    list(pool.map(drain_once, [dsn] * sessions))

            return seconds(work)

        rates: dict[str, list[float]] = {}
        for _ in range(rounds):
            conn.execute("CALL bench.empty_tables()")
            rates.setdefault("insert", []).append(n / seconds(conn.execute, "CALL bench.insert_bare()"))
            conn.execute("CALL bench.insert_traces()")
            rates.setdefault("drain", []).append(n / drain())
            conn.execute("ANALYZE flywheel.traces, bench.verdicts")  # or its cursor may go round in a nested loop
            rates.setdefault("outside", []).append(n / seconds(outside.well_written, dsn))
            start_over()
            rates.setdefault("row", []).append(ROW_AT_A_TIME / seconds(outside.row_at_a_time, dsn, ROW_AT_A_TIME))
            rates.setdefault("two drains", []).append(n / drain(2))

        def ratio(other: str) -> float:
            return median(ours / theirs for ours, theirs in zip(rates["drain"], rates[other], strict=True))

        yield Figure("verdicts stored, 1 validator, 1 drain", median(rates["drain"]), "/s")
        yield Figure("of INSERT ... SELECT into the bare table", ratio("insert"), "", ("≥", 0.5))
        yield Figure("over an outside worker, cursor and COPY", ratio("outside"), "×", ("≥", 3))
        yield Figure("over a row-at-a-time worker", ratio("row"), "×", ("≥", 10))
        yield Figure("two drains over one", 1 / ratio("two drains"), "×")

        conn.execute("SELECT bench.add_validators(8)")
        start_over()
        yield Figure("verdicts stored, 8 validators, 1 drain", 8 * n / drain(), "/s")


def drain_once(dsn: str) -> None:
    with connect(dsn) as conn:
        conn.execute("CALL flywheel.drain(sweep => false)")
