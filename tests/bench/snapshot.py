"""The drain's rate with a snapshot held open and readers of the metrics, against its rate undisturbed.

Small messages, so that there are thousands of dead queue rows, which a held snapshot keeps from vacuum.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median
from threading import Event

import psycopg
from harness import Bench, Figure, connect, seconds

READERS = 4
THINK_S = 0.05  # between two reads: it is the drain that is measured, not five processes on four cores
CHUNK = 64  # steps a message


def measure(bench: Bench) -> Iterator[Figure]:
    n, rounds = (25_000, 5) if bench.quick else (100_000, 5)
    undisturbed, disturbed = [], []
    with bench.database("snapshot") as dsn, connect(dsn) as conn:
        drain_rate(conn, n)
        for _ in range(rounds):
            undisturbed.append(drain_rate(conn, n))
            with ExitStack() as stack:
                holder = stack.enter_context(psycopg.connect(dsn))
                holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                holder.execute("SELECT bench.read_metrics()")
                stop, pool = Event(), stack.enter_context(ThreadPoolExecutor(READERS))
                stack.callback(stop.set)
                readers = [pool.submit(read, dsn, stop) for _ in range(READERS)]
                disturbed.append(drain_rate(conn, n))
                stop.set()
                reads = sum(reader.result() for reader in readers)
    yield Figure("verdicts stored, undisturbed", median(undisturbed), "/s")
    yield Figure("metrics read meanwhile, last round", reads, "times")
    ratio = median(a / b for a, b in zip(disturbed, undisturbed, strict=True))
    yield Figure("held snapshot and 4 readers: of the undisturbed rate", ratio, "", ("≥", 0.95))


def drain_rate(conn: psycopg.Connection, n: int) -> float:
    conn.execute("SELECT bench.fill_traces(%s)", [n])
    return n / seconds(conn.execute, "CALL flywheel.drain(chunk => %s, sweep => false)", [CHUNK])


def read(dsn: str, stop: Event) -> int:
    """Read the metrics, each time in a REPEATABLE READ transaction, until told to stop; how often it did."""
    reads = 0
    with psycopg.connect(dsn) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        while not stop.is_set():
            with conn.transaction():
                conn.execute("SELECT bench.read_metrics()")
            reads += 1
            time.sleep(THINK_S)
    return reads
