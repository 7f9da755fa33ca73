"""A forgotten transaction keeps everything that is dead from vacuum, and dashboards read in REPEATABLE READ."""

import threading
import time
from contextlib import ExitStack

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
    with cell("held snapshot, 4 readers", least_during=0.8) as load, ExitStack() as stack:
        holder = stack.enter_context(snapshot(load))
        holder.execute(READ[0])
        stop = threading.Event()
        readers = [threading.Thread(target=read, args=(load, stop)) for _ in range(READERS)]
        for reader in readers:
            stack.callback(reader.join)
            reader.start()
        stack.callback(stop.set)
        time.sleep(len(load.times(10, 40)))


def snapshot(load) -> psycopg.Connection:
    conn = psycopg.connect(load.dsn("dashboard"))
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return conn


def read(load, stop: threading.Event) -> None:
    with snapshot(load) as conn:
        while not stop.wait(1):  # people look at a dashboard now and then
            with conn.transaction():
                for statement in READ:
                    conn.execute(statement)
