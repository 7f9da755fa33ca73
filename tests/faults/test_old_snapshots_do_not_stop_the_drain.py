"""A forgotten transaction keeps everything that is dead from vacuum, and dashboards read in REPEATABLE READ."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

pytestmark = pytest.mark.faults

READERS = 4
READ = (
    "SELECT sum(n) FROM flywheel.metrics",
    "SELECT sum(steps) FROM flywheel.coverage",
    "SELECT count(*) FROM flywheel.traces WHERE output ~ 'nobody'",
)


def test_a_held_snapshot_and_four_readers(cell):
    with (
        cell("held snapshot, 4 readers", least_during=0.8) as load,
        snapshot(load) as holder,
        ThreadPoolExecutor(READERS) as pool,
    ):
        holder.execute(READ[0])
        stop = threading.Event()
        readers = [pool.submit(read, load, stop) for _ in range(READERS)]
        time.sleep(len(load.times(10, 40)))
        stop.set()
        assert all(reader.result() > 0 for reader in readers), "everybody has read"


def snapshot(load) -> psycopg.Connection:
    conn = psycopg.connect(load.dsn("dashboard"))
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return conn


def read(load, stop: threading.Event) -> int:
    """How often it read everything."""
    times = 0
    with snapshot(load) as conn:
        while not stop.wait(1):  # people look at a dashboard now and then
            with conn.transaction():
                for statement in READ:
                    conn.execute(statement)
            times += 1
    return times
