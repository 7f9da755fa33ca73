"""A database that was updated has what a new installation of that version has."""

from pathlib import Path

import psycopg
import pytest
from pg_flywheel import install as install_module
from pg_flywheel.install import VERSION, install, upgrades

CATALOG = Path(__file__).with_name("catalog.sql").read_text()
OLDER, NEWER = "0.1.0", "0.2.0"


@pytest.fixture
def new_full_db(databases):
    """A fresh, empty database of the full server."""
    janitor, dsn = databases("full").fresh(template=False)
    with psycopg.connect(dsn, autocommit=True) as conn:
        yield conn
    janitor.drop()


def extension(db):
    version, = db.execute("SELECT extversion FROM pg_extension WHERE extname = 'pg_flywheel'").fetchone()
    return version, db.execute("SELECT flywheel.version()").fetchone()[0], set(db.execute(CATALOG).fetchall())


def test_an_updated_extension_equals_a_new_one(full_db, new_full_db):
    full_db.execute("INSERT INTO flywheel.traces (output) VALUES ('Hello')")
    assert extension(full_db)[:2] == (OLDER, OLDER)

    full_db.execute(f"ALTER EXTENSION pg_flywheel UPDATE TO '{NEWER}'")
    new_full_db.execute(f"CREATE EXTENSION pg_flywheel VERSION '{NEWER}' CASCADE")
    new_full_db.execute("CREATE EXTENSION pg_flywheel_python CASCADE")

    *versions, updated = extension(full_db)
    *new_versions, new = extension(new_full_db)
    assert versions == new_versions == [NEWER, NEWER]
    assert updated ^ new == set()
    assert full_db.execute("SELECT output FROM flywheel.traces").fetchall() == [("Hello",)]


def test_install_updates_an_older_schema_in_place(db, monkeypatch):
    """The command of the next version, on a database of this one: as an extension and as a plain schema."""
    db.execute("INSERT INTO flywheel.traces (output) VALUES ('Hello')")
    db.execute("DELETE FROM flywheel.python_validators WHERE name = 'matches'")
    monkeypatch.setattr(install_module, "VERSION", NEWER)

    first, second = install(db), install(db)

    assert (first.version, first.changed) == (second.version, True) == (NEWER, True)
    assert not second.changed
    kept = db.execute("SELECT flywheel.version(), output FROM flywheel.traces").fetchall()
    assert kept == [(NEWER, "Hello")]
    assert db.execute("SELECT count(*) FROM flywheel.python_validators WHERE name = 'matches'").fetchone() == (1,)


def test_there_is_a_way_up_from_this_version_and_none_down():
    assert len(upgrades(VERSION, NEWER)) == 1
    assert upgrades(VERSION, VERSION) == []
    with pytest.raises(RuntimeError, match=f"this command is {VERSION} and knows no way there"):
        upgrades(NEWER, VERSION)
