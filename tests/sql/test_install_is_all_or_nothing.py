"""An installation that fails leaves the database as it was, and says what to do."""

import psycopg
import pytest
from pg_flywheel.install import VERSION, install

NAMESPACES = "SELECT nspname FROM pg_namespace WHERE nspname IN ('flywheel', 'pgmq')"
VERSION_OF = "CREATE OR REPLACE FUNCTION flywheel.version() RETURNS text LANGUAGE sql IMMUTABLE RETURN {}"


def test_a_failure_in_the_middle_leaves_nothing(empty_dsn):
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute("CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS "
                     "$$ BEGIN IF to_regclass('flywheel.verdicts') IS NOT NULL THEN RAISE 'refused'; END IF; END $$")
        conn.execute("CREATE EVENT TRIGGER refuse ON ddl_command_end EXECUTE FUNCTION refuse()")
        with pytest.raises(psycopg.errors.RaiseException, match="refused"):
            install(conn)

        assert conn.execute(NAMESPACES).fetchall() == []
        assert conn.execute("SELECT FROM pg_extension WHERE extname ~ 'flywheel|pgmq|vector'").fetchall() == []

        conn.execute("DROP EVENT TRIGGER refuse")
        assert install(conn).changed


def test_a_schema_of_that_name_that_is_not_ours_is_left_alone(empty_dsn):
    with psycopg.connect(empty_dsn, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA flywheel CREATE TABLE traces (mine int)")
        with pytest.raises(psycopg.errors.Error, match=r'"(flywheel|traces)" already exists'):
            install(conn)
        assert conn.execute("SELECT count(mine) FROM flywheel.traces").fetchone() == (0,)


@pytest.mark.parametrize("version", ["0.2.0", "99.0", "0.0.9", "today's"])
def test_another_version_is_refused_with_what_to_do(db, version):
    db.execute(VERSION_OF.format(psycopg.sql.quote(version)))
    with pytest.raises(RuntimeError) as refusal:
        install(db)
    assert f"has pg_flywheel {version}, this command is {VERSION}" in str(refusal.value)
    assert f"pip install pg-flywheel=={version}" in str(refusal.value)
    assert db.execute("SELECT flywheel.version()").fetchone() == (version,)


def test_an_owner_who_is_no_superuser_installs_where_pgvector_is(databases, server_kind):
    """As on a managed Postgres."""
    made = databases(server_kind)
    janitor, dsn = made.fresh(template=False)
    owner = f"owner_{made.run}_{made.made}"
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION vector")
        conn.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE")
        conn.execute(f"ALTER DATABASE {janitor.dbname} OWNER TO {owner}")
    try:
        with psycopg.connect(dsn, user=owner, autocommit=True) as conn:
            installed = install(conn)
            assert (installed.how, installed.profile, installed.changed) == ("schema", "portable", True)
            conn.execute("CREATE SCHEMA app")
            conn.execute("CREATE FUNCTION app.short(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE sql "
                         "AS $$ SELECT length(step.output) < 9 $$")
            conn.execute("SELECT flywheel.add_validator('short', 'app.short')")
            conn.execute("INSERT INTO flywheel.traces (output) VALUES ('Hello')")
            conn.execute("CALL flywheel.drain()")
            assert conn.execute("SELECT n, passed FROM flywheel.metrics").fetchall() == [(1, 1)]
    finally:
        janitor.drop()
        with psycopg.connect(made.cluster.dsn(), autocommit=True) as conn:
            conn.execute(f"DROP ROLE {owner}")


@pytest.fixture(params=["full", "pg16", "pg18"])
def server_kind(request):
    return request.param
