"""Verdicts a second of every validator, stored, on one core: in the database, and in the portable profile's worker.

A second is one of CPU, of all processes that take part, so that a busy machine measures the same.
What reads prose gets the answers of XSTest, 1,200 characters on average; all else its own examples, which are short.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg
from harness import HERE, Bench, Figure, connect
from pg_flywheel.database import Database
from pg_flywheel.portable import Host, PythonValidating

EXAMPLES = HERE.parent / "pyvalidators" / "examples.jsonl"
XSTEST = HERE.parents[2] / "shared" / "data" / "xstest.jsonl"
PROSE = {
    *("complexity", "contains_all", "contains_any", "contains_none", "equals_expected", "is_refusal", "language"),
    *("links_allowed", "markdown_valid", "matches", "max_length", "min_length", "no_pii", "no_prompt_leak", "pii"),
    *("prompt_injection", "readability", "same_language_as_input", "similar_to_expected", "starts_with", "tone_words"),
}
MOST = 20_000  # steps of one measurement
CALL = {"output": '{"tool": "search", "arguments": {"q": "a"}}'}
RANKED = {"context": [{"id": f"d{n}", "score": 1 / n} for n in range(1, 11)], "expected": '["d1", "d4", "d11"]'}
OWNED = {"input": "Where is K-11853?", "user_id": "anna"}
QUERY = {
    "output": "SELECT status, count(*) FROM orders WHERE total > 20 GROUP BY status",
    "expected": "SELECT o.status, sum(1) AS n FROM shop.orders o WHERE o.total > 20 GROUP BY 1 ORDER BY 1",
}
IN_SQL = [
    ("flywheel.novelty", {"topic": "bench"}, []),
    ("flywheel.on_topic", {"topic": "bench"}, []),
    ("flywheel.owned_entities", {"pattern": r"K-\d{5}", "lookup": "bench.owns"}, [OWNED]),
    ("flywheel.no_repeated_calls", {"max": 3}, [CALL]),
    ("flywheel.step_budget", {"limit": 8}, [CALL]),
    ("flywheel.retrieval", {"metric": "ndcg_at_k"}, [RANKED]),
    ("flywheel.sql_executes", {"schema": "shop"}, [QUERY]),
    ("flywheel.sql_same_result", {"schema": "shop"}, [QUERY]),
]


def throughput(bench: Bench) -> Iterator[Figure]:
    answers = [json.loads(line) for line in XSTEST.open()]
    answers = [{"input": row["input"], "output": row["output"], "expected": row["output"]} for row in answers]
    library = [
        (f"py:{row['validator']}", row["config"], [] if row["validator"] in PROSE else [row["passes"], row["fails"]])
        for row in map(json.loads, EXAMPLES.open())
    ]
    most = MOST // 10 if bench.quick else MOST
    with bench.database("validators") as dsn, connect(dsn) as conn:
        inputs = sorted({row["input"] for row in answers})
        conn.execute("SELECT flywheel.set_examples('bench', %s)", [inputs])
        for function, config, steps in [*library, *IN_SQL]:
            rate = measured(conn, lambda: drain(conn), function, config, steps or answers, most)
            yield Figure(f"{name_of(function)}: in the database", rate, "/s")
    with bench.database("validators") as dsn, connect(dsn) as conn:
        conn.execute("DROP EXTENSION pg_flywheel_python")  # the portable profile
        with worker(dsn) as validate:
            for function, config, steps in library:
                rate = measured(conn, lambda: (drain(conn), validate()), function, config, steps or answers, most)
                yield Figure(f"{name_of(function)}: in the worker", rate, "/s")


def name_of(function: str) -> str:
    return function.removeprefix("py:").removeprefix("flywheel.")


def drain(conn: psycopg.Connection) -> None:
    conn.execute("CALL flywheel.drain(sweep => false)")


def measured(conn: psycopg.Connection, work: Callable, function: str, config: dict, steps: list, most: int) -> float:
    """A few steps load what the validator needs, some hundred tell its pace; then half a second's worth of them."""
    rate = 0.0
    for n in (2, 200, None):
        n = n or max(100, min(most, int(rate / 2)))
        arguments = [function, json.dumps(config), json.dumps(steps[:n]), n]
        conn.execute("CALL bench.one_validator(%s, %s, %s, %s)", arguments)
        began = cpu_seconds(conn)
        work()
        rate = n / max(cpu_seconds(conn) - began, 0.01)  # what the clock can tell
        stored = conn.execute("SELECT count(*) FROM flywheel.verdicts WHERE status IN ('ok', 'abstained')").fetchone()
        assert stored == (n,), f"{function}: {stored} of {n} verdicts"
    return rate


def cpu_seconds(conn: psycopg.Connection) -> float:
    """Of the backends of this database, of this process, which is the worker's, and of its subprocess."""
    backends = conn.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()").fetchall()
    here = psutil.Process()
    processes = [*(psutil.Process(pid) for (pid,) in backends), here, *here.children()]
    return sum(each.cpu_times().user + each.cpu_times().system for each in processes)


@contextmanager
def worker(dsn: str) -> Iterator[Callable[[], Any]]:
    """One of the worker's subprocesses, which stays: starting it is not measured. Ranges are worked off one by one."""
    with asyncio.Runner() as runner:
        db, host = Database(dsn, connections=2), Host()
        validating = PythonValidating(db, processes=1, once=True)

        async def work_off() -> None:
            while (claimed := await validating._next()) is not None:
                await validating._validate(host, claimed)

        runner.run(db.__aenter__())
        try:
            yield lambda: runner.run(work_off())
        finally:
            runner.run(host.kill())
            runner.run(db.__aexit__(None, None, None))
