"""\\d+ and \\df+ are the reference manual: every object of the schema carries a comment."""

from pathlib import Path

UNCOMMENTED = Path(__file__).with_name("uncommented.sql").read_text()


def test_every_object_has_a_comment(full_db):
    assert sorted(name for name, in full_db.execute(UNCOMMENTED)) == []


def test_an_object_of_any_kind_would_be_missed(full_db):
    full_db.execute("CREATE TABLE flywheel.t (id int PRIMARY KEY, x int)")
    full_db.execute("CREATE INDEX i ON flywheel.t (x)")
    full_db.execute("CREATE VIEW flywheel.v AS SELECT x FROM flywheel.t")
    full_db.execute("CREATE TYPE flywheel.c AS (x int)")
    full_db.execute("CREATE FUNCTION flywheel.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    full_db.execute("CREATE POLICY p ON flywheel.t USING (true)")
    full_db.execute("CREATE TRIGGER g AFTER INSERT ON flywheel.t EXECUTE FUNCTION flywheel.f()")
    assert sorted(name for name, in full_db.execute(UNCOMMENTED)) == [
        "column flywheel.t.id", "column flywheel.t.x", "column flywheel.v.x", "index flywheel.i",
        "policy p on flywheel.t", "routine flywheel.f()", "table flywheel.t", "trigger g on flywheel.t",
        "type flywheel.c", "view flywheel.v"]
