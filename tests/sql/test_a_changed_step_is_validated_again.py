"""An UPDATE takes the verdict of the old content away in its own transaction, and the drain gives the new one."""

import pytest


def test_the_verdict_follows_the_content(fw):
    fw.validator("v")
    [step] = fw.insert("short")
    fw.drain()
    fw.execute("UPDATE flywheel.traces SET output = 'much too long'")
    assert fw.why(step, "v")[0] == "pending"
    assert fw.coverage("v") == {"pending": 1}
    assert fw.rows("SELECT * FROM flywheel.metrics") == []
    fw.drain()
    assert fw.verdicts("v") == {step: [1, "ok", False]}
    assert fw.rows("SELECT n, passed, failed FROM flywheel.metrics") == [(1, 0, 1)]
    assert fw.wrong_rollups() == []


def test_a_rolled_back_update_changes_nothing(fw):
    fw.validator("v")
    [step] = fw.insert("short")
    fw.drain()
    with fw.conn.transaction(force_rollback=True):
        fw.execute("UPDATE flywheel.traces SET output = 'much too long'")
    assert fw.coverage("v") == {"verdicts": 1}
    assert fw.verdicts("v") == {step: [1, "ok", True]}


def test_an_update_of_a_step_that_still_waits(fw):
    fw.validator("v")
    fw.judge("j")
    [step] = fw.insert("much too long")
    fw.drain()
    [judgement] = fw.claim(lease_seconds=0)
    fw.execute("UPDATE flywheel.traces SET output = 'short'")
    fw.drain()
    assert fw.verdicts("v") == {step: [1, "ok", True]}
    assert {each["output"] for each in fw.claim()} == {"short"}
    assert judgement["output"] == "much too long"


@pytest.mark.parametrize("change", ["output = output", "user_id = 'u'", "model = 'm'"])
def test_what_a_judge_does_not_read_is_not_paid_for_again(fw, change):
    fw.judge("j")
    fw.insert("x")
    fw.drain()
    fw.record(fw.claim())
    fw.execute(f"UPDATE flywheel.traces SET {change}")
    fw.drain()
    assert fw.coverage("j") == {"verdicts": 1}
    assert fw.messages("flywheel_judge_default") == 0


def test_what_a_python_validator_does_not_read_leaves_its_verdict(full_fw):
    full_fw.execute("""SELECT flywheel.add_validator('v', 'py:max_length', '{"limit": 5}')""")
    full_fw.insert("x")
    full_fw.drain()
    written = full_fw.one("SELECT created_at FROM flywheel.verdicts")
    full_fw.execute("UPDATE flywheel.traces SET input = 'new'")
    full_fw.drain()
    assert full_fw.one("SELECT created_at FROM flywheel.verdicts") == written
    full_fw.execute("UPDATE flywheel.traces SET output = 'much too long'")
    full_fw.drain()
    assert full_fw.one("SELECT passed FROM flywheel.verdicts") is False


def test_a_step_can_move_into_a_filter_and_out_of_it(fw):
    fw.validator("v", pipeline="a", node="n")
    fw.judge("j", pipeline="a")
    inside, outside = fw.insert("x", pipeline="a", node="n") + fw.insert("x", pipeline="b", node="n")
    fw.drain()
    fw.record(fw.claim())
    assert list(fw.verdicts("v")) == list(fw.verdicts("j")) == [inside]
    fw.execute("UPDATE flywheel.traces SET pipeline = CASE pipeline WHEN 'a' THEN 'b' ELSE 'a' END")
    fw.drain()
    fw.record(fw.claim())
    assert list(fw.verdicts("v")) == list(fw.verdicts("j")) == [outside]
    assert fw.coverage("v") == fw.coverage("j") == {"verdicts": 1, "filtered": 1}
    assert fw.rows("SELECT validator, pipeline, n FROM flywheel.metrics ORDER BY 1") == [("j", "a", 1), ("v", "a", 1)]


def test_the_metrics_follow_the_slice_and_the_time(fw):
    fw.validator("v")
    fw.insert("x", pipeline="a", created_at="2026-01-01T10:30Z")
    fw.drain()
    fw.execute("UPDATE flywheel.traces SET variant = 'B', created_at = '2026-01-02T11:30Z'")
    fw.drain()
    day = "to_char(day AT TIME ZONE 'UTC', 'DD')"
    assert fw.rows(f"SELECT {day}, variant, n FROM flywheel.metrics_daily") == [("02", "B", 1)]
    assert fw.wrong_rollups() == []


def test_a_bulk_update_is_one_statement_and_every_step_counts(fw):
    fw.validator("v")
    steps = fw.insert(*["short"] * 500)
    fw.drain(chunk=64)
    fw.execute("UPDATE flywheel.traces SET output = 'much too long' WHERE id %% 7 = 0", ())
    changed = {step for step in steps if step % 7 == 0}
    assert fw.coverage("v") == {"verdicts": 500 - len(changed), "pending": len(changed)}
    fw.drain(chunk=64)
    assert {step for step, (_, _, passed) in fw.verdicts("v").items() if not passed} == changed
    assert fw.wrong_rollups() == []


def test_a_step_that_gets_another_id_is_another_step(fw):
    fw.validator("v")
    [step] = fw.insert("x")
    fw.drain()
    fw.execute("UPDATE flywheel.traces SET id = %s", (step + 100,))
    assert fw.coverage("v") == {"pending": 1}
    fw.drain()
    assert list(fw.verdicts("v")) == [step + 100]
