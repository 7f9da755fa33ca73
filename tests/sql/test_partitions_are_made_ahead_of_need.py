"""Partitions of traces and verdicts exist before ids reach them; nobody waits for their making, or is failed by it."""

SIZE = 2**20
NAMES = "SELECT n::int FROM flywheel.partitions ORDER BY n"
HELD = "SELECT count(*)::int FROM flywheel.{}_default"
INSERT = "INSERT INTO flywheel.traces (output) SELECT 'x' FROM generate_series(1, %s)"
GIVEN = "INSERT INTO flywheel.traces (id, output) SELECT i, 'x' FROM generate_series(%s::bigint, %s) AS i"
WARNING = "SELECT warning FROM flywheel.queue_health WHERE queue = 'inbox'"


def partitions(fw) -> list[int]:
    return [n for (n,) in fw.rows(NAMES)]


def held(fw, table: str = "traces") -> int:
    return fw.one(HELD.format(table))


def next_id(fw, step: int) -> None:
    fw.execute("SELECT setval('flywheel.traces_id_seq', %s)", (step - 1,))


def tend(fw) -> None:
    """Drains, with the chore due. It makes at least one partition a turn."""
    fw.execute("UPDATE flywheel.maintenance SET last_run_at = '-infinity' WHERE task = 'partitions'")
    fw.drain(sweep=False)


def drop_all(fw) -> None:
    """As CREATE EXTENSION leaves it, which cannot make them: see sql/dump.sql."""
    for n in partitions(fw):
        for table in ("traces", "verdicts"):
            if fw.one("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_flywheel')"):
                fw.execute(f"ALTER EXTENSION pg_flywheel DROP TABLE flywheel.{table}_p{n}")
            fw.execute(f"DROP TABLE flywheel.{table}_p{n}")


def test_an_installation_has_room_for_a_first_load(fw):
    assert partitions(fw) == [0, 1, 2, 3, 4]
    next_id(fw, 5 * SIZE)
    fw.insert("x")
    assert held(fw) == 1
    next_id(fw, 5 * SIZE - 1)
    fw.insert("y")
    assert held(fw) == 1, "refused by no partition, and by this one not needed"


def test_the_drain_keeps_four_ahead(fw):
    fw.validator("v")
    next_id(fw, SIZE - 2)
    ids = fw.insert(*["x"] * 5)
    assert (ids[0], ids[-1]) == (SIZE - 2, SIZE + 2)
    tend(fw)
    assert partitions(fw) == [0, 1, 2, 3, 4, 5]
    assert list(fw.verdicts("v")) == ids
    assert (held(fw), held(fw, "verdicts")) == (0, 0)
    assert fw.one(WARNING) is None


def test_steps_inserted_before_there_were_partitions_move_with_their_verdicts(fw):
    fw.validator("v")
    drop_all(fw)
    ids = fw.insert(*["x"] * 10)
    fw.drain(sweep=False)
    fw.execute("UPDATE flywheel.traces SET output = 'long enough' WHERE id = %s", (ids[0],))
    fw.execute("DELETE FROM flywheel.traces WHERE id = %s", (ids[1],))
    tend(fw)
    assert partitions(fw)[0] == 0
    assert (held(fw), held(fw, "verdicts")) == (0, 0)
    assert fw.coverage("v") == {"verdicts": 9}
    assert fw.one("SELECT passed FROM flywheel.verdicts WHERE step_id = %s", ids[0]) is False
    assert fw.wrong_rollups() == []
    assert fw.one("SELECT count(*) FROM flywheel.inbox") == 0, "moving a step is no change of it"


def test_a_load_that_outran_the_drain_is_put_into_partitions(fw):
    fw.validator("v", "SELECT true")
    next_id(fw, 7 * SIZE - 5000)
    fw.execute(INSERT, (10_000,))
    assert held(fw) == 10_000
    fw.drain(sweep=False)
    for _ in range(9):
        tend(fw)
    assert partitions(fw) == [*range(5), *range(6, 12)]
    assert (held(fw), held(fw, "verdicts")) == (0, 0)
    assert fw.one("SELECT count(*) FROM flywheel.traces_p6") == 5000
    assert fw.coverage("v") == {"verdicts": 10_000}
    assert fw.wrong_rollups() == []


def test_ids_far_apart_stay_in_the_default_partition(fw):
    fw.validator("v")
    far = [(2**38 + i) << 22 for i in range(300)]
    fw.execute("INSERT INTO flywheel.traces (id, output) SELECT i, 'x' FROM unnest(%s::bigint[]) AS i", (far,))
    tend(fw)
    assert partitions(fw) == [0, 1, 2, 3, 4]
    assert list(fw.verdicts("v")) == far
    assert fw.one(WARNING) is None


