"""Puts pg_flywheel into a database, and builds the extension's files: both from the list in sql/install.sql."""

import json
import random
import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import psycopg

import pyvalidators

VERSION = "0.1.0"
ATTEMPTS = 20
"""An upgrade under load may lose a deadlock, or find a table in use: then nothing has happened yet."""
SQL: Traversable = files("pg_flywheel.sql")
QUERIES: Traversable = files("pg_flywheel").joinpath("queries")


def query(name: str) -> str:
    """The text of worker/queries/<name>.sql."""
    return QUERIES.joinpath(f"{name}.sql").read_text()


def catalog_sql() -> str:
    """Puts the catalog of Python validators into flywheel.python_validators."""
    return query("catalog").replace("CATALOG", json.dumps(pyvalidators.catalog()).replace("'", "''"))


def schema_sql() -> str:
    """Everything in schema flywheel, in load order, with the catalog of Python validators."""
    listed = re.findall(r"^\\ir (\S+)$", SQL.joinpath("install.sql").read_text(), re.MULTILINE)
    return "\n".join([*(SQL.joinpath(path).read_text() for path in listed), catalog_sql()])


def upgrades(installed: str, wanted: str) -> list[str]:
    """The scripts of sql/upgrades that lead from one version to the other, in order.

    Raises RuntimeError when there is no such way: the database's version is newer, or unknown.
    """
    steps = {}
    for script in SQL.joinpath("upgrades").iterdir():
        if found := re.fullmatch(r"pg_flywheel--([\d.]+)--([\d.]+)\.sql", script.name):
            steps[found[1]] = (found[2], script)
    scripts = []
    version = installed
    while version != wanted:
        if version not in steps:
            raise RuntimeError(
                f"the database has pg_flywheel {installed}, this command is {wanted} and knows no way there: "
                f"use the command of version {installed} (pip install pg-flywheel=={installed}) or a newer one"
            )
        version, script = steps[version]
        scripts.append(script.read_text())
    return scripts


def pgmq_sql() -> tuple[str, str]:
    """pgmq's SQL and its version, as its Python client ships them."""
    shipped = files("pgmq").joinpath("sql")
    return shipped.joinpath("pgmq.sql").read_text(), shipped.joinpath("pgmq.sql.version").read_text().strip()


@dataclass(frozen=True)
class Installed:
    """What install() found or did: how is 'extension' or 'schema'; profile is 'full' or 'portable'."""

    version: str
    how: str
    profile: str
    changed: bool


def install(conn: psycopg.Connection) -> Installed:
    """Installs pg_flywheel, or brings an older version up to this one, in one transaction; else does nothing.

    Uses the extensions where the server has their files, else the same SQL without them.
    Raises RuntimeError when the database holds a version that this one cannot update.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
            return _install(conn)
        time.sleep(random.uniform(0.1, 1))
    return _install(conn)


def _install(conn: psycopg.Connection) -> Installed:
    with conn.transaction():
        # Several hosts may come up at once: the others wait, and find it done.
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('flywheel install', 0))")
        state = conn.execute(query("installed")).fetchone()
        assert state is not None
        has_schema, python_available, extension_available, pgmq_available = state
        if not has_schema:
            if python_available:
                conn.execute("CREATE EXTENSION pg_flywheel_python CASCADE")
            elif extension_available:
                conn.execute("CREATE EXTENSION pg_flywheel CASCADE")
            else:
                install_without_files(conn, pgmq_available)
            conn.execute("SELECT flywheel.make_partitions()")  # before the first bulk load; else the first drain
        version, how, profile = _profile(conn)
        scripts = upgrades(version, VERSION)
        if scripts:
            # Whoever inserts would queue up behind a change that waits for a reader.
            conn.execute("SET LOCAL lock_timeout = '2s'")
            if how == "extension":
                conn.execute(f"ALTER EXTENSION pg_flywheel UPDATE TO '{VERSION}'")
                if profile == "full":
                    conn.execute("ALTER EXTENSION pg_flywheel_python UPDATE")
            else:
                conn.execute("\n".join(scripts))
            conn.execute(catalog_sql())
            version, how, profile = _profile(conn)
    return Installed(version, how, profile, changed=not has_schema or bool(scripts))


def _profile(conn: psycopg.Connection) -> tuple[str, str, str]:
    row = conn.execute(query("profile")).fetchone()
    assert row is not None
    return row


def install_without_files(conn: psycopg.Connection, pgmq_available: bool) -> None:
    """The portable way: plain SQL. pgvector has to be on the server; every managed Postgres has it."""
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    if conn.execute("SELECT to_regnamespace('pgmq') IS NULL").fetchone() == (True,):
        conn.execute("CREATE EXTENSION pgmq" if pgmq_available else pgmq_sql()[0])
    conn.execute("CREATE SCHEMA flywheel")
    conn.execute(schema_sql())


def control(comment: str, version: str, requires: str, schema: str | None) -> str:
    lines = [
        f"comment = '{comment}'",
        f"default_version = '{version}'",
        f"requires = '{requires}'" if requires else None,
        f"schema = '{schema}'" if schema else None,
        "relocatable = false",
        "superuser = true",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def build(target: Path) -> None:
    """Writes the extensions' control files and scripts into target."""
    target.mkdir(parents=True, exist_ok=True)
    guard = "\\echo Use CREATE EXTENSION to load this file. \\quit\n"
    pgmq, pgmq_version = pgmq_sql()
    root = Path(__file__).parent.parent
    target.joinpath("pg_flywheel.control").write_text(root.joinpath("pg_flywheel.control").read_text())
    target.joinpath(f"pg_flywheel--{VERSION}.sql").write_text(guard + schema_sql())
    for script in root.joinpath("sql/upgrades").glob("*.sql"):
        target.joinpath(script.name).write_text(guard + script.read_text())
    target.joinpath("pg_flywheel_python.control").write_text(
        control("pg_flywheel: Python validators in the database", VERSION, "pg_flywheel, plpython3u", "flywheel")
    )
    target.joinpath(f"pg_flywheel_python--{VERSION}.sql").write_text(
        guard + SQL.joinpath("python/bridge.sql").read_text()
    )
    target.joinpath("pgmq.control").write_text(
        control("Message queue on Postgres, from the SQL of its Python client", pgmq_version, "", "pgmq")
    )
    target.joinpath(f"pgmq--{pgmq_version}.sql").write_text(guard + pgmq)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["build", directory]:
            build(Path(directory))
        case _:
            sys.exit("usage: python -m pg_flywheel.install build DIRECTORY")
