"""LLM judges: how near the worker comes to its limit of calls in flight, against a stand-in provider."""

import subprocess
import sys
from collections.abc import Iterator

from harness import Bench, Figure, connect, value
from pg_flywheel.standin import start_process

LATENCY_S = 1.0


def measure(bench: Bench) -> Iterator[Figure]:
    calls = 10 if bench.quick else 30  # one after the other in every place in flight
    for in_flight in (64, 256):
        with (
            bench.database("judges") as dsn,
            connect(dsn) as conn,
            start_process(LATENCY_S) as base_url,
        ):
            n = in_flight * calls
            conn.execute("CALL bench.ask_for_judgements(%s, %s, %s)", [base_url, in_flight, n])
            conn.execute("CALL flywheel.drain(sweep => false)")
            command = [f"{sys.prefix}/bin/flywheel", "worker", "--once", "--dsn", dsn]
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                raise RuntimeError(f"flywheel worker --once failed:\n{done.stderr[-2000:]}")
            share = value(conn, "SELECT bench.judge_efficiency(%s, %s)", in_flight, LATENCY_S)
        yield Figure(f"calls/s of {in_flight} in flight ÷ latency", share, "", ("≥", 0.95))
