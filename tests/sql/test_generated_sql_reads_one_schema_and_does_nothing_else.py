"""Hostile statements of hostile_sql.sql: nothing outside of the schema is read, written, slept on or called."""

import json
import re
import threading
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

HERE = Path(__file__).parent
CORPUS = re.findall(r"^--== ([\w ]+): (.*)\n((?:(?!--==).*\n)+)", (HERE / "hostile_sql.sql").read_text(), re.MULTILINE)
STATE = """
SELECT s.passed, coalesce(s.details ->> 'state', 'ok'), s.reason, s.details
FROM jsonb_populate_record(NULL::flywheel.traces, jsonb_build_object('output', %s::text)) AS step,
     flywheel.sql_executes(step, %s) AS s"""
STATES = {"ok", "refused", "invalid", "failed", "timeout"}
# Whatever a statement could have changed, in the database, the session and beyond.
WORLD = """
SELECT 'setting', s.name, s.setting FROM pg_settings s
UNION ALL SELECT 'role', current_user, session_user
UNION ALL SELECT 'order', o.id::text, o::text FROM shop.orders o
UNION ALL SELECT 'sequence', s.sequencename, s.last_value::text FROM pg_sequences s
UNION ALL SELECT 'relation', c.oid::regclass::text, c.relacl::text FROM pg_class c
UNION ALL SELECT 'function', p.oid::regprocedure::text, p.proacl::text FROM pg_proc p
UNION ALL SELECT 'schema', n.nspname, n.nspacl::text FROM pg_namespace n
UNION ALL SELECT 'large object', l.oid::text, '' FROM pg_largeobject_metadata l
UNION ALL SELECT 'statement', p.name, '' FROM pg_prepared_statements p WHERE p.name !~ '^_pg3_'
UNION ALL SELECT 'cursor', c.name, '' FROM pg_cursors c WHERE c.name <> ''
UNION ALL SELECT 'channel', pg_listening_channels(), ''
UNION ALL SELECT 'lock', l.locktype, '' FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory'"""
LIMIT = """
CREATE FUNCTION memory() RETURNS text LANGUAGE plpython3u AS $$
import resource
return str(resource.getrlimit(resource.RLIMIT_DATA))
$$"""


@pytest.fixture
def shop(fw, tmp_path):
    fw.canary = tmp_path / "canary"
    fw.execute((HERE / "hostile_sql_schema.sql").read_text())
    fw.execute("SELECT flywheel.allow_generated_sql('shop')")
    fw.execute("REVOKE SELECT ON shop.withheld FROM flywheel_reads_shop")
    return fw


@pytest.fixture
def watched(another):
    """While entered, somebody stops what is overdue, as a worker does."""

    @contextmanager
    def watch(fw):
        done, watcher = threading.Event(), another(fw)

        def look():
            while not done.wait(0.1):
                watcher.execute("SELECT flywheel.stop_overdue()")

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    return watch


def state_of(fw, sql, **config):
    call = STATE, sql, json.dumps({"schema": "shop", "timeout_seconds": 1, **config})
    try:
        return fw.one(*call)
    except psycopg.errors.QueryCanceled:  # meant for the one before, which had just ended: a drain does it again, too
        return fw.one(*call)


def test_hostile_statements(shop, watched, another):
    told = str(shop.one("SELECT 'public.told'::regtype::oid"))
    listener = another(shop)
    listener.execute("LISTEN canary")
    before = set(shop.rows(WORLD))
    wrong = []
    with watched(shop):
        for wanted, what, sql in CORPUS:
            sql = sql.rstrip("\n").replace("CANARY", str(shop.canary)).replace("TOLD_OID", told)
            passed, state, reason, _ = state_of(shop, sql)
            assert passed == (state == "ok"), what
            if state not in wanted.split(" or "):
                wrong.append(f"{what}: {state}, expected {wanted}: {reason}")
            if "customer 1" in (reason or ""):
                wrong.append(f"{what}: data in {reason}")
    assert not wrong, "\n".join(wrong)
    assert before ^ set(shop.rows(WORLD)) == set()
    assert list(listener.conn.notifies(timeout=0)) == []
    assert not shop.canary.exists()


def test_the_corpus_is_read():
    assert len(CORPUS) > 150
    assert {state for wanted, *_ in CORPUS for state in wanted.split(" or ")} == STATES
    assert len({sql for *_, sql in CORPUS}) == len(CORPUS)


def test_a_function_that_is_named_may_be_called(shop):
    assert state_of(shop, "SELECT shop.calm(1)", functions=["shop.calm"])[0] is True
    assert state_of(shop, "SELECT calm(1), random() < 2", functions=["calm", "random"])[0] is True
    assert state_of(shop, "SELECT public.sure(1)", functions=["sure"])[1] == "refused"
    assert shop.one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == 1
    assert state_of(shop, "SELECT 1 FROM orders FOR UPDATE", functions=["random"])[1] == "refused"


def test_what_it_allocates_is_limited_where_python_runs_in_the_database(full_fw, watched):
    full_fw.execute((HERE / "hostile_sql_schema.sql").read_text())
    full_fw.execute("SELECT flywheel.allow_generated_sql('shop')")
    with watched(full_fw):
        for bomb in (
            "SELECT repeat('x', 300000000)",
            "SELECT array_agg(repeat('x', 1000)) FROM generate_series(1, 500000)",
        ):
            passed, state, reason, _ = state_of(full_fw, bomb, timeout_seconds=20)
            assert (passed, state, reason) == (False, "failed", "out of memory")
    full_fw.execute(LIMIT)
    assert full_fw.one("SELECT memory()") == "(-1, -1)"
    assert state_of(full_fw, "SELECT 1")[0] is True
