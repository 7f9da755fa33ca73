"""DELETE and TRUNCATE leave no verdict, dead letter, deferral or count of a step that is gone."""

import json


def leftovers(fw) -> dict[str, int]:
    tables = ("verdicts", "dead_letters", "deferrals")
    counts = {table: fw.one(f"SELECT count(*) FROM flywheel.{table}") for table in tables}
    return {table: count for table, count in counts.items() if count}


def test_a_delete_takes_everything(fw):
    fw.validator("v")
    fw.judge("j")
    kept, verdict, buried, deferred, queued = fw.insert(*"abcde")
    fw.drain()
    judgements = {each["step_id"]: each for each in fw.claim(lease_seconds=0)}
    fw.record([judgements[verdict]])
    fw.one("SELECT flywheel.bury_judgements('default', %s)",
           json.dumps([{**judgements[buried], "attempts": 3, "error": "refused"}]))  # fmt: skip
    fw.one("SELECT flywheel.defer_judgements('default', %s)",
           json.dumps([{**judgements[deferred], "seconds": 60, "reason": "busy"}]))  # fmt: skip
    assert fw.coverage("j") == {"verdicts": 1, "dead_letters": 1, "deferred": 1, "pending": 2}

    fw.execute("DELETE FROM flywheel.traces WHERE id <> %s", (kept,))
    assert leftovers(fw) == {"verdicts": 1}
    assert fw.coverage("v") == {"verdicts": 1}
    assert fw.coverage("j") == {"pending": 1}
    assert fw.wrong_rollups() == []
    fw.drain()
    assert [each["step_id"] for each in fw.claim()] == [kept]
    assert fw.messages("flywheel_judge_default") == 2, "but for the deferred one, which drops when its time comes"
    assert queued not in fw.verdicts("v")


def test_a_delete_before_the_drain(fw):
    fw.validator("v")
    fw.insert("a", "b")
    fw.execute("DELETE FROM flywheel.traces")
    fw.drain()
    assert leftovers(fw) == {}
    assert fw.coverage("v") == {}


def test_truncate_takes_everything_and_starts_again(fw):
    fw.validator("v", config={"a": 1})
    fw.insert("a", "b")
    fw.drain()
    fw.validator("v", config={"a": 2})
    fw.insert("c")
    fw.execute("TRUNCATE flywheel.traces")
    fw.drain()
    assert leftovers(fw) == {}
    assert fw.rows("SELECT * FROM flywheel.metrics") == []
    [step] = fw.insert("d")
    fw.drain()
    assert fw.verdicts("v") == {step: [2, "ok", True]}


def test_ids_that_are_given_out_again_belong_to_the_current_version(fw):
    fw.insert("a", "b")
    fw.validator("v", config={"a": 1})
    fw.insert("c")
    fw.drain()
    fw.validator("v", config={"a": 2})
    fw.execute("TRUNCATE flywheel.traces RESTART IDENTITY")
    assert fw.insert("d", "e", "f", "g") == [1, 2, 3, 4]
    fw.drain()
    assert fw.verdicts("v") == {step: [2, "ok", True] for step in (1, 2, 3, 4)}
    assert fw.coverage("v") == {"verdicts": 4}
