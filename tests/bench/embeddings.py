"""The index of embeddings: filling it, searching it, and what it finds of what there is, before and after deletions."""

import csv
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from harness import HERE, Bench, Figure, connect, seconds, value

QUESTIONS = HERE.parents[2] / "shared" / "data" / "clinc150.csv"
QUERIES = 400
PART = 5000
NEW = 2000


def measure(bench: Bench) -> Iterator[Figure]:
    steps = 10_000 if bench.quick else 100_000
    with bench.database("embeddings") as dsn, connect(dsn) as conn:
        with conn.cursor().copy("COPY bench.questions (question) FROM STDIN") as copy:
            for question in questions(QUESTIONS):
                copy.write_row([question])
        for characters in (60, 500):
            text = ("Where is my order number %s? " * 20)[:characters]
            embed = f"SELECT count(flywheel.embed(replace('{text}', '%s', n::text))) FROM generate_series(1, 1000) n"
            yield Figure(f"flywheel.embed, {characters} characters", seconds(conn.execute, embed), "ms")  # of 1000
        for lo in range(1, steps + 1, PART):
            conn.execute("CALL bench.fill_steps(%s, %s)", [lo, lo + PART - 1])
        conn.execute("CALL flywheel.drain()")
        conn.execute("CALL bench.fill_embeddings()")
        conn.execute("SELECT flywheel.set_embedded('bench')")
        conn.execute("CALL bench.fill_steps(%s, %s)", [steps + 1, steps + NEW])
        took = seconds(conn.execute, "CALL flywheel.drain()")
        steps += NEW
        assert value(conn, "SELECT count(embedding) FROM flywheel.embeddings") == steps
        yield Figure(f"drain: embedded, stored and indexed, from {steps - NEW:,} on", NEW / took, "steps/s")
        conn.execute("VACUUM ANALYZE")
        yield from found(conn, f"at {steps:,}")
        conn.execute("DELETE FROM flywheel.traces WHERE hashint8(id) % 10 IN (0, 1, 2, -1, -2)")
        kept = value(conn, "SELECT count(*) FROM flywheel.embeddings")
        yield from found(conn, f"{1 - kept / steps:.0%} deleted, not vacuumed")
        conn.execute("VACUUM ANALYZE")
        yield from found(conn, f"{1 - kept / steps:.0%} deleted, vacuumed")


def found(conn, when: str) -> Iterator[Figure]:
    yield Figure(
        f"recall@10 {when}", value(conn, "SELECT flywheel.index_recall(sample => %s)", QUERIES), "", ("≥", 0.95)
    )
    new = "SELECT bench.wording(10000000 + 37 * n) FROM generate_series(1, %s) AS n"
    texts = [text for (text,) in conn.execute(new, [QUERIES])]
    search = "SELECT * FROM flywheel.nearest_steps(flywheel.embed_query(%s), 10)"
    times = [1000 * seconds(conn.execute, search, [text]) for text in texts]
    yield Figure(f"text to 10 nearest, {when}, median", median(times), "ms")
    yield Figure(f"text to 10 nearest, {when}, p95", quantiles(times, n=20)[-1], "ms", ("≤", 10))


def questions(path: Path) -> list[str]:
    """Of CLINC150, or made up where it is not beside the repository."""
    if path.is_file():
        with path.open(newline="") as file:
            return [row["text"] for row in csv.DictReader(file)]
    words = [
        "order",
        "refund",
        "parcel",
        "invoice",
        "address",
        "card",
        "account",
        "password",
        "size",
        "colour",
        "delivery",
    ]
    return [f"what about the {a} and my {b} with a {c}" for a in words for b in words for c in words]
