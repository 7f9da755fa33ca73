"""TRUNCATE of traces, and whatever else is under way: one waits for the other, none is a deadlock's victim."""

import threading

from tests.sql.conftest import Flywheel


def test_emptying_the_table_under_drains_writers_and_workers(fw, another, in_thread):
    fw.execute(f"ALTER DATABASE {fw.conn.info.dbname} SET deadlock_timeout = '10ms'")
    fw.execute("UPDATE flywheel.maintenance SET every = '0'")  # all chores, all the time
    fw.validator("v")
    fw.judge("j")
    fw.one("SELECT flywheel.set_embedded('default', true)")
    fw.execute("SELECT flywheel.add_validator('p', 'py:max_length', '{\"limit\": 3}')")
    emptied = threading.Event()

    def insert(session: Flywheel) -> None:
        session.insert(*["x"] * 5)

    def change(session: Flywheel) -> None:
        session.execute("UPDATE flywheel.traces SET output = output || 'y'")
        session.execute("DELETE FROM flywheel.traces WHERE id % 3 = 0")

    def judge(session: Flywheel) -> None:
        if claimed := session.claim():
            session.record(claimed)

    def validate(session: Flywheel) -> None:
        for claimed in session.rows("SELECT msg_id, version_id FROM flywheel.claim_python(60)"):
            session.execute("SELECT flywheel.record_python(%s, %s, 1, '[]')", claimed)

    def until_emptied(work, session: Flywheel) -> None:
        while not emptied.is_set():
            work(session)

    works = [insert, change, Flywheel.drain, Flywheel.drain, judge, validate]
    sessions = [another(fw) for _ in works]
    threads = [in_thread(lambda w=w, s=s: until_emptied(w, s)) for w, s in zip(works, sessions, strict=True)]
    try:
        for _ in range(20):
            fw.execute("TRUNCATE flywheel.traces")
    finally:
        emptied.set()
        for thread in threads:
            thread.join()
    # A drain that is a victim tries again and says nothing.
    assert fw.one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    fw.drain()
    assert fw.wrong_rollups() == []
