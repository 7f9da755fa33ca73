"""The extension and the plain SQL of `flywheel install` are built from one list: their catalogs are equal."""

import tomllib
from pathlib import Path

import psycopg
import pytest
from pg_flywheel.install import VERSION, install, install_without_files

ROOT = Path(__file__).parents[2]
CATALOG = Path(__file__).with_name("catalog.sql").read_text()
BRIDGE = {"function", "type", "relation c", "column"}


@pytest.fixture
def catalog_of(databases):
    """The catalog of a fresh database on the full server after `setup(conn)`."""

    def catalog(setup):
        janitor, dsn = databases("full").fresh(template=False)
        try:
            with psycopg.connect(dsn, autocommit=True) as conn:
                setup(conn)
                return set(conn.execute(CATALOG).fetchall())
        finally:
            janitor.drop()

    return catalog


def test_extension_and_plain_sql_are_equal(catalog_of):
    extension = catalog_of(lambda conn: conn.execute("CREATE EXTENSION pg_flywheel CASCADE"))
    plain = catalog_of(lambda conn: install_without_files(conn, pgmq_available=True))

    assert len(extension) > 400
    assert extension ^ plain == set()


def test_the_python_bridge_adds_its_functions_and_changes_nothing_else(catalog_of):
    without = catalog_of(lambda conn: conn.execute("CREATE EXTENSION pg_flywheel CASCADE"))
    full = catalog_of(lambda conn: conn.execute("CREATE EXTENSION pg_flywheel_python CASCADE"))

    assert without - full == set()
    added = {(kind, name) for kind, name, *_ in full - without}
    assert all(kind in BRIDGE and name.startswith("flywheel.py_") for kind, name in added), added
    assert ("function", "flywheel.py_path()") in added


def test_every_place_names_the_same_version(db):
    assert db.execute("SELECT flywheel.version()").fetchone() == (VERSION,)
    assert f"default_version = '{VERSION}'\n" in (ROOT / "pg_flywheel.control").read_text()
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_a_second_install_finds_everything_in_place(empty_dsn):
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        first = install(conn)
        before = set(conn.execute(CATALOG).fetchall())
        second = install(conn)

        assert (first.changed, second.changed) == (True, False)
        assert (second.version, second.how, second.profile) == (first.version, first.how, first.profile)
        assert before ^ set(conn.execute(CATALOG).fetchall()) == set()
