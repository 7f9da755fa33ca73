"""An upgrade in place: data, queues, rights and validators stay; it happens once, or not at all."""

import psycopg
import pytest
from pg_flywheel import install as install_module
from pg_flywheel.install import VERSION, install

NEXT = "0.2.0"
GRANTS = (
    "SELECT c.oid::regclass::text, c.relacl::text FROM pg_class c WHERE c.relnamespace = 'flywheel'::regnamespace "
    "UNION ALL "
    "SELECT p.oid::regprocedure::text, p.proacl::text FROM pg_proc p WHERE p.pronamespace = 'flywheel'::regnamespace "
    "ORDER BY 1"
)
WAITING = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
WAITS = f"SELECT count(*) = %s {WAITING}"
TERMINATE = f"SELECT pg_terminate_backend(pid) {WAITING}"


@pytest.fixture
def fw(fw, monkeypatch):
    """A database of this version, and from here on install() of the next one."""
    monkeypatch.setattr(install_module, "VERSION", NEXT)
    return fw


def what_is_there(fw) -> dict[str, object]:
    return {
        "steps": fw.rows("SELECT * FROM flywheel.traces ORDER BY id"),
        "verdicts": fw.rows("SELECT step_id, version_id, passed FROM flywheel.verdicts ORDER BY 1, 2"),
        "coverage": fw.rows("SELECT * FROM flywheel.coverage ORDER BY validator"),
        "versions": fw.rows("SELECT id, fingerprint FROM flywheel.validator_versions ORDER BY id"),
        "queue": fw.rows("SELECT msg_id, read_ct, vt, message FROM pgmq.q_flywheel_judge_default ORDER BY msg_id"),
        "paused": fw.rows("SELECT provider, paused_until, failures FROM flywheel.provider_state"),
        "inbox": fw.rows("SELECT lo, hi, n FROM flywheel.inbox"),
    }


def test_data_queues_pauses_and_validators_stay(fw):
    fw.validator("short")
    fw.judge()
    fw.insert("a", "long text")
    fw.drain()
    fw.claim(qty=1)
    fw.execute("SELECT flywheel.pause_provider('default', 'HTTP 503', 600)")
    fw.insert("b", "still in the inbox")
    before = what_is_there(fw)

    assert install(fw.conn).version == NEXT
    assert what_is_there(fw) == before
    fw.drain()
    assert fw.coverage("short") == {"verdicts": 4}
    assert fw.coverage("polite") == {"deferred": 4}
    assert fw.one("SELECT count(*) FROM flywheel.validator_versions") == 2, "an upgrade alone makes no new version"
    assert fw.wrong_rollups() == []


def test_rights_stay(fw):
    before = fw.rows(GRANTS)
    install(fw.conn)
    assert fw.rows(GRANTS) == before


def test_two_at_once_upgrade_it_once(fw, another, in_thread):
    hosts = [another(fw), another(fw)]
    done = []
    with another(fw).conn.transaction() as held:
        held.connection.execute("LOCK TABLE flywheel.python_validators")
        threads = [in_thread(lambda host=host: done.append(install(host.conn))) for host in hosts]
        fw.wait_until(WAITS, 2)
    for thread in threads:
        thread.join()
    assert sorted(each.changed for each in done) == [False, True]
    assert fw.one("SELECT flywheel.version()") == NEXT


def test_one_that_is_killed_in_the_middle_leaves_the_older_one_whole(fw, another, in_thread):
    with another(fw).conn.transaction() as held:
        held.connection.execute("LOCK TABLE flywheel.python_validators")
        upgrade = in_thread(lambda: install(another(fw).conn))
        fw.wait_until(WAITS, 1)
        assert fw.rows(TERMINATE) == [(True,)]
        with pytest.raises(psycopg.errors.AdminShutdown):
            upgrade.join()
    assert fw.one("SELECT flywheel.version()") == VERSION
    fw.validator("short")
    fw.insert("a")
    fw.drain()
    assert fw.coverage("short") == {"verdicts": 1}
    assert install(fw.conn).changed


def test_one_that_finds_a_table_in_use_steps_back_and_tries_again(fw, another, in_thread):
    """While it waited, everybody who inserts would wait behind it."""
    reader = another(fw, autocommit=False)
    reader.execute("LOCK TABLE flywheel.python_validators")
    upgrade = in_thread(lambda: install(another(fw).conn))
    fw.wait_until(WAITS, 1)
    fw.wait_until(WAITS, 0)  # it stepped back
    reader.conn.rollback()
    upgrade.join()
    assert fw.one("SELECT flywheel.version()") == NEXT


def test_two_first_installations_at_once_make_one(empty_dsn, in_thread):
    done = []

    def come_up() -> None:
        with psycopg.connect(empty_dsn, autocommit=True) as conn:
            done.append(install(conn).changed)

    for thread in [in_thread(come_up) for _ in range(3)]:
        thread.join()
    assert sorted(done) == [False, False, True]
