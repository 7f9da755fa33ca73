"""Labels: importing them, with the search for near-duplicates, and what reading the views over them takes."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from harness import Bench, Figure, connect, seconds, value
from metrics import read_time
from pg_flywheel.labels import import_labels

COPIES = """
SELECT count(*) FILTER (WHERE a.split = b.split OR a.duplicate_of IS NOT NULL) / count(*)::float
FROM flywheel.labels a JOIN flywheel.traces t ON t.id = a.step_id AND t.tags IS NOT NULL
JOIN flywheel.traces o ON o.trace_id = substr(t.tags[1], 9) JOIN flywheel.labels b ON b.step_id = o.id
WHERE a.rater = 'ann' AND b.rater = 'ann'
"""
QUERIES = {
    "rubric_status": "SELECT * FROM flywheel.rubric_status",
    "agreement": "SELECT * FROM flywheel.agreement",
    "consensus of dev, counted": "SELECT count(*) FILTER (WHERE passed) FROM flywheel.consensus WHERE split = 'dev'",
}


def measure(bench: Bench) -> Iterator[Figure]:
    steps = 10_000 if bench.quick else 100_000
    with bench.database("labels") as dsn, connect(dsn) as conn, tempfile.TemporaryDirectory() as folder:
        conn.execute("SELECT flywheel.set_provider('default', 'http://127.0.0.1:9/v1')")
        conn.execute("SELECT flywheel.add_judge('helpful', 'Passes if it helps.', 'm')")
        conn.execute("CALL bench.fill_steps(%s)", [steps])
        said = {"validator": "helpful", "rater": "ann"}
        labels = [said | {"step_id": step, "passed": step % 3 > 0} for step in range(1, steps + 1)]
        labels += [label | {"rater": "bob", "passed": label["step_id"] % 7 > 0} for label in labels[::20]]
        file = Path(folder, "labels.jsonl")
        file.write_text("".join(json.dumps(label) + "\n" for label in labels))
        times = [perf_counter()]
        import_labels(conn, str(file), lambda _: times.append(perf_counter()))
        tenth = len(times) // 10
        yield Figure(f"import of {len(labels):,} labels", times[-1] - times[0], "s", ("≤", 120))
        growth = (times[tenth * 9] - times[tenth * 8]) / (times[tenth * 2] - times[tenth])
        yield Figure("a label at nine tenths of them ÷ at two tenths", growth, "", ("≤", 1.5))
        yield Figure("near-duplicates in another group that share its split", value(conn, COPIES), "", ("≥", 0.99))
        conn.execute("VACUUM ANALYZE")
        for name, query in QUERIES.items():
            yield Figure(f"{name} at {len(labels):,} labels", read_time(conn, query), "ms", ("≤", 50))
        yield Figure("the whole audit, flywheel.leakage", seconds(conn.execute, "SELECT * FROM flywheel.leakage"), "s")
        conn.execute("SELECT flywheel.add_judge('helpful', 'Passes if it helps at once.', 'm')")
        yield Figure("rubric_status when all are stale", read_time(conn, QUERIES["rubric_status"]), "ms", ("≤", 50))
