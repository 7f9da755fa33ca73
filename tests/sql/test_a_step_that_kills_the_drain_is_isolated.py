"""A range whose lease ran out twice is taken apart until the step that kills the drain stands alone: a dead letter.

Twice may happen to any range; its parts are suspects, and once is enough. So 2,048 steps take six leases.

A killed drain is one that claimed a message and never acknowledged it: here under a lease of no seconds.
"""

KILLED_BY = """
    SELECT CASE WHEN NOT flywheel.lapsed(m) AND (m.message ->> 'lo')::bigint <= %(step)s
                     AND (m.message ->> 'hi')::bigint >= %(step)s AND (m.message ->> 'version')::int = %(version)s
                THEN 0 ELSE flywheel.run(m) END
    FROM flywheel.claim('flywheel_code', 1, 0) m"""


def drain_killed_by(fw, step: int, version: int) -> int:
    """Works the queue off, but dies over every message with the poison step; returns the number of claims."""
    fw.execute("SELECT flywheel.dispatch()")
    claims = 0
    while fw.rows(KILLED_BY.replace("%(step)s", str(step)).replace("%(version)s", str(version))):
        claims += 1
        assert claims < 1000
    return claims


def test_the_poison_step_is_buried_and_its_neighbours_are_not(fw):
    version = fw.validator("v")
    fw.validator("w")
    steps = fw.insert(*["x"] * 100)
    poison = steps[70]
    drain_killed_by(fw, poison, version)
    assert list(fw.verdicts("v")) == [step for step in steps if step != poison]
    assert list(fw.verdicts("w")) == steps
    assert fw.coverage("v") == {"verdicts": 99, "dead_letters": 1}
    answer, reason = fw.why(poison, "v")
    assert answer == "dead_letter"
    assert reason.startswith("given up after 5 attempts: ")
    assert fw.messages("flywheel_code") == 0
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 99, "dead_letters": 1}, "nobody tries again unasked"


def test_redrive_tries_again(fw):
    version = fw.validator("v")
    [step] = fw.insert("x")
    drain_killed_by(fw, step, version)
    assert fw.one("SELECT flywheel.redrive('v')") == 1
    assert fw.coverage("v") == {"pending": 1}
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 1}
    assert fw.one("SELECT flywheel.redrive('v')") == 0


def test_a_change_of_the_step_tries_again(fw):
    version = fw.validator("v")
    [step] = fw.insert("x")
    drain_killed_by(fw, step, version)
    fw.execute("UPDATE flywheel.traces SET output = 'y'")
    assert fw.coverage("v") == {"pending": 1}
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 1}


def test_poison_around_id_zero(fw):
    version = fw.validator("v")
    fw.execute("INSERT INTO flywheel.traces (id, output) SELECT i, 'x' FROM generate_series(-3, 3) AS i")
    fw.execute("SELECT flywheel.backfill('v')")
    drain_killed_by(fw, -1, version)
    fw.drain()
    assert sorted(fw.verdicts("v")) == [-3, -2, 0, 1, 2, 3]
    assert fw.coverage("v") == {"verdicts": 6, "dead_letters": 1}


def test_a_drain_that_was_killed_once_costs_nobody_a_verdict(fw):
    fw.validator("v")
    fw.insert(*["x"] * 10)
    fw.execute("SELECT flywheel.dispatch(4)")
    while fw.rows("SELECT FROM flywheel.claim('flywheel_code', 1, 60)"):
        pass
    fw.drain()
    assert fw.coverage("v") == {"pending": 10}, "leased"
    fw.execute("SELECT pgmq.set_vt('flywheel_code', msg_id, 0) FROM pgmq.q_flywheel_code")
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 10}
    assert fw.one("SELECT n FROM flywheel.metrics") == 10
