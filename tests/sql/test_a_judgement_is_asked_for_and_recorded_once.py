"""The SQL side of judges: lease, answer, and one transaction for the verdict and its acknowledgement."""

import json


def call(fw, function: str, claimed: list[dict], **more) -> None:
    fw.execute(f"SELECT flywheel.{function}('default', %s)", (json.dumps([{**each, **more} for each in claimed]),))


def test_one_message_per_eligible_step(fw):
    fw.judge("j", pipeline="a")
    wanted = fw.insert("x", "y", pipeline="a")
    fw.insert("z", pipeline="b")
    fw.drain()
    fw.drain()
    assert fw.messages("flywheel_judge_default") == 2
    claimed = fw.claim()
    assert [each["step_id"] for each in claimed] == wanted
    assert {(each["rubric"], each["model"], each["temperature"], each["attempt"]) for each in claimed} == {
        ("Passes if it is polite.", "small", 0, 1)}  # fmt: skip
    assert fw.claim() == [], "leased"


def test_verdict_cost_and_acknowledgement(fw):
    fw.judge("j")
    fw.execute("INSERT INTO flywheel.prices VALUES ('default', 'small', 1, 4)")
    fw.insert("x", "y")
    fw.drain()
    assert fw.record(fw.claim(), passed=False, reason="rude", latency_ms=20, prompt_tokens=1000,
                     completion_tokens=500, prompt_hash="ab" * 32) == 2  # fmt: skip
    assert fw.messages("flywheel_judge_default") == 0
    assert fw.one("SELECT n, failed, prompt_tokens, completion_tokens, cost_usd::float, mean_latency_ms "
                  "FROM flywheel.metrics") == (2, 2, 2000, 1000, 0.006, 20)  # fmt: skip
    assert fw.coverage("j") == {"verdicts": 2}
    assert fw.wrong_rollups() == []
    version = fw.one("SELECT version_id FROM flywheel.validators")
    assert fw.rows("SELECT passed, reason FROM flywheel.paid_answers(%s, %s)",
                   [version, version], [bytes.fromhex("ab" * 32), b"other"]) == [(False, "rude")]  # fmt: skip


def test_without_a_price_the_cost_is_unknown(fw):
    fw.judge("j")
    fw.insert("x")
    fw.drain()
    fw.record(fw.claim(), prompt_tokens=1000, completion_tokens=500)
    assert fw.one("SELECT cost_usd FROM flywheel.verdicts") is None


def test_a_recording_that_rolls_back_leaves_the_message(fw):
    fw.judge("j")
    fw.insert("x")
    fw.drain()
    claimed = fw.claim()
    with fw.conn.transaction(force_rollback=True):
        assert fw.record(claimed) == 1
    assert fw.coverage("j") == {"pending": 1}
    assert fw.messages("flywheel_judge_default") == 1
    assert fw.record(claimed) == 1
    assert fw.record(claimed) == 0, "a redelivery is absorbed"
    assert fw.coverage("j") == {"verdicts": 1}


def test_two_messages_for_one_step_are_one_question(fw):
    fw.judge("j")
    fw.insert("x")
    fw.drain()
    send = ("SELECT pgmq.send('flywheel_judge_default', jsonb_build_object('step', 1, 'version', version_id)) "
            "FROM flywheel.validators")  # fmt: skip
    fw.execute(send)
    [claimed] = fw.claim()
    fw.record([claimed])
    fw.execute(send)
    assert fw.claim() == []
    assert fw.messages("flywheel_judge_default") == 0


def test_a_step_that_changed_meanwhile_is_judged_again(fw):
    fw.judge("j")
    fw.insert("old", "kept")
    fw.drain()
    claimed = fw.claim()
    fw.execute("UPDATE flywheel.traces SET output = 'new' WHERE output = 'old'")
    assert fw.record(claimed) == 1
    assert fw.coverage("j") == {"verdicts": 1, "pending": 1}
    fw.drain()
    [again] = fw.claim()
    assert again["output"] == "new"
    assert fw.record([again]) == 1


def test_a_step_that_left_the_filter_is_not_paid_for(fw):
    fw.judge("j", node_type="writer")
    fw.insert("a", "b", node_type="writer")
    fw.drain()
    [claimed] = fw.claim(qty=1)
    fw.execute("UPDATE flywheel.traces SET node_type = 'tool'")
    assert fw.claim() == []
    assert fw.record([claimed]) == 0
    fw.drain()
    assert fw.coverage("j") == {"filtered": 2}
    assert fw.messages("flywheel_judge_default") == 0
    assert fw.rows("SELECT * FROM flywheel.metrics") == []


def test_a_deferred_judgement_says_until_when_and_why(fw):
    fw.judge("j")
    [step, _] = fw.insert("x", "y")
    fw.drain()
    claimed = fw.claim(lease_seconds=0)
    call(fw, "defer_judgements", claimed[:1], seconds=3600, reason="429 Too Many Requests")
    assert fw.coverage("j") == {"deferred": 1, "pending": 1}
    answer, reason, minutes = fw.one("SELECT answer, reason, extract(epoch FROM until - now()) / 60 "
                                     "FROM flywheel.why(%s, 'j')", step)  # fmt: skip
    assert (answer, reason, round(minutes)) == ("deferred", "429 Too Many Requests", 60)
    assert [each["step_id"] for each in fw.claim()] == [claimed[1]["step_id"]]

    call(fw, "defer_judgements", claimed[:1], seconds=0, reason="429 Too Many Requests")
    assert fw.coverage("j") == {"pending": 2}, "its time has come"
    fw.record(fw.claim())
    assert fw.coverage("j") == {"verdicts": 1, "pending": 1}
    assert fw.rows("SELECT * FROM flywheel.deferrals") == []


def test_a_buried_judgement_waits_for_a_redrive(fw):
    fw.judge("j")
    [step] = fw.insert("x")
    fw.drain()
    call(fw, "bury_judgements", fw.claim(), attempts=5, error="400 Bad Request")
    assert fw.coverage("j") == {"dead_letters": 1}
    assert fw.why(step, "j") == ("dead_letter", "given up after 5 attempts: 400 Bad Request")
    fw.drain()
    assert fw.messages("flywheel_judge_default") == 0
    assert fw.one("SELECT flywheel.redrive('j')") == 1
    fw.drain()
    assert fw.record(fw.claim()) == 1


def test_a_lease_can_be_extended_and_given_back(fw):
    fw.judge("j")
    fw.insert("x")
    fw.drain()
    [claimed] = fw.claim(lease_seconds=0)
    fw.execute("SELECT flywheel.extend_leases('flywheel_judge_default', %s, 60)", ([claimed["msg_id"]],))
    assert fw.claim() == []
    fw.execute("SELECT flywheel.give_back('default', %s)", ([claimed["msg_id"]],))
    assert [each["attempt"] for each in fw.claim()] == [1], "the attempt did not count"
