"""A validator in SQL that does not end is stopped by a worker, and one that fills the stack or raises, by Postgres."""

import psycopg
import pytest

from tests.faults.poison.conftest import IMPATIENT

pytestmark = pytest.mark.faults

BODY = "BEGIN IF step.output = 'poison' THEN {}; END IF; RETURN true; END"
STUBBORN = """BEGIN LOOP BEGIN IF step.output <> 'poison' THEN RETURN true; END IF; PERFORM pg_sleep(3600);
              EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END"""
# Slowly: the files are removed while it is stopped.
ENDLESS = "WITH RECURSIVE r AS (SELECT repeat('x', 50000) AS x UNION ALL SELECT x FROM r, pg_sleep(0.001)) TABLE r"
# Gives back what nobody works on, as if the lease of a killed drain were over.
EXPIRE = """
    UPDATE pgmq.q_flywheel_code SET vt = clock_timestamp()
    WHERE msg_id IN (SELECT msg_id FROM pgmq.q_flywheel_code FOR UPDATE SKIP LOCKED)"""
OUT_OF_STACK = "CREATE FUNCTION endless(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN endless(n + 1); END'"
POISON = {
    "sleeps": ("PERFORM pg_sleep(3600)", "timeout", "stopped after"),
    "loops": ("LOOP END LOOP", "timeout", "stopped after"),
    "writes temporary files without end": (f"PERFORM count(*) FROM ({ENDLESS}) s", "timeout", "stopped after"),
    "waits for a lock": ("LOCK TABLE locked IN ACCESS SHARE MODE", "timeout", "stopped after"),
    "recurses": ("PERFORM endless(0)", "error", "54001: stack depth limit exceeded"),
    "allocates": ("PERFORM length(repeat('x', 2000000000))", "error", "54000: "),
    "raises": ("RAISE EXCEPTION 'no idea'", "error", "P0001: no idea"),
    "asserts": ("ASSERT false, 'no way'", "error", "P0004: no way"),
    "says it was cancelled": ("RAISE EXCEPTION USING ERRCODE = 'query_canceled', MESSAGE = 'mine'", "timeout", "mine"),
}


@pytest.mark.parametrize("poison", POISON)
def test_it_has_its_cause_and_the_others_their_verdicts(fw, run_once, poison):
    does, expected, cause = POISON[poison]
    fw.add_healthy()
    fw.execute(OUT_OF_STACK)
    fw.execute("CREATE TABLE locked ()")
    fw.function("poisoned", BODY.format(does), language="plpgsql")
    fw.execute("SELECT flywheel.add_validator('poisoned', 'poisoned')")
    steps = fw.insert_around("poison")
    with psycopg.connect(fw.conn.info.dsn) as locker:
        locker.execute("LOCK TABLE locked")
        run_once(fw.conn.info.dsn, constants=IMPATIENT)
    fw.assert_all_is_well_but("poisoned", steps)
    status, reason = fw.one("SELECT status, reason FROM flywheel.why(%s, 'poisoned')", steps[0])
    assert status == expected, reason
    assert cause in reason


def test_one_that_goes_on_when_it_is_cancelled_has_to_go(fw, start_worker, wait_for):
    """Its session is ended; the range comes apart, once its leases are over, until the step is a dead letter."""
    fw.add_healthy()
    fw.function("poisoned", STUBBORN, language="plpgsql")
    fw.execute("SELECT flywheel.add_validator('poisoned', 'poisoned')")
    steps = fw.insert_around("poison")
    start_worker(fw.conn.info.dsn, constants="worker.OVERDUE_S = 1; worker.LOOK_FOR_OVERDUE_S = 0.2")

    def buried() -> bool:
        if fw.messages("flywheel_code"):
            fw.execute(EXPIRE)
        return fw.coverage("poisoned").get("dead_letters") == 1

    wait_for(buried)
    wait_for(lambda: fw.messages("flywheel_code") == 0)
    fw.assert_all_is_well_but("poisoned", steps)
    assert "killed every time" in fw.why(steps[0], "poisoned")[1]


def test_it_is_cancelled_once_however_many_look(fw, another, in_thread):
    """A second cancel would hit the drain while it notes what to do about the first."""
    fw.function("v", STUBBORN, language="plpgsql")
    fw.execute("SELECT flywheel.add_validator('v', 'v')")
    fw.insert("poison")
    other = another(fw)
    draining = in_thread(other.drain)
    pid = other.conn.info.backend_pid
    fw.wait_until("SELECT clock_timestamp() > xact_start + interval '1 second' AND wait_event = 'PgSleep' "
                  "FROM pg_stat_activity WHERE pid = %s", pid)  # fmt: skip

    def stopped_after(share: float) -> int:
        """Of the time that it has taken so far."""
        return fw.one("SELECT flywheel.stop_overdue(extract(epoch FROM clock_timestamp() - xact_start) * %s) "
                      "FROM pg_stat_activity WHERE pid = %s", share, pid)  # fmt: skip

    assert [stopped_after(share) for share in (2, 0.8, 0.8, 0.5)] == [0, 1, 0, 0]
    assert stopped_after(0.1) == 1, "it goes on, so its session is ended"
    draining.join_whatever_it_raised()
    assert isinstance(draining.error, psycopg.OperationalError)


def test_a_cancel_by_somebody_costs_nobody_a_verdict(fw, another, in_thread):
    """Not even a step that was being validated: it gets another turn."""
    fw.execute("CREATE TABLE gate ()")
    fw.function("v", BODY.format("LOCK TABLE gate IN ACCESS SHARE MODE"), language="plpgsql")
    fw.execute("SELECT flywheel.add_validator('v', 'v')")
    fw.insert("a", "poison", "b")
    other = another(fw)
    with psycopg.connect(fw.conn.info.dsn) as locker:
        locker.execute("LOCK TABLE gate")
        draining = in_thread(other.drain)
        pid = other.conn.info.backend_pid
        fw.wait_until("SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", pid)
        fw.execute("SELECT pg_cancel_backend(%s)", (pid,))
        draining.join_whatever_it_raised()
        assert isinstance(draining.error, psycopg.errors.QueryCanceled)
        assert fw.coverage("v") == {"pending": 3}
    fw.drain()
    assert [status for _, status, _ in fw.verdicts("v").values()] == ["ok"] * 3
    assert fw.one("SELECT max(stuck) FROM flywheel.validator_versions") == 0
