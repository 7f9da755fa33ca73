"""Every right of every role on every object, read from the catalog, is a line of grants.txt that somebody approved.

A new object or grant is a new line: look at it, then run APPROVE=1 pytest on this file.
"""

import os
from pathlib import Path

import pytest

GRANTS = Path(__file__).with_name("grants.sql").read_text()
REVIEWED = Path(__file__).with_name("grants.txt")
ROLES = ["flywheel_writer", "flywheel_reader", "flywheel_reviewer", "flywheel_worker", "flywheel_admin"]
# Relations of these schemas, and what a role can do with them or with one of their columns.
HELD = """
SELECT r.role, c.oid::regclass::text
FROM pg_class c CROSS JOIN unnest(%(roles)s::text[]) AS r (role)
WHERE c.relnamespace = ANY (%(schemas)s::regnamespace[]) AND c.relkind IN ('r', 'p', 'v', 'm')
  AND c.relispartition = %(partitions)s
  AND (has_table_privilege(r.role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
       OR has_any_column_privilege(r.role, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
"""


def granted(db):
    return sorted(line for line, in db.execute(GRANTS))


def reviewed(db):
    lines = REVIEWED.read_text().splitlines()
    if db.execute("SELECT flywheel.has_python()").fetchone() == (True,):
        return lines
    return [line for line in lines if "flywheel.py_" not in line]


def test_what_is_granted_is_what_was_reviewed(db):
    if "APPROVE" in os.environ and db.execute("SELECT flywheel.has_python()").fetchone() == (True,):
        REVIEWED.write_text("\n".join(granted(db)) + "\n")
    assert granted(db) == reviewed(db)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE flywheel.forgotten (x int)",
        "CREATE FUNCTION flywheel.forgotten() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE VIEW flywheel.forgotten AS SELECT 1 AS x",
        "CREATE SEQUENCE flywheel.forgotten",
        "CREATE TYPE flywheel.forgotten AS (x int)",
        "GRANT UPDATE (output) ON flywheel.traces TO flywheel_writer",
        "GRANT USAGE ON SCHEMA pgmq TO PUBLIC",
    ],
)
def test_a_new_object_or_grant_would_be_noticed(full_db, change):
    before = granted(full_db)
    full_db.execute(change)
    assert set(granted(full_db)) - set(before)


def test_nobody_holds_rights_on_a_queue_and_none_of_its_functions_has_the_owners(db):
    db.execute("SELECT flywheel.ensure_queue('flywheel_code')")
    everybody = ["public", *ROLES]
    assert db.execute(HELD, {"roles": everybody, "schemas": ["pgmq"], "partitions": False}).fetchall() == []
    definer = "SELECT proname FROM pg_proc WHERE pronamespace = 'pgmq'::regnamespace AND prosecdef"
    assert db.execute(definer).fetchall() == []


def test_only_an_admin_reaches_a_partition_past_its_table(db):
    everybody_else = ["public", *ROLES[:-1]]
    assert db.execute(HELD, {"roles": everybody_else, "schemas": ["flywheel"], "partitions": True}).fetchall() == []
