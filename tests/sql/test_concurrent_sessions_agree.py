"""Drains, writers and the registry at the same time: each verdict once, and of the newest content.

A validator that waits for an advisory lock holds a drain at a known point.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

GATE = 42
WAITS = """
BEGIN
    IF step.output = 'old' THEN
        PERFORM pg_advisory_lock_shared(42);
        PERFORM pg_advisory_unlock_shared(42);
    END IF;
    RETURN step.output <> 'old';
END"""
IS_WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted {} AND database = " \
             "(SELECT oid FROM pg_database WHERE datname = current_database()))"  # fmt: skip
AT_GATE = IS_WAITING.format(f"AND objid = {GATE} AND mode = 'ShareLock'")


@contextmanager
def held_drain(fw, another: Callable, in_thread: Callable) -> Iterator[int]:
    """A drain that has read the step 'old' and goes on at the end of the block; gives its process id."""
    drainer = another(fw)
    fw.execute("SELECT pg_advisory_lock(%s)", (GATE,))
    thread = in_thread(drainer.drain)
    fw.wait_until(AT_GATE)
    yield drainer.conn.info.backend_pid
    fw.execute("SELECT pg_advisory_unlock(%s)", (GATE,))
    thread.join()


def add_waiting_validator(fw) -> None:
    fw.execute("SELECT flywheel.add_validator('v', %s)", (fw.function("v", WAITS, language="plpgsql"),))


def test_many_drains_and_writers_give_each_verdict_once(fw, another, in_thread):
    fw.validator("v")
    fw.validator("w", "SELECT true", sample_rate=0.5)
    fw.judge("j")

    writers, drains = [another(fw) for _ in range(4)], [another(fw) for _ in range(4)]
    threads = [in_thread(lambda w=w: [w.insert(*["x"] * (i % 5 + 1)) for i in range(25)]) for w in writers]
    threads += [in_thread(lambda d=d: [d.drain(chunk=16) for _ in range(10)]) for d in drains]
    for thread in threads:
        thread.join()
    fw.drain()
    steps = 4 * 5 * (1 + 2 + 3 + 4 + 5)
    assert fw.coverage("v") == {"verdicts": steps}
    assert sum(fw.coverage("w").values()) == steps
    assert fw.coverage("j") == {"pending": steps}
    assert fw.one("SELECT n FROM flywheel.metrics WHERE validator = 'v'") == steps
    assert fw.wrong_rollups() == []
    assert fw.rows("SELECT message ->> 'step' FROM pgmq.q_flywheel_judge_default GROUP BY 1 HAVING count(*) > 1") == []


def test_an_update_while_the_old_content_is_validated(fw, another, in_thread):
    add_waiting_validator(fw)
    [step] = fw.insert("old")
    with held_drain(fw, another, in_thread):
        fw.execute("UPDATE flywheel.traces SET output = 'new'")
    fw.drain()
    assert fw.verdicts("v") == {step: [1, "ok", True]}
    assert fw.wrong_rollups() == []


def test_two_drains_over_the_same_step_when_it_changes(fw, another, in_thread):
    add_waiting_validator(fw)
    [step] = fw.insert("old")
    second = another(fw)
    with held_drain(fw, another, in_thread):
        fw.execute("UPDATE flywheel.traces SET output = 'new'")
        thread = in_thread(second.drain)
        fw.wait_until(IS_WAITING.format(f"AND objid <> {GATE}"))
    thread.join()
    fw.drain()
    assert fw.verdicts("v") == {step: [1, "ok", True]}


def test_a_delete_while_the_step_is_validated(fw, another, in_thread):
    add_waiting_validator(fw)
    _, kept = fw.insert("old", "kept")
    with held_drain(fw, another, in_thread):
        fw.execute("DELETE FROM flywheel.traces WHERE output = 'old'")
    fw.drain()
    assert fw.verdicts("v") == {kept: [1, "ok", True]}
    assert fw.coverage("v") == {"verdicts": 1}
    assert fw.one("SELECT n FROM flywheel.metrics") == 1


def test_a_drain_that_is_terminated_leaves_its_work_to_the_next(fw, another, in_thread):
    add_waiting_validator(fw)
    drainer = another(fw)
    [step] = fw.insert("old")
    fw.execute("SELECT pg_advisory_lock(%s)", (GATE,))
    thread = in_thread(drainer.drain)
    fw.wait_until(AT_GATE)
    fw.execute("SELECT pg_terminate_backend(%s, 30000)", (drainer.conn.info.backend_pid,))
    fw.execute("SELECT pg_advisory_unlock(%s)", (GATE,))
    thread.join_whatever_it_raised()
    assert fw.coverage("v") == {"pending": 1}
    fw.execute("SELECT pgmq.set_vt('flywheel_code', msg_id, 0) FROM pgmq.q_flywheel_code")
    fw.drain()
    assert fw.verdicts("v") == {step: [1, "ok", False]}


def test_a_drain_is_not_overtaken_although_its_lease_ran_out(fw, another, in_thread):
    add_waiting_validator(fw)
    fw.insert("old")
    with held_drain(fw, another, in_thread):
        assert fw.one("SELECT count(*) FROM pgmq.q_flywheel_code") == 1
        fw.drain()
        assert fw.coverage("v") == {"pending": 1}
    assert fw.coverage("v") == {"verdicts": 1}


def test_a_judgement_recorded_while_the_step_changes(fw, another, in_thread):
    fw.judge("j")
    fw.insert("old")
    fw.drain()
    claimed = fw.claim()
    worker, drainer = another(fw, autocommit=False), another(fw)
    assert worker.record(claimed) == 1
    fw.execute("UPDATE flywheel.traces SET output = 'new'")
    thread = in_thread(drainer.drain)
    fw.wait_until(IS_WAITING.format(""))
    worker.conn.commit()
    thread.join()
    assert fw.coverage("j") == {"pending": 1}
    assert [each["output"] for each in fw.claim()] == ["new"]


def test_a_validator_that_is_added_amid_inserts_loses_no_step(fw, another, in_thread):
    early = another(fw, autocommit=False)
    early.insert("x")
    writers, drains = [another(fw) for _ in range(3)], [another(fw) for _ in range(2)]
    threads = [in_thread(lambda w=w: [w.insert("x", "y") for _ in range(40)]) for w in writers]
    threads += [in_thread(lambda d=d: [d.drain() for _ in range(10)]) for d in drains]
    for n in range(10):
        fw.validator("v", config={"n": n})
    early.conn.commit()
    for thread in threads:
        thread.join()
    [late] = fw.insert("z")
    fw.drain()
    answers = fw.rows("SELECT answer, count(*) FROM flywheel.answers(1, %s) GROUP BY 1", late)
    assert dict(answers).keys() <= {"verdict", "not_eligible"}
    assert "pending" not in fw.coverage("v")
    live = fw.one("SELECT min(lo) FROM flywheel.activations")
    assert fw.coverage("v")["verdicts"] == fw.one("SELECT count(*) FROM flywheel.traces WHERE id >= %s", live)
    assert fw.rows("SELECT step_id FROM flywheel.verdicts GROUP BY 1 HAVING count(*) > 1") == []


def test_dispatch_waits_for_a_change_of_the_registry(fw, another, in_thread):
    registrar, drainer = another(fw, autocommit=False), another(fw)
    fw.function("v", "SELECT true")
    registrar.execute("SELECT flywheel.add_validator('v', 'v')")
    [step] = fw.insert("x")
    thread = in_thread(drainer.drain)
    fw.wait_until(IS_WAITING.format(""))
    registrar.conn.commit()
    thread.join()
    assert list(fw.verdicts("v")) == [step]


def test_a_backfill_while_coverage_is_settled(fw, another, in_thread):
    fw.execute("INSERT INTO flywheel.traces (output) SELECT 'x' FROM generate_series(1, 4200)")
    fw.validator("v", "SELECT true")
    registrar, sweeper = another(fw, autocommit=False), another(fw)
    registrar.execute("SELECT flywheel.backfill('v')")
    thread = in_thread(lambda: sweeper.execute("SELECT flywheel.sweep()"))
    fw.wait_until(IS_WAITING.format(""))
    registrar.conn.commit()
    thread.join()
    assert fw.coverage("v") == {"pending": 4200}
