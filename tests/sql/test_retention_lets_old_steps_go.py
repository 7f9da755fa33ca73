"""set_retention: old steps go with all that is known of them, by partition where possible; the metrics stay."""

import json

import psycopg
import pytest

SIZE = 2**20
INSERT = ("INSERT INTO flywheel.traces (output, pipeline, created_at) "
          "SELECT 'x', %s, now() - %s::interval FROM generate_series(1, %s) RETURNING id")
NEXT_RANGE = ("SELECT setval('flywheel.traces_id_seq', "
              "(flywheel.range_of(flywheel.next_step_id()) + 1) * flywheel.partition_size())")
BEHIND = "SELECT flywheel.advance_horizon() > flywheel.range_of(flywheel.next_step_id()) * flywheel.partition_size()"
LEFT = "SELECT pipeline, count(*)::int FROM flywheel.traces GROUP BY 1 ORDER BY 1"
COUNTED = "SELECT n FROM flywheel.metrics WHERE validator = 'v' AND pipeline = %s"


def insert(fw, pipeline: str, age: str, n: int = 1) -> list[int]:
    return [step for (step,) in fw.rows(INSERT, pipeline, age, n)]


def left(fw) -> dict[str, int]:
    return dict(fw.rows(LEFT))


def partitions(fw) -> list[int]:
    return [n for (n,) in fw.rows("SELECT n::int FROM flywheel.partitions ORDER BY n")]


def expire(fw, turns: int = 3, at_most: int = 5000) -> None:
    for _ in range(turns):
        assert fw.one("SELECT problem FROM flywheel.apply_retention(%s)", at_most) is None


def next_range(fw) -> None:
    """Leaves the range that is being written, and lets the drain see that its transactions have ended."""
    fw.execute(NEXT_RANGE)
    fw.wait_until(BEHIND)


def test_by_age_and_pipeline(fw):
    fw.validator("v")
    for pipeline in ("support", "sales", "other"):
        for age in ("100 days", "40 days", "1 day"):
            insert(fw, pipeline, age, 2)
    fw.drain()
    expire(fw)
    assert left(fw) == {"other": 6, "sales": 6, "support": 6}

    fw.execute("SELECT flywheel.set_retention('90 days')")
    fw.execute("SELECT flywheel.set_retention('30 days', pipeline => 'support')")
    fw.execute("SELECT flywheel.set_retention(NULL, pipeline => 'sales')")
    fw.drain()
    assert left(fw) == {"other": 4, "sales": 6, "support": 2}
    assert fw.coverage("v") == {"verdicts": 12}
    assert [fw.one(COUNTED, pipeline) for pipeline in ("other", "sales", "support")] == [6, 6, 6]

    fw.execute("SELECT flywheel.set_retention(NULL)")
    fw.drain()
    assert left(fw) == {"other": 4, "sales": 6, "support": 2}


def test_a_partition_in_which_everything_is_old_is_dropped(fw):
    fw.validator("v")
    fw.judge("j")
    insert(fw, "p", "10 days", 5000)
    fw.drain()
    claimed = fw.claim(qty=3)
    buried, deferred = {**claimed[0], "attempts": 3, "error": "no"}, {**claimed[1], "seconds": 60, "reason": "busy"}
    fw.one("SELECT flywheel.bury_judgements('default', %s)", json.dumps([buried]))
    fw.one("SELECT flywheel.defer_judgements('default', %s)", json.dumps([deferred]))
    next_range(fw)
    young = insert(fw, "p", "1 day", 3)
    fw.drain()
    fw.execute("SELECT flywheel.set_retention('5 days')")
    expire(fw, turns=1)
    assert partitions(fw)[0] == 1
    assert fw.rows("SELECT id FROM flywheel.traces ORDER BY 1") == [(step,) for step in young]
    assert fw.coverage("v") == {"verdicts": 3}
    assert fw.coverage("j") == {"pending": 3}
    for table in ("dead_letters", "deferrals"):
        assert fw.one(f"SELECT count(*) FROM flywheel.{table}") == 0
    assert fw.one(COUNTED, "p") == 5003
    fw.execute("UPDATE pgmq.q_flywheel_judge_default SET vt = now()")
    claimed = fw.claim(qty=10_000)
    assert [each["step_id"] for each in claimed] == young
    assert fw.messages("flywheel_judge_default") == 3, "the others found no step, and were dropped"


def test_the_partition_being_written_stays(fw):
    insert(fw, "p", "10 days", 3)
    fw.execute("SELECT flywheel.set_retention('5 days')")
    fw.drain()
    assert (left(fw), partitions(fw)) == ({}, [0, 1, 2, 3, 4])
    insert(fw, "p", "1 day")
    assert fw.one("SELECT count(*) FROM flywheel.traces_default") == 0


def test_an_open_transaction_keeps_the_partition_it_may_write_to(fw, another):
    late = another(fw, autocommit=False)
    late.insert("x")
    insert(fw, "p", "10 days", 3)
    fw.execute("SELECT setval('flywheel.traces_id_seq', %s)", (SIZE,))
    fw.execute("SELECT flywheel.set_retention('5 days')")
    for _ in range(3):
        fw.execute("SELECT flywheel.advance_horizon()")
    expire(fw)
    assert left(fw) == {"p": 3}
    late.conn.commit()
    expire(fw)
    assert left(fw) == {"default": 1}


