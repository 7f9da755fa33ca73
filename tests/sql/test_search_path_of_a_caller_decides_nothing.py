"""Nothing in a caller's search_path runs with the owner's rights, and nothing behind pg_catalog with anybody's."""

import json
import re
from pathlib import Path

import psycopg
import pytest

PLANTED = Path(__file__).with_name("planted.sql").read_text()
SHORT = ("CREATE FUNCTION public.short(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE sql "
         "RETURN pg_catalog.length(step.output) < 9")
RAISES = ("CREATE FUNCTION public.raises(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE plpgsql AS "
          "'BEGIN RAISE EXCEPTION SQLSTATE $$22000$$; END'")
# An argument of each type that our functions take.
GIVEN = {
    "text": "'flywheel_code'", "bigint": "1", "integer": "1", "jsonb": "'[]'", "boolean": "false",
    "double precision": "1", "real": "1", "timestamp with time zone": "now()",
    "interval": "'1 day'", "vector": "array_fill(1.0::real, ARRAY[256])",
    "bigint[]": "'{1}'", "integer[]": "'{1}'", "text[]": "'{a}'",
    "bytea[]": "'{a}'", "pgmq.message_record": """('(1,1,now,now,now,"{""lo"": 1, ""hi"": 9, ""version"": 1}",)')""",
}  # fmt: skip
DEFINER = """
SELECT p.oid::regproc::text, array_to_json(p.proargtypes::regtype[]::text[]), p.prokind FROM pg_proc p
WHERE p.pronamespace = 'flywheel'::regnamespace AND p.prosecdef AND p.prorettype <> 'trigger'::regtype
ORDER BY p.proname = ANY ('{maintain,sweep}'), 1
"""
UNPINNED = """
SELECT p.proname, p.prosrc FROM pg_proc p
WHERE p.pronamespace = 'flywheel'::regnamespace AND p.prosqlbody IS NULL
  AND NOT coalesce(array_to_string(p.proconfig, ' '), '') ~ 'search_path=pg_catalog, pg_temp'
"""


def prepare(db):
    """Validators of every kind, steps, results, and something waiting in every queue."""
    db.execute(SHORT)
    db.execute(RAISES)
    for name, options in (("short", ""), ("raises", ""), ("sampled", ", sample_rate => 0.9"), ("words", "")):
        function = f"'public.{name.replace('sampled', 'short')}'"
        if name == "words":
            function = """'py:max_length', '{"limit": 3}'"""
        db.execute(f"SELECT flywheel.add_validator('{name}', {function}{options})")
    db.execute("SELECT flywheel.set_provider('default', 'https://example.org/v1', requests_per_minute => 6000)")
    db.execute("SELECT flywheel.add_judge('polite', 'Passes if polite.', 'a-model', node => 'answer')")
    steps(db)
    db.execute("CALL flywheel.drain()")
    steps(db)


def steps(db):
    db.execute("INSERT INTO flywheel.traces (node, input, output) "
               "SELECT 'answer', 'Hi', g::text FROM generate_series(1, 5) g")