def test_ids_of_the_applications_own_counter_get_partitions(fw):
    fw.execute(GIVEN, (100 * SIZE, 100 * SIZE + 4095))
    fw.execute(GIVEN, (-4096, -1))
    tend(fw)
    tend(fw)
    assert partitions(fw) == [-1, 0, 1, 2, 3, 4, 100]
    assert held(fw) == 0


def test_a_statement_under_way_is_not_failed_by_a_new_partition(fw, another, in_thread):
    """It knows the partitions of its start: one that comes meanwhile would have its rows refused by the default one."""
    fw.validator("v", "SELECT true")
    fw.execute("CREATE FUNCTION wait_at_gate() RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
               "PERFORM pg_advisory_lock_shared(42); PERFORM pg_advisory_unlock_shared(42); RETURN 'x'; END $$")
    next_id(fw, SIZE)
    fw.execute("SELECT pg_advisory_lock(42)")
    writer = another(fw)
    thread = in_thread(lambda: writer.execute(
        "INSERT INTO flywheel.traces (id, output) SELECT 5 * 1048576, wait_at_gate() FROM generate_series(1, 1)"))
    fw.wait_until("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 42)")
    tend(fw)
    assert partitions(fw) == [0, 1, 2, 3, 4]
    assert fw.one(WARNING) is None, "there is time"
    fw.execute("SELECT pg_advisory_unlock(42)")
    thread.join()
    tend(fw)
    assert partitions(fw) == [0, 1, 2, 3, 4, 5]
    assert list(fw.verdicts("v")) == [5 * SIZE]
    assert held(fw) == 0


def test_a_warning_comes_before_the_default_partition_is_needed(fw, another):
    idle = another(fw, autocommit=False)
    idle.insert("x")
    next_id(fw, 3 * SIZE)
    tend(fw)
    assert fw.one(WARNING) == (f"partitions: no partition for steps from {5 * SIZE} on yet: "
                               "a transaction that wrote steps or reads them stays open")
    idle.conn.commit()
    for _ in range(3):
        tend(fw)
    assert fw.one(WARNING) is None
    assert partitions(fw) == list(range(8))


def test_a_default_partition_too_large_to_move_unnoticed_is_left_to_you(fw):
    drop_all(fw)
    fw.execute("INSERT INTO flywheel.traces (output) SELECT repeat('x', 1900) FROM generate_series(1, 36000)")
    tend(fw)
    assert partitions(fw) == []
    assert "run SELECT flywheel.make_partitions() at a quiet time" in fw.one(WARNING)
    assert fw.one("SELECT flywheel.make_partitions()") == 5
    assert (partitions(fw), held(fw)) == ([0, 1, 2, 3, 4], 0)
    tend(fw)
    assert fw.one(WARNING) is None


def test_two_at_once_make_each_partition_once(fw, another, in_thread):
    drop_all(fw)
    sessions = [another(fw) for _ in range(4)]
    threads = [in_thread(lambda s=s: [tend(s) for _ in range(5)]) for s in sessions]
    for thread in threads:
        thread.join()
    for _ in range(5):
        tend(fw)
    assert partitions(fw) == [0, 1, 2, 3, 4]


def test_two_by_hand_wait_for_each_other(fw, another, in_thread):
    drop_all(fw)
    one, two = another(fw, autocommit=False), another(fw)
    assert one.one("SELECT flywheel.make_partitions()") == 5
    thread = in_thread(lambda: two.execute("SELECT flywheel.make_partitions()"))
    fw.wait_until("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = %s)", two.conn.info.backend_pid)
    one.conn.commit()
    thread.join()
    assert partitions(fw) == [0, 1, 2, 3, 4]


def test_an_admin_who_is_no_superuser_makes_them(fw):
    drop_all(fw)
    fw.execute("SET ROLE flywheel_admin")
    assert fw.one("SELECT flywheel.make_partitions()") == 5


def test_steps_that_another_table_references_are_not_moved(fw):
    drop_all(fw)
    fw.execute("CREATE TABLE note (step bigint REFERENCES flywheel.traces ON DELETE CASCADE)")
    [step] = fw.insert("x")
    fw.execute("INSERT INTO note VALUES (%s)", (step,))
    tend(fw)
    fw.execute("SELECT flywheel.make_partitions()")
    assert partitions(fw) == [1, 2, 3, 4]
    assert (fw.one("SELECT step FROM note"), held(fw)) == (step, 1)


def test_no_drain_is_a_warning(fw):
    assert fw.one(WARNING) == "no drain has ever run: start flywheel worker, or see flywheel.schedule()"
    fw.drain()
    assert fw.one(WARNING) is None
    fw.execute("UPDATE flywheel.maintenance SET last_run_at = now() - interval '1 hour' WHERE task = 'drain'")
    assert fw.one(WARNING) == "no drain has run for 3600 s: start flywheel worker, or see flywheel.schedule()"
