"""Old steps go: a whole partition at once, against the same steps in batches. And what moving steps into one costs."""

from collections.abc import Iterator

from harness import Bench, Figure, connect, seconds, value


def measure(bench: Bench) -> Iterator[Figure]:
    n = 100_000 if bench.quick else 1_000_000
    with bench.database("retention") as dsn, connect(dsn) as conn:
        for part in (0, 1):
            conn.execute("CALL bench.fill_range(%s, %s)", [part, n])
        conn.execute("CALL bench.leave_behind(1)")
        conn.execute("VACUUM ANALYZE flywheel.traces, flywheel.verdicts")
        # One step of the second range stays, and with it the partition.
        conn.execute("UPDATE flywheel.traces SET created_at = now() WHERE id = flywheel.partition_size()")
        conn.execute("SELECT flywheel.set_retention('5 days')")

        dropped = seconds(conn.execute, "SELECT flywheel.apply_retention()")
        assert value(conn, "SELECT min(lo) = flywheel.partition_size() FROM flywheel.partitions")
        in_batches = seconds(conn.execute, "CALL bench.expire()")
        assert value(conn, "SELECT count(*) = 1 FROM flywheel.traces")
        yield Figure(f"{n:,} steps, 3 verdicts each, dropped as a partition", dropped, "s")
        yield Figure("... deleted in batches of 5,000", in_batches, "s")
        yield Figure("... deleted a second", n / in_batches, "/s")

        conn.execute("CALL bench.fill_range(99, 100000)")
        moved = seconds(conn.execute, "SELECT flywheel.add_partition(99)")
        empty = seconds(conn.execute, "SELECT flywheel.add_partition(100)")
        yield Figure("100,000 steps moved out of the default partition", moved, "s")
        yield Figure("an empty partition of both tables", 1000 * empty, "ms")
