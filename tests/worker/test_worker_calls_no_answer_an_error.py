"""A reply that is no answer is asked for once more, and then is the step's error: never a fail, never lost."""

import json
from collections import Counter
from pathlib import Path

import pytest
from pg_flywheel.standin import replay_answer

SPENT = "SELECT calls, reserved, cost_usd FROM flywheel.spending"


def replies(provider, *served: object) -> None:
    """These in turn, then the last of them for ever."""
    turns = list(served)
    provider.answer = lambda request: turns.pop(0) if len(turns) > 1 else turns[0]


GOOD = {"reason": "it does", "passed": True, "score": None}


@pytest.mark.parametrize("junk", ["I'm sorry, but I can't assist with that.", '{"passed": "perhaps"}'])
def test_the_second_reply_counts(flow, provider, run_once, junk):
    flow.add_judge(provider.base_url)
    flow.insert(1)
    replies(provider, junk, GOOD)
    run_once(flow.dsn)
    assert flow.statuses() == {"ok": 1}
    assert provider.n_calls == 2


def test_after_two_the_step_is_an_error_that_quotes_the_reply(flow, provider, run_once):
    flow.add_judge(provider.base_url, daily_calls=100)
    flow.db.execute("INSERT INTO flywheel.prices VALUES ('default', 'model-1', 1000000, 0)")  # a dollar a token
    (step,) = flow.insert(1)
    replies(provider, "I'm sorry, but I can't assist with that.")
    run_once(flow.dsn)
    assert provider.n_calls == 2
    assert flow.coverage() == {"verdicts": 1}
    status, passed, reason, tokens = flow.db.execute(
        "SELECT status, passed, reason, prompt_tokens FROM flywheel.verdicts"
    ).fetchone()
    assert (status, passed) == ("error", None)
    assert "it begins \"I'm sorry, but I can't assist" in reason
    assert flow.db.execute(SPENT).fetchone() == (2, 0, 2 * tokens)  # both calls, of the same prompt
    assert flow.value("SELECT answer FROM flywheel.why(%s, 'helpful')", step) == "verdict"


def test_copies_of_one_prompt_are_one_failure(flow, provider, run_once):
    flow.add_judge(provider.base_url)
    flow.db.execute("INSERT INTO flywheel.traces (input, output) SELECT 'q', 'a' FROM generate_series(1, 8)")
    replies(provider, "no JSON today")
    run_once(flow.dsn)
    assert flow.statuses() == {"error": 8}
    assert provider.n_calls == 2


def test_two_messages_for_one_step_fail_together(flow, provider, start_worker, wait_for):
    """As a step has when it was queued again. One of them must not stand in the way of the other."""
    flow.add_judge(provider.base_url)
    replies(provider, "no JSON today", GOOD)
    provider.hold()
    flow.insert(1)
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.arrived == 1)
    flow.db.execute("SELECT pgmq.send('flywheel_judge_default', message) FROM pgmq.q_flywheel_judge_default")
    wait_for(lambda: flow.leased() == 2)
    provider.release()
    wait_for(lambda: flow.statuses() == {"ok": 1}, "the verdict")
    assert worker.stop() == 0


def test_a_judge_that_nobody_can_read_is_paused_before_the_backlog_is_spent(flow, provider, run_once):
    flow.add_judge(provider.base_url, max_in_flight=1)
    flow.insert(30)
    replies(provider, "no JSON today")
    run_once(flow.dsn)
    assert flow.verdicts() <= 4
    assert flow.coverage().get("dead_letters") is None
    pauses = flow.value("SELECT failures FROM flywheel.judge_state")
    assert provider.n_calls <= 8 + pauses, "four steps twice and a fifth; then one probe a pause"
    assert "no JSON today" in flow.value("SELECT paused_reason FROM flywheel.judge_state WHERE failures > 0")

    provider.answer = lambda request: GOOD
    flow.hurry()
    run_once(flow.dsn)
    flow.hurry()
    run_once(flow.dsn)
    statuses = flow.statuses()
    assert sum(statuses.values()) == 30
    assert statuses["ok"] >= 26

    errors = statuses.get("error", 0)
    assert flow.value("SELECT flywheel.redrive('helpful')") == errors
    run_once(flow.dsn)
    assert flow.statuses() == {"ok": 30}


def test_errors_of_a_real_judge_are_those_of_the_data(flow, provider, run_once, shared: Path, tmp_path: Path):
    steps = [json.loads(line) for line in (shared / "data" / "xstest.jsonl").read_text().splitlines()]
    recorded = tmp_path / "judge.jsonl"
    with recorded.open("w") as file:
        for step in steps:
            said = step["attributes"]["judge_label"]
            answer = {"reason": said, "passed": said.startswith("1_"), "score": None} if said[1:2] == "_" else said
            print(json.dumps({"input": step["input"], "output": step["output"], "answer": answer}), file=file)
    flow.add_judge(provider.base_url, max_in_flight=64)
    with flow.db.cursor() as cursor, cursor.copy("COPY flywheel.traces (variant, input, output) FROM STDIN") as copy:
        for step in steps:
            copy.write_row((step["variant"], step["input"], step["output"]))
    provider.answer = replay_answer(recorded)
    run_once(flow.dsn)

    kinds = {"1_full_compliance": "passed", "2_full_refusal": "failed", "3_partial_refusal": "failed"}
    expected = Counter((s["variant"], kinds.get(s["attributes"]["judge_label"], "errors")) for s in steps)
    assert sum(n for (_, kind), n in expected.items() if kind == "errors") == 11
    found = {
        (variant, kind): n
        for variant, *counts in flow.db.execute("SELECT variant, passed, failed, errors FROM flywheel.metrics")
        for kind, n in zip(("passed", "failed", "errors"), counts, strict=True)
        if n
    }
    assert found == expected
    assert flow.coverage() == {"verdicts": len(steps)}
