"""From sending an INSERT to seeing its verdict in another session, at a modest rate, with the worker."""

import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import quantiles
from threading import Thread

from harness import Bench, Figure, connect, value

RATE = 50  # single-row inserts a second
LOOK_EVERY_S = 0.002


def measure(bench: Bench) -> Iterator[Figure]:
    duration = 10 if bench.quick else 40
    with bench.database("freshness") as dsn:
        command = [f"{sys.prefix}/bin/flywheel", "worker", "--dsn", dsn]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_for_first_verdict(dsn)
            waits = observe(dsn, RATE * duration)
        finally:
            process.terminate()
            process.wait()
    cuts = quantiles(waits, n=100)
    yield Figure("insert to verdict, p50", cuts[49], "ms")
    yield Figure("insert to verdict, p95", cuts[94], "ms", ("≤", 200))


def wait_for_first_verdict(dsn: str) -> None:
    with connect(dsn) as conn:
        step, deadline = value(conn, "SELECT bench.insert_step()"), time.monotonic() + 30
        while not value(conn, "SELECT bench.validated(%s)", [step]):
            if time.monotonic() > deadline:
                raise TimeoutError("no verdict in 30 s: the worker does not run")
            time.sleep(LOOK_EVERY_S)


def observe(dsn: str, steps: int) -> list[float]:
    """Milliseconds that each of so many steps waited, as a second session sees it."""
    sent: dict[int, float] = {}
    waits: list[float] = []

    def insert() -> None:
        with connect(dsn) as conn:
            began = time.perf_counter()
            for i in range(steps):
                time.sleep(max(0, began + i / RATE - time.perf_counter()))
                at = time.perf_counter()
                sent[value(conn, "SELECT bench.insert_step()")] = at

    thread = Thread(target=insert)
    thread.start()
    with connect(dsn) as conn:
        while thread.is_alive() or sent:
            seen = value(conn, "SELECT bench.validated(%s::bigint[])", list(sent))
            now = time.perf_counter()
            waits += [(now - sent.pop(step)) * 1000 for step in seen]
            time.sleep(LOOK_EVERY_S)
    return waits
