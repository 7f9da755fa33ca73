"""Validators that run generated SQL, registered and drained as any other; the rights they need; what is refused."""

import json
import subprocess

import psycopg
import pytest

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int, customer text);
INSERT INTO shop.orders VALUES (1, 'ann'), (2, 'bob')"""
ENDLESS = "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT count(*) FROM r WHERE x < 0"
MARKED = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"


@pytest.fixture
def shop(fw):
    fw.execute(SHOP)
    fw.execute("SELECT flywheel.allow_generated_sql('shop')")
    return fw


def add(fw, function="flywheel.sql_executes", **config):
    config = {"schema": "shop", **config}
    fw.execute("SELECT flywheel.add_validator('runs', %s, %s)", (function, json.dumps(config)))


def test_every_step_gets_its_verdict_although_one_does_not_end(shop, another, in_thread):
    add(shop, timeout_seconds=0.2)
    steps = shop.insert("SELECT 1", ENDLESS, "SELECT x", "SELECT id FROM orders")
    draining = in_thread(shop.drain)
    another(shop).wait_until("SELECT flywheel.stop_overdue() = 1")
    draining.join()
    assert [verdict[2] for verdict in shop.verdicts("runs").values()] == [True, False, False, True]
    assert shop.one("SELECT reason FROM flywheel.verdicts WHERE step_id = %s", steps[1]) == "did not end within 0.2 s"


def test_a_cancel_that_comes_earlier_is_not_the_statements_own(shop):
    add(shop, timeout_seconds=20)
    shop.execute("SET statement_timeout = '200ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        shop.execute("SELECT * FROM flywheel.check(output => %s)", (ENDLESS,))
    shop.execute("RESET statement_timeout")
    assert shop.one("SELECT passed FROM flywheel.check(output => 'SELECT 1')") is True


def test_worker_and_writer_need_no_right_on_the_tables(shop, member_of):
    add(shop, "flywheel.sql_same_result")
    steps = shop.insert("SELECT id FROM orders", expected="VALUES (2), (1)")
    worker, writer = member_of("worker"), member_of("writer")
    for conn in (worker, writer):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT FROM shop.orders")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SET ROLE flywheel_reads_shop")
    worker.execute("CALL flywheel.drain()")
    assert shop.verdicts("runs") == {steps[0]: [1, "ok", True]}
    checked = writer.execute("SELECT passed FROM flywheel.check(output => 'SELECT 3', expected => 'SELECT 3')")
    assert checked.fetchone() == (True,)


def test_two_at_once_do_not_wait_for_each_other(shop, another, in_thread):
    add(shop, timeout_seconds=20)
    busy = another(shop)
    pid = busy.one("SELECT pg_backend_pid()")
    running = in_thread(lambda: busy.execute("SELECT flywheel.check(output => %s)", (ENDLESS,)))
    shop.wait_until(MARKED)
    assert shop.one("SELECT passed FROM flywheel.check(output => 'SELECT 1')") is True
    shop.execute("SELECT pg_cancel_backend(%s)", (pid,))
    running.join_whatever_it_raised()
    assert isinstance(running.error, psycopg.errors.QueryCanceled)


def test_a_locked_table_is_an_error_and_no_failing_output(full_fw, another):
    shop = full_fw
    shop.execute(SHOP + "; SELECT flywheel.allow_generated_sql('shop')")
    add(shop)
    migration = another(shop, autocommit=False)
    migration.execute("ALTER TABLE shop.orders ADD COLUMN total numeric")
    [step] = shop.insert("SELECT * FROM orders")
    shop.drain()
    assert shop.verdicts("runs") == {step: [1, "error", None]}
    assert "lock timeout" in shop.why(step, "runs")[1]


def test_a_role_reads_its_own_schema_only(shop):
    shop.execute("CREATE SCHEMA hr; CREATE TABLE hr.salaries (id int); SELECT flywheel.allow_generated_sql('hr')")
    add(shop)
    assert shop.one("SELECT passed, reason FROM flywheel.check(output => 'SELECT * FROM hr.salaries')") == (
        False,
        "permission denied for schema hr",
    )
    assert shop.one("SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member "
                    "WHERE r.rolname ~ '^flywheel_reads_'") == 0  # fmt: skip
    assert not shop.one(
        "SELECT rolcanlogin OR rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = 'flywheel_reads_hr'"
    )


def test_later_tables_are_read_after_it_was_allowed_again(shop):
    add(shop)
    shop.execute("CREATE TABLE shop.later (id int)")
    check = "SELECT passed, reason FROM flywheel.check(output => 'SELECT * FROM later')"
    assert shop.one(check) == (False, "permission denied for table later")
    assert shop.one("SELECT flywheel.allow_generated_sql('shop')") == "flywheel_reads_shop"
    assert shop.one(check) == (True, None)


@pytest.mark.parametrize(
    ("config", "says", "hint"),
    [
        ({"schema": "nowhere"}, "not allowed to read schema nowhere", "flywheel.allow_generated_sql('nowhere')"),
        ({}, 'needs config key "schema"', "It takes"),
        ({"schema": "shop", "timeout_seconds": 0}, "timeout_seconds is 0", "timeout_seconds"),
        ({"schema": "shop", "timeout_seconds": 60}, "at most 20", "timeout_seconds"),
        ({"schema": "shop", "max_rows": 0}, '"max_rows"', "minimum"),
        ({"schema": "shop", "functions": "random"}, '"functions"', "array"),
        ({"schema": "shop", "ordered": True}, 'does not take config key "ordered"', "It takes"),
    ],
)
def test_a_config_that_cannot_work_is_refused(full_fw, config, says, hint):
    full_fw.execute(SHOP + "; SELECT flywheel.allow_generated_sql('shop')")
    with pytest.raises(psycopg.Error, match=says) as refused:
        full_fw.execute("SELECT flywheel.add_validator('v', 'flywheel.sql_executes', %s)", (json.dumps(config),))
    assert hint in refused.value.diag.message_hint


def test_a_schema_that_cannot_be_read_is_refused(fw):
    for schema in ("nowhere", "pg_catalog", "flywheel", "flywheel_reads_shop", None, "x" * 60):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="cannot be allowed") as refused:
            fw.execute("SELECT flywheel.allow_generated_sql(%s)", (schema,))
        assert refused.value.diag.message_hint


def test_odd_names_are_only_names_and_all_of_it_can_be_undone(fw):
    name = f"A'; {fw.conn.info.dbname}"
    fw.execute(f"""CREATE SCHEMA "{name}"; CREATE TABLE "{name}"."T""1" (id int)""")
    reader = fw.one("SELECT flywheel.allow_generated_sql(%s)", name)
    add(fw, schema=name)
    assert fw.one("""SELECT passed FROM flywheel.check(output => 'SELECT * FROM "T""1"')""") is True
    fw.execute(f'DROP OWNED BY "{reader}" CASCADE; DROP ROLE "{reader}"')
    status, reason = fw.one("SELECT status, reason FROM flywheel.check(output => 'SELECT 1')")
    assert status == "error" and f"not allowed to read schema {name}" in reason


def test_who_may_not_create_roles_is_told_what_to_have_created(fw, member_of):
    admin = member_of("admin")
    fw.execute("CREATE SCHEMA mine")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="role flywheel_reads_mine is missing") as refused:
        admin.execute("SELECT flywheel.allow_generated_sql('mine')")
    assert "CREATE ROLE flywheel_reads_mine NOLOGIN" in refused.value.diag.message_hint


def test_an_owner_who_is_no_superuser_can_allow_it(fw, member_of):
    owner = member_of("admin")
    name = owner.info.user
    fw.execute(f"ALTER ROLE {name} CREATEROLE; GRANT CREATE ON DATABASE {name.rpartition('_')[0]} TO {name}")
    owner.execute(f"CREATE SCHEMA of_{name}; CREATE TABLE of_{name}.t AS SELECT 1 AS id")
    (reader,) = owner.execute("SELECT flywheel.allow_generated_sql(%s)", (f"of_{name}",)).fetchone()
    try:
        add(fw, schema=f"of_{name}")
        assert fw.one("SELECT passed, details FROM flywheel.check(output => 'TABLE t')") == (
            True,
            {"rows": 1, "columns": 1},
        )
        assert fw.one("SELECT status FROM flywheel.check(output => 'SELECT pg_sleep(1)')") == "ok"
    finally:
        fw.execute(f"DROP OWNED BY {reader} CASCADE; DROP ROLE {reader}")


def test_known_names_are_those_of_the_live_catalog(full_fw):
    full_fw.execute(SHOP)
    add = """SELECT flywheel.add_validator(
        'names', 'py:sql_known_names', jsonb_build_object('schema', flywheel.known_names('shop')))"""
    assert full_fw.one("SELECT flywheel.known_names('shop')") == {"orders": ["id", "customer"]}
    assert full_fw.one("SELECT flywheel.known_names('nowhere')") is None
    full_fw.execute("CREATE SCHEMA hr; CREATE TABLE hr.salaries (id int)")
    assert full_fw.one("SELECT flywheel.known_names('shop', 'hr')") == {
        "shop.orders": ["id", "customer"],
        "hr.salaries": ["id"],
    }
    check = "SELECT passed FROM flywheel.check(output => 'SELECT total FROM orders')"
    first = full_fw.one(add)
    assert full_fw.one(add) == first and full_fw.one(check) is False
    full_fw.execute("ALTER TABLE shop.orders ADD COLUMN total numeric")
    assert full_fw.one(add) != first and full_fw.one(check) is True


def test_it_is_dumped_and_restored(databases, tmp_path):
    made = databases("full")
    (source, dsn), (target, copy) = made.fresh(), made.fresh(template=False)
    try:
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute(SHOP + "; SELECT flywheel.allow_generated_sql('shop')")
            conn.execute("SELECT flywheel.add_validator('runs', 'flywheel.sql_executes', '{\"schema\": \"shop\"}')")
        dump = f"--file={tmp_path / 'dump'}"
        subprocess.run([made.server.bindir / "pg_dump", dump, dsn], check=True)
        psql = [made.server.bindir / "psql", "-qX", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
        subprocess.run([*psql, dump, copy], check=True)
        with psycopg.connect(copy, autocommit=True) as conn:
            for sql, passed in (("TABLE orders", True), ("SELECT pg_sleep(9)", False)):
                assert conn.execute("SELECT passed FROM flywheel.check(output => %s)", (sql,)).fetchone() == (passed,)
    finally:
        source.drop()
        target.drop()
