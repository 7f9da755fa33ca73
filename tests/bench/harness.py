"""What every measurement needs: a database of its own, and a figure to report."""

import operator
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
from pg_flywheel.cluster import Cluster
from pg_flywheel.install import install

HERE = Path(__file__).parent
REACHED = {"≤": operator.le, "≥": operator.ge}


@dataclass(frozen=True)
class Figure:
    """One measured number. reach: what design.md asks for, such as ("≤", 10), or None for information."""

    what: str
    value: float
    unit: str
    reach: tuple[str, float] | None = None

    @property
    def reached(self) -> bool | None:
        return self.reach and REACHED[self.reach[0]](self.value, self.reach[1])


@dataclass(frozen=True)
class Bench:
    """Where to measure. quick: fewer rows and rounds, so wider scatter."""

    cluster: Cluster
    quick: bool

    @contextmanager
    def database(self, row: str) -> Iterator[str]:
        """The DSN of a fresh database with pg_flywheel, common.sql and <row>.sql; dropped afterwards."""
        name, admin = f"bench_{row}", self.cluster.dsn()
        with psycopg.connect(admin, autocommit=True) as conn:
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            conn.execute(f"CREATE DATABASE {name}")
        dsn = self.cluster.dsn(name)
        with psycopg.connect(dsn, autocommit=True) as conn:
            install(conn)
            for file in ("common", row):
                conn.execute((HERE / f"{file}.sql").read_text())
        try:
            yield dsn
        finally:
            with psycopg.connect(admin, autocommit=True) as conn:
                conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


def connect(dsn: str) -> psycopg.Connection:
    return psycopg.connect(dsn, autocommit=True)


def value(conn: psycopg.Connection, call: str, *arguments: Any) -> Any:
    """The only value of the only row of a query."""
    row = conn.execute(call, arguments).fetchone()
    assert row is not None
    return row[0]


def seconds(work: Callable[..., Any], *arguments: Any) -> float:
    """How long a call takes, wall clock."""
    began = perf_counter()
    work(*arguments)
    return perf_counter() - began


def machine(conn: psycopg.Connection) -> str:
    """CPU, cores, memory and Postgres version; nothing that names the machine."""
    cpu, memory, cores = platform.processor() or platform.machine(), 0, 0
    cpuinfo, meminfo = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    if cpuinfo.exists():
        models = [line.partition(":")[2].strip() for line in cpuinfo.open() if line.startswith("model name")]
        cpu, cores = models[0] if models else cpu, len(models)
        memory = int(meminfo.read_text().split()[1]) // 2**20
    settings = ", ".join(f"{name} {value(conn, f'SHOW {name}')}" for name in ("shared_buffers", "fsync"))
    return f"{cpu}, {cores} cores, {memory} GB; Postgres {value(conn, 'SHOW server_version')}, {settings}"
