"""Steps that no trigger saw, and messages that went missing, are found again by a plain CALL flywheel.drain()."""

SILENTLY = "INSERT INTO flywheel.traces (output) SELECT 'x' FROM generate_series(1, %s)"


def insert_silently(fw, n: int) -> None:
    fw.execute("SET session_replication_role = replica")
    fw.execute(SILENTLY, (n,))
    fw.execute("RESET session_replication_role")


def test_steps_that_no_trigger_saw(fw):
    fw.validator("v")
    fw.judge("j")
    insert_silently(fw, 10)
    assert fw.coverage("v") == {"pending": 10}
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 10}
    assert len(fw.claim()) == 10


def test_more_blocks_than_one_sweep_takes(fw):
    fw.validator("v", "SELECT true")
    fw.judge("j")
    insert_silently(fw, 6 * 4096)
    for _ in range(200):
        fw.execute("SELECT flywheel.sweep(1)")
        fw.drain(sweep=False)
        if fw.one("SELECT count(*) FROM flywheel.verdicts") == 6 * 4096:
            break
    assert fw.coverage("v") == {"verdicts": 6 * 4096}, "although the judge's blocks stay pending"


def test_a_lost_message_is_sent_again(fw):
    fw.validator("v")
    fw.judge("j")
    fw.insert(*["x"] * 10)
    fw.execute("SELECT flywheel.dispatch()")
    fw.execute("SELECT pgmq.purge_queue('flywheel_code')")
    fw.execute("DELETE FROM pgmq.q_flywheel_judge_default WHERE msg_id %% 2 = 0", ())
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 10}
    assert sorted(fw.rows("SELECT (message ->> 'step')::int FROM pgmq.q_flywheel_judge_default")) == [
        (step,) for step in range(1, 11)]  # fmt: skip


def test_what_waits_is_not_sent_twice(fw):
    fw.validator("v")
    fw.judge("j")
    fw.insert(*["x"] * 10)
    assert fw.one("SELECT flywheel.sweep()") == 0, "it is in the inbox"
    fw.drain()
    fw.claim(qty=3)
    for _ in range(2):
        assert fw.one("SELECT flywheel.sweep()") == 0
        fw.drain()
    assert fw.messages("flywheel_judge_default") == 10


def test_what_is_not_eligible_is_left_alone(fw):
    fw.validator("v", pipeline="other")
    fw.validator("w", mode="on_demand")
    insert_silently(fw, 10)
    assert fw.one("SELECT flywheel.sweep()") == 0