def everything(conn):
    """One call of each entry that runs something, as far as the rights of the connection go."""
    calls = [
        "INSERT INTO flywheel.traces (node, output) VALUES ('answer', 'Hello'), ('other', 'Good morning') RETURNING id",
        "SELECT * FROM flywheel.check('Hi', 'Hello', node => 'answer')",
        *(f"SELECT * FROM flywheel.{view}" for view in
          ("metrics", "metrics_hourly", "metrics_daily", "coverage", "queue_health", "failure_reasons")),
        *(f"SELECT * FROM flywheel.why({step}, '{name}')"
          for step in (1, 6) for name in ("short", "sampled", "polite")),
        "CALL flywheel.drain()",
        "SELECT flywheel.add_validator('again', 'public.short', node_type => 'writer')",
        """SELECT flywheel.add_validator('pattern', 'py:matches', '{"pattern": "a"}', mode => 'on_demand')""",
        "SELECT flywheel.add_judge('kind', 'Passes if kind.', 'a-model')",
        "SELECT flywheel.set_validator('short', sample_rate => 0.5)",
        "SELECT flywheel.backfill('again')", "SELECT flywheel.evaluate('pattern', sample => 0.5)",
        "INSERT INTO flywheel.fixes (step_id, corrected_output) VALUES (1, 'Hello')", "SELECT flywheel.approve_fix(1)",
        "SELECT * FROM flywheel.demonstrations('default', 'answer', 'Hi', 2, 'diverse')",
        "SELECT * FROM flywheel.few_shot('polite', 'Hi')",
        "UPDATE flywheel.traces SET output = output || '!' WHERE id < 4",
        "DELETE FROM flywheel.traces WHERE id = 4",
        "CALL flywheel.drain()",
        "SELECT flywheel.redrive('short')",
    ]  # fmt: skip
    for call in calls:
        attempt(conn, call)
    keys = ("msg_id", "step_id", "version_id", "content")
    claimed = attempt(conn, f"SELECT {', '.join(keys)} FROM flywheel.claim_judgements('default', 9, 60)")
    jobs = [dict(zip(keys, row, strict=True)) for row in claimed or []]
    for function, job in zip(("record", "defer", "bury"), jobs, strict=False):
        job |= {"status": "ok", "passed": True, "seconds": 60, "reason": "x", "attempts": 3, "error": "x"}
        attempt(conn, f"SELECT flywheel.{function}_judgements('default', %s)", json.dumps([job]))
    for function, types, kind in conn.execute(DEFINER).fetchall():
        arguments = ", ".join(GIVEN[each.removeprefix("pg_catalog.")] for each in types)
        attempt(conn, f"{'CALL' if kind == 'p' else 'SELECT'} {function}({arguments})")
    attempt(conn, "TRUNCATE flywheel.traces")


def attempt(conn, statement, *arguments):
    """The rows, or None when the role may not, or when there is nothing to do it with."""
    try:
        cursor = conn.execute(statement, arguments or None)
        return cursor.fetchall() if cursor.description else None
    except psycopg.Error as error:
        assert not isinstance(error, psycopg.errors.InternalError_ | psycopg.errors.SyntaxError), (statement, error)
        return None


@pytest.fixture
def planted(db, dsn):
    """Connects as a new login role, member of the roles, with this search_path; also gives what the planted say."""
    prepare(db)
    db.execute(PLANTED)
    opened = []

    def connect(search_path, *roles):
        login = f"{db.info.dbname}_{len(opened)}"
        db.execute(f"CREATE ROLE {login} LOGIN {'' if roles else 'SUPERUSER'}")
        conn = psycopg.connect(dsn, user=login, autocommit=True)
        opened.append((login, conn))
        for role in roles:
            db.execute(f"GRANT flywheel_{role} TO {login}")
        notes = set()
        ran = re.compile("planted (.*) ran as (.*)")
        conn.add_notice_handler(lambda notice: notes.update(ran.findall(notice.message_primary)))
        conn.execute(f"SET search_path = {search_path}")
        return conn, notes

    yield connect
    for login, conn in opened:
        conn.close()
        db.execute(f"DROP OWNED BY {login} CASCADE")
        db.execute(f"DROP ROLE {login}")


def test_nothing_of_the_callers_runs_with_the_owners_rights(planted):
    conn, notes = planted("planted, pg_catalog, public", "writer", "reader", "worker", "admin")
    everything(conn)
    assert {user for _, user in notes} == {conn.info.user}


def test_nothing_that_fits_better_than_pg_catalogs_runs_at_all(planted):
    conn, notes = planted("planted, public")  # pg_catalog comes first, unnamed
    conn.execute("SELECT 1::float8 < 0.5")
    assert {what for what, _ in notes} == {"<"}, "the planted ones work"
    notes.clear()
    everything(conn)
    assert notes == set()


def test_a_function_that_keeps_the_callers_search_path_qualifies_what_it_calls(full_db):
    builtin = full_db.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace")
    builtin = {name for name, in builtin} - {"extract", "substring"}  # their FROM is syntax, which means pg_catalog's
    unpinned = dict(full_db.execute(UNPINNED).fetchall())
    assert {(name, call) for name, source in unpinned.items()
            for call in re.findall(r"(?<![\w.$%'])([a-z_]\w*)\s*\(", source) if call in builtin} == set()
    assert set(unpinned) == {
        "add_validator", "check", "drain", "resolve_function", "run", "store_outcomes", "try_call", "validate"}


def test_functions_with_the_owners_rights_pin_their_search_path(full_db):
    assert full_db.execute(
        "SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'flywheel'::regnamespace AND p.prosecdef "
        "AND (p.proconfig @> '{\"search_path=pg_catalog, pg_temp\"}') IS NOT TRUE").fetchall() == []
