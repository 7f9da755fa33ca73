"""What people write when validation is not in the database: the same function, over rows that are fetched.

Both do less than the drain does: no queue, no leases, no metrics.
"""

from time import perf_counter

from harness import connect

from pyvalidators.batch import run

VALIDATOR = "contains_none"
CONFIG = {"words": ["idiot", "stupid", "lawsuit"]}
BATCH = 2048  # steps, as in the drain
INTO = """COPY bench.verdicts (step_id, version_id, step_created_at, pipeline, node, variant,
                               passed, reason, status, latency_ms) FROM STDIN"""
NEXT = "SELECT * FROM bench.waiting WHERE id > %s ORDER BY id LIMIT 1"


def well_written(dsn: str) -> None:
    """A server-side cursor to read, COPY to write, a commit for every batch."""
    with (
        connect(dsn) as reading,
        connect(dsn) as writing,
        reading.transaction(),
        reading.cursor("waiting", binary=True) as steps,
    ):
        steps.execute("SELECT * FROM bench.waiting ORDER BY id")
        while batch := steps.fetchmany(BATCH):
            began = perf_counter()
            done = run(VALIDATOR, CONFIG, [[step[5] for step in batch]])
            latency = (perf_counter() - began) * 1000 / len(batch)
            with writing.transaction(), writing.cursor().copy(INTO) as copy:
                for step, *verdict in zip(batch, done.passed, done.reason, done.status, strict=True):
                    copy.write_row((step[0], 1, *step[1:5], *verdict, latency))


def row_at_a_time(dsn: str, steps: int) -> None:
    """Select a step, validate it, insert its verdict, commit."""
    last = 0
    with connect(dsn) as conn:
        for _ in range(steps):
            step = conn.execute(NEXT, [last]).fetchone()
            last = step[0]
            done = run(VALIDATOR, CONFIG, [[step[5]]])
            verdict = (*step[:5], done.passed[0], done.reason[0], None)
            conn.execute("SELECT bench.store(%s, %s, %s, %s, %s, %s, %s, %s::real)", verdict)
