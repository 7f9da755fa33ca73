"""Retrieval of examples: how fast, how near to exact, before and after deletions; how soon a new label is found."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from statistics import mean, quantiles
from time import perf_counter, sleep

from embeddings import QUESTIONS, questions
from harness import Bench, Figure, connect, seconds, value

QUERIES = 300
PARTS = 4
INDEX = "SELECT pg_get_indexdef('flywheel.embeddings_ngrams_hnsw'::regclass)"
CALLS = {
    "demonstrations": "SELECT * FROM flywheel.demonstrations('bench', NULL, %s)",
    "demonstrations, recent": "SELECT * FROM flywheel.demonstrations('bench', NULL, %s, strategy => 'recent')",
    "demonstrations, diverse": "SELECT * FROM flywheel.demonstrations('bench', NULL, %s, strategy => 'diverse')",
    "few_shot": "SELECT * FROM flywheel.few_shot('helpful', %s)",
}
RECALL = "SELECT bench.recall(flywheel.embed(%s), 10)"
OPENINGS = ["Hello,", "Hi there,", "Please tell me:", "Quick one:", "I would like to know", "My boss asks", "Hey"]
CLOSINGS = ["thanks", "if you can", "today", "for a friend", "as soon as possible", "from my phone", "again", "please"]
EXAMPLES = """
SELECT flywheel.judge_examples(w, t) FROM flywheel.validator_versions w, flywheel.traces t WHERE t.id = %s"""


def measure(bench: Bench) -> Iterator[Figure]:
    steps = 10_000 if bench.quick else 100_000
    texts = wordings(steps + QUERIES)
    asked = texts[steps:]
    with bench.database("few_shot") as dsn, connect(dsn) as conn:
        fill(conn, dsn, texts[:steps])
        yield from read(conn, asked, f"{steps:,} examples")
        yield Figure("examples of a judgement, mean", mean(times(conn, EXAMPLES, range(1, QUERIES))), "ms")
        yield Figure("commit of a label to few_shot, slowest of 30", max(waits(dsn)), "ms", ("≤", 1000))
        conn.execute("DELETE FROM flywheel.traces WHERE abs(hashint8(id)) % 10 < 3")
        yield from read(conn, asked, "30 % deleted")


def read(conn, asked: list[str], when: str) -> Iterator[Figure]:
    yield Figure(f"recall@10, {when}", mean(value(conn, RECALL, text) for text in asked), "", ("≥", 0.95))
    for name, call in CALLS.items():
        yield Figure(f"{name}, {when}, p95", quantiles(times(conn, call, asked), n=20)[-1], "ms", ("≤", 10))


def times(conn, call: str, arguments: Sequence[object]) -> list[float]:
    """Milliseconds of each call, in a session that has called before."""
    for n in arguments[:10]:
        conn.execute(call, [n])
    return [1000 * seconds(conn.execute, call, [n]) for n in arguments]


def wordings(n: int) -> list[str]:
    """Questions in many wordings: with an opening, a closing, a number."""
    dice, all_questions = Random(1), questions(QUESTIONS)
    return [
        f"{dice.choice(OPENINGS)} {dice.choice(all_questions)} {dice.choice(CLOSINGS)} {dice.randrange(100_000)}"
        for _ in range(n)
    ]


def fill(conn, dsn: str, inputs: list[str]) -> None:
    with conn.cursor().copy("COPY flywheel.traces (pipeline, input) FROM STDIN") as copy:
        for text in inputs:
            copy.write_row(["bench", text])
    conn.execute("CALL bench.approve_all()")
    index = value(conn, INDEX)
    conn.execute("DROP INDEX flywheel.embeddings_ngrams_hnsw")

    def embed(part: int) -> None:
        with connect(dsn) as own:
            own.execute("CALL bench.embed_part(%s, %s)", [part, PARTS])

    with ThreadPoolExecutor(PARTS) as pool:
        list(pool.map(embed, range(PARTS)))
    conn.execute("CALL bench.reindex(%s)", [index])
    conn.execute("VACUUM ANALYZE")


def waits(dsn: str) -> Iterator[float]:
    """Milliseconds from the commit of a label until another session is given it, while the worker runs."""
    command = [f"{sys.prefix}/bin/flywheel", "worker", "--dsn", dsn]
    found = "SELECT count(*) > 0 FROM flywheel.few_shot('helpful', md5(%s::text)) WHERE label_id = %s"
    worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        with connect(dsn) as conn:
            for n in range(31):
                label, committed = value(conn, "SELECT bench.label(%s)", n), perf_counter()
                while not value(conn, found, n, label):
                    if perf_counter() - committed > 60:
                        raise TimeoutError("a label was not found in a minute: the worker does not run")
                    sleep(0.01)
                if n > 0:  # the first one waits for the worker to start
                    yield 1000 * (perf_counter() - committed)
    finally:
        worker.terminate()
        worker.wait()
