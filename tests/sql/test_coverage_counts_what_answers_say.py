"""flywheel.coverage remembers finished blocks of steps; it must say what counting every pair says, at any moment."""

import time

BLOCK = 4096
COUNTED = """
    SELECT d.name, count(a), count(*) FILTER (WHERE a.answer = 'verdict'), count(*) FILTER (WHERE a.answer = 'pending'),
           count(*) FILTER (WHERE a.answer = 'dead_letter'), count(*) FILTER (WHERE a.why = 'filtered'),
           count(*) FILTER (WHERE a.why = 'sampled_out'), count(*) FILTER (WHERE a.why = 'not_requested'),
           count(*) FILTER (WHERE a.why = 'before'), count(*) FILTER (WHERE a.why = 'paused')
    FROM flywheel.validators d
    LEFT JOIN flywheel.answers((SELECT min(id) FROM flywheel.traces), (SELECT max(id) FROM flywheel.traces)) a
      ON a.validator = d.name
    GROUP BY d.name ORDER BY d.name"""
COVERAGE = """
    SELECT validator, steps, verdicts, pending, dead_letters, filtered, sampled_out, not_requested, before, paused
    FROM flywheel.coverage ORDER BY validator"""


def check(fw) -> None:
    assert fw.rows(COVERAGE) == fw.rows(COUNTED)


def settle(fw, blocks: int = 3) -> None:
    """Drains until so many blocks are settled: they are once the transactions of their time have ended."""
    names = [name for (name,) in fw.rows("SELECT name FROM flywheel.validators")]
    deadline = time.monotonic() + 60
    while min(settled(fw, name) for name in names) < blocks:
        fw.drain()
        assert time.monotonic() < deadline, "the sweep settles nothing"


def settled(fw, validator: str = "v") -> int:
    return fw.one("SELECT count(*) FROM flywheel.coverage_ledger WHERE validator = %s", validator)


def fill(fw, blocks: float = 3.1) -> None:
    fw.execute("INSERT INTO flywheel.traces (output, pipeline, trace_id) SELECT 'x', 'p' || i %% 2, i::text "
               "FROM generate_series(1, %s) AS i", (int(blocks * BLOCK),))  # fmt: skip


def set_up(fw) -> None:
    fw.validator("v", "SELECT true")
    fw.validator("half", "SELECT true", pipeline="p1", sample_rate=0.5)
    fill(fw)
    check(fw)
    settle(fw)
    check(fw)


def test_while_steps_change_and_go(fw):
    set_up(fw)
    for statement in (
        "UPDATE flywheel.traces SET output = 'y' WHERE id BETWEEN 100 AND 200",
        "UPDATE flywheel.traces SET pipeline = 'p0' WHERE id %% 3000 = 1",
        "DELETE FROM flywheel.traces WHERE id BETWEEN 4000 AND 5000",
        "DELETE FROM flywheel.traces WHERE id BETWEEN 4096 AND 8191",
        "UPDATE flywheel.traces SET id = id + 20000 WHERE id = 1",
    ):
        fw.execute(statement, ())
        check(fw)
        fw.drain()
        check(fw)
    settle(fw, 2)
    check(fw)


def test_while_steps_come_late_into_finished_blocks(fw, another):
    fw.validator("v", "SELECT true")
    fw.validator("other", "SELECT true", pipeline="other")
    late = another(fw, autocommit=False)
    late.insert("first", "second")
    fill(fw)
    for _ in range(5):
        fw.drain()
    assert settled(fw) == 0  # while a transaction of their time is open
    late.conn.commit()
    check(fw)
    assert fw.coverage("v")["pending"] == 2
    settle(fw)
    check(fw)
    fw.execute("INSERT INTO flywheel.traces (id, output) VALUES (0, 'chosen'), (-1, 'chosen')")
    fw.execute("SELECT flywheel.dispatch()")
    check(fw)
    fw.drain()
    check(fw)


def test_while_validators_come_and_change(fw):
    set_up(fw)
    for call in (
        "add_validator('late', 'v')",
        "add_validator('asked', 'v', mode => 'on_demand')",
        "backfill('late')",
        "evaluate('asked', sample => 0.3)",
        "set_validator('v', enabled => false)",
        "set_validator('half', sample_rate => 1)",
        "backfill('half')",
        """add_validator('v', 'v', '{"n": 2}', enabled => true)""",
        "backfill('v')",
    ):
        fw.execute(f"SELECT flywheel.{call}")
        fill(fw, 0.01)
        check(fw)
        fw.drain()
        check(fw)
    settle(fw)
    check(fw)


def test_while_dead_letters_come_and_go(fw):
    set_up(fw)
    version = fw.one("SELECT version_id FROM flywheel.validators WHERE name = 'v'")
    fw.execute("UPDATE flywheel.traces SET output = 'y' WHERE id = 5000")
    fw.execute("SELECT flywheel.dispatch(1)")
    for _ in range(2):
        fw.execute("SELECT FROM flywheel.claim('flywheel_code', 10, 0)")
    fw.drain()
    fw.drain()
    check(fw)
    assert fw.coverage("v")["dead_letters"] == 1
    fw.execute("SELECT flywheel.redrive('v')")
    check(fw)
    fw.drain()
    check(fw)
    assert fw.one("SELECT count(*) FROM flywheel.verdicts WHERE version_id = %s", version) == int(3.1 * BLOCK)


def test_a_ledger_that_is_lost_is_counted_again(fw):
    set_up(fw)
    fw.execute("TRUNCATE flywheel.coverage_ledger")
    check(fw)
    settle(fw)
    check(fw)


def test_blocks_of_ids_that_were_given_are_settled_too(fw):
    fw.validator("v", "SELECT true")
    fw.execute("INSERT INTO flywheel.traces (id, output) SELECT i, 'x' FROM generate_series(1, %s) AS i", (3 * BLOCK,))
    settle(fw, 2)
    check(fw)