def test_in_small_batches_where_something_stays(fw):
    fw.validator("v")
    insert(fw, "p", "10 days", 9000)
    insert(fw, "q", "1 day")
    next_range(fw)
    fw.drain()
    fw.execute("SELECT flywheel.set_retention('5 days')")
    expire(fw, turns=1)
    assert left(fw) == {"p": 4000, "q": 1}
    fw.drain()
    fw.drain()
    assert left(fw) == {"q": 1}
    assert partitions(fw)[0] == 0
    assert fw.coverage("v") == {"verdicts": 1}
    assert fw.one("SELECT count(*) FROM flywheel.verdicts") == 1
    assert fw.one("SELECT sum(n) FROM flywheel.metrics") == 9001
    fw.execute("UPDATE flywheel.traces SET created_at = now() - interval '10 days'")
    expire(fw)
    assert partitions(fw)[0] == 1, "emptied, and then dropped"


def test_kept_steps_stay_and_keep_their_partition(fw):
    ids = insert(fw, "p", "10 days", 5)
    next_range(fw)
    fw.execute(f"CREATE OR REPLACE VIEW flywheel.kept_steps AS SELECT {ids[2]}::bigint AS step_id")
    fw.execute("SELECT flywheel.set_retention('5 days')")
    expire(fw)
    assert fw.rows("SELECT id FROM flywheel.traces") == [(ids[2],)]
    assert partitions(fw)[0] == 0


@pytest.mark.parametrize(
    "remove", ["drop_expired(0, x)", "delete_expired('flywheel.traces_p0', 'flywheel.verdicts_p0', x, 9)"]
)
def test_a_step_that_is_labelled_meanwhile_stays(fw, another, in_thread, remove):
    fw.judge("polite")
    (step,) = insert(fw, "support", "40 days")
    fw.drain()
    fw.execute("SELECT flywheel.set_retention('30 days')")
    labelling = another(fw, autocommit=False)
    labelling.execute("INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (%s, 'polite', true)", [step])
    removing = in_thread(lambda: another(fw).one(f"SELECT flywheel.{remove} FROM flywheel.expired_sql() x"))
    fw.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    labelling.conn.commit()
    removing.join()
    assert left(fw) == {"support": 1}


def test_of_the_default_partition_too(fw):
    fw.validator("v")
    fw.execute("INSERT INTO flywheel.traces (id, output, created_at) VALUES (2 ^ 50, 'x', now() - interval '10 days')")
    fw.drain()
    fw.execute("SELECT flywheel.set_retention('5 days')")
    expire(fw)
    assert left(fw) == {}
    assert fw.one("SELECT count(*) FROM flywheel.verdicts") == 0


def test_deleting_by_hand_still_takes_the_count_along(fw):
    fw.validator("v")
    insert(fw, "p", "10 days", 2)
    insert(fw, "p", "1 day", 2)
    fw.drain()
    fw.execute("SELECT flywheel.set_retention('5 days')")
    expire(fw)
    fw.execute("DELETE FROM flywheel.traces")
    fw.drain()
    assert fw.one(COUNTED, "p") == 2


def test_nobody_waits_for_a_long_reader(fw, another):
    """A drop needs the table for itself: it gives way, and comes again."""
    insert(fw, "p", "10 days", 3)
    next_range(fw)
    reader = another(fw, autocommit=False)
    reader.one("SELECT count(*) FROM flywheel.traces")
    fw.execute("SELECT flywheel.set_retention('5 days')")
    expire(fw)
    fw.insert("x")
    assert partitions(fw)[0] == 0
    reader.conn.rollback()
    expire(fw)
    assert partitions(fw)[0] == 1


def test_a_verdict_being_written_is_not_left_without_its_step(fw, another):
    fw.validator("v")
    insert(fw, "p", "10 days", 3)
    fw.execute("SELECT flywheel.dispatch()")
    writer = another(fw, autocommit=False)
    writer.execute("SELECT flywheel.run(m) FROM flywheel.claim('flywheel_code', 1, 30) m")
    fw.execute("SELECT flywheel.set_retention('5 days')")
    expire(fw)
    writer.conn.commit()
    expire(fw)
    assert left(fw) == {}
    assert fw.one("SELECT count(*) FROM flywheel.verdicts") == 0


def test_steps_that_another_table_references_stay_with_a_warning(fw):
    fw.execute("CREATE TABLE note (step bigint REFERENCES flywheel.traces)")
    [step] = insert(fw, "p", "10 days")
    fw.execute("INSERT INTO note VALUES (%s)", (step,))
    fw.execute("SELECT flywheel.set_retention('5 days')")
    fw.drain()
    assert left(fw) == {"p": 1}
    assert "retention: steps that a table of yours references are too old, and stay" in fw.one(
        "SELECT warning FROM flywheel.queue_health WHERE queue = 'inbox'")


def test_an_admin_sets_it_and_a_worker_applies_it(fw):
    insert(fw, "p", "10 days")
    fw.execute("SET ROLE flywheel_admin")
    fw.execute("SELECT flywheel.set_retention('5 days')")
    fw.execute("SET ROLE flywheel_worker")
    fw.drain()
    assert left(fw) == {}


@pytest.mark.parametrize("keep", ["0 days", "-1 day"])
def test_a_bad_age_is_refused(fw, keep):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="bad retention") as refusal:
        fw.execute("SELECT flywheel.set_retention(%s)", (keep,))
    assert "NULL keeps them for ever" in refusal.value.diag.message_hint
