"""Whatever way steps come in, each committed one is validated, and a statement costs one inbox row at most."""


def inbox(fw) -> int:
    return fw.one("SELECT count(*) FROM flywheel.inbox")


def test_one_row_per_statement_and_none_for_no_rows(fw):
    fw.insert(*["x"] * 100)
    assert inbox(fw) == 1
    fw.execute("INSERT INTO flywheel.traces (output) SELECT 'x' WHERE false")
    fw.execute("UPDATE flywheel.traces SET output = 'y' WHERE id < 0")
    fw.execute("UPDATE flywheel.traces SET output = output")
    fw.execute("DELETE FROM flywheel.traces WHERE id < 0")
    assert inbox(fw) == 1


def test_copy(fw):
    fw.validator("v")
    with fw.conn.cursor().copy("COPY flywheel.traces (output) FROM STDIN") as copy:
        for i in range(5000):
            copy.write_row((str(i),))
    assert inbox(fw) == 1
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 5000}


def test_rolled_back_savepoints_leave_nothing(fw):
    fw.validator("v")
    with fw.conn.transaction():
        [first] = fw.insert("a")
        with fw.conn.transaction(force_rollback=True):
            fw.insert("b", "c")
        [last] = fw.insert("d")
    assert inbox(fw) == 2
    fw.drain()
    assert list(fw.verdicts("v")) == [first, last]


def test_interleaved_writers_that_commit_out_of_order(fw, another):
    fw.validator("v")
    one, two = another(fw, autocommit=False), another(fw, autocommit=False)
    ids = {one: [], two: []}
    for _ in range(5):
        for writer in (one, two):
            ids[writer] += writer.insert("x", "y")
    two.conn.commit()
    fw.drain()
    assert list(fw.verdicts("v")) == ids[two]
    one.conn.commit()
    assert fw.coverage("v") == {"verdicts": 10, "pending": 10}
    fw.drain()
    assert list(fw.verdicts("v")) == sorted(ids[one] + ids[two])


def test_upsert_and_merge(fw):
    fw.validator("v")
    fw.insert("a", "b")
    fw.drain()
    fw.execute("INSERT INTO flywheel.traces (id, output) VALUES (2, 'much too long'), (3, 'c') "
               "ON CONFLICT (id) DO UPDATE SET output = excluded.output")  # fmt: skip
    fw.execute("MERGE INTO flywheel.traces t USING (VALUES (1, 'long enough'), (4, 'd')) s (id, output) "
               "ON t.id = s.id WHEN MATCHED THEN UPDATE SET output = s.output "
               "WHEN NOT MATCHED THEN INSERT (id, output) VALUES (s.id, s.output)")  # fmt: skip
    fw.drain()
    passed = {step: passed for step, (_, _, passed) in fw.verdicts("v").items()}
    assert passed == {1: False, 2: False, 3: True, 4: True}
    assert fw.wrong_rollups() == []


def test_thousands_of_statements_that_nobody_wants_hide_none(fw):
    fw.execute("DO $$ BEGIN FOR i IN 1..4500 LOOP INSERT INTO flywheel.traces (output) VALUES ('x'); END LOOP; END $$")
    fw.validator("v")
    [step] = fw.insert("x")
    fw.drain(sweep=False)
    assert list(fw.verdicts("v")) == [step]


def test_every_step_gets_its_verdict_whatever_the_chunk(fw):
    fw.validator("v")
    fw.insert(*["x"] * 50)
    fw.drain(chunk=1)
    fw.insert(*["x"] * 50)
    fw.drain(chunk=7)
    assert fw.coverage("v") == {"verdicts": 100}
