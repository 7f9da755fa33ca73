"""What validation costs the application's INSERT: flywheel.traces against the same table without triggers."""

import re
import subprocess
from collections.abc import Iterator
from statistics import median

from harness import HERE, Bench, Figure, connect, seconds, value


def measure(bench: Bench) -> Iterator[Figure]:
    blocks = 60 if bench.quick else 300
    with bench.database("inserts") as dsn, connect(dsn) as conn:
        for statements, rows in ((100, 1), (10, 100)):
            overhead, partitions = (
                value(conn, "SELECT bench.insert_overhead(%s, %s, %s, %s)", target, blocks, statements, rows)
                for target in ("traces", "partitioned")
            )
            conn.execute("CALL bench.forget()")
            if rows == 1:
                yield Figure("added to a statement of 1 row", overhead, "µs", ("≤", 10))
                yield Figure("... of it by partitions", partitions, "µs")
            else:
                yield Figure("added to a row, 100 rows a statement", overhead / rows, "µs", ("≤", 1))
                yield Figure("... of it by partitions", partitions / rows, "µs")
        for clients in (4, 8):
            ratio = throughput_ratio(bench, dsn, clients)
            yield Figure(f"pgbench, {clients} clients, 1 row: of the bare table", ratio, "", ("≥", 0.9))
        ours, partitioned = copy_ratios(bench, conn)
        yield Figure("COPY of 100,000 rows: of the bare table", ours, "")
        yield Figure("... with partitions and no trigger", partitioned, "")


def throughput_ratio(bench: Bench, dsn: str, clients: int) -> float:
    rounds, duration = (3, 2) if bench.quick else (5, 4)
    pairs = [
        [transactions_per_s(bench, dsn, table, clients, duration) for table in ("traces", "bare")]
        for _ in range(rounds)
    ]
    return median(ours / bare for ours, bare in pairs)


def transactions_per_s(bench: Bench, dsn: str, table: str, clients: int, duration: int) -> float:
    program = bench.cluster.server.bindir / "pgbench"
    script = f"--file={HERE / f'insert_{table}.pgbench'}"
    command = [program, "-n", "-M", "prepared", f"-c{clients}", "-j4", f"-T{duration}", script, dsn]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(re.search(r"tps = ([\d.]+)", report)[1])


def copy_ratios(bench: Bench, conn) -> tuple[float, ...]:
    """The rate of flywheel.traces, and of the partitioned table without triggers, each of the bare table's."""
    path = str(bench.cluster.home / "rows.copy")
    conn.execute("CALL bench.write_copy_file(%s, 100000)", [path])

    def load(table: str) -> float:
        return seconds(conn.execute, "CALL bench.copy_into(%s, %s)", [table, path])

    tables = ("bench.bare", "flywheel.traces", "bench.partitioned")
    rounds = [[load(table) for table in tables] for _ in range(3 if bench.quick else 7)]
    return tuple(median(took[0] / took[i] for took in rounds) for i in (1, 2))
