"""A verdict says what it cost, and the same prompt of the same version is never paid for twice."""

import hashlib
import json
from decimal import Decimal

from pg_flywheel.prompt import Judge, Step, prompt_hash, render


def test_the_provider_gets_the_rendered_prompt_and_the_verdict_what_it_cost(every_flow, provider, run_once):
    flow = every_flow
    flow.add_judge(provider.base_url)
    flow.value("SELECT flywheel.add_judge('helpful', 'Passes if polite.', 'model-2', temperature => 0.5)")
    flow.db.execute("INSERT INTO flywheel.prices VALUES ('default', 'model-2', 2, 10)")
    flow.db.execute(
        "INSERT INTO flywheel.traces (input, output, expected, context) VALUES ('Hi', 'Hi there', 'Hi', '[\"doc\"]')"
    )

    run_once(flow.dsn)

    judge = Judge("Passes if polite.", "model-2", 0.5)
    messages = render(judge, Step("Hi", "Hi there", "Hi", '["doc"]'))
    (call,) = provider.calls
    assert (call["messages"], call["model"], call["temperature"]) == (messages, "model-2", 0.5)
    verdict = flow.db.execute(
        "SELECT status, passed, score, prompt_hash, prompt_tokens, completion_tokens, cost_usd, latency_ms "
        "FROM flywheel.verdicts"
    ).fetchone()
    *answer, prompt_tokens, completion_tokens, cost, latency_ms = verdict
    assert answer == ["ok", True, 1.0, prompt_hash(judge, messages)]
    assert prompt_tokens > 100
    assert completion_tokens > 0
    assert cost == (prompt_tokens * Decimal(2) + completion_tokens * Decimal(10)) / 1_000_000
    assert latency_ms >= 0


def test_identical_steps_cost_one_call(flow, provider, run_once):
    flow.add_judge(provider.base_url)
    for _ in range(40):
        flow.insert(1, "the same")
    run_once(flow.dsn)
    assert flow.verdicts("status = 'ok'") == 40
    assert flow.verdicts("details @> '{\"reused\": true}' AND prompt_tokens = 0") == 39
    assert provider.n_calls == 1

    flow.insert(1, "the same")
    run_once(flow.dsn)
    assert flow.verdicts("status = 'ok'") == 41
    assert provider.n_calls == 1


def test_a_step_that_comes_while_the_same_is_asked_waits_for_that_answer(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url)
    provider.hold()
    flow.insert(1, "the same")
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.arrived == 1)
    for _ in range(20):
        flow.insert(1, "the same")
    wait_for(lambda: flow.leased() == 21)
    provider.release()
    wait_for(lambda: flow.verdicts() == 21)
    assert worker.stop() == 0
    assert provider.arrived == 1


def test_a_new_version_is_paid_for_again(flow, provider, run_once):
    flow.add_judge(provider.base_url)
    flow.insert(1, "the same")
    run_once(flow.dsn)
    flow.value("SELECT flywheel.add_judge('helpful', 'Another rubric.', 'model-1')")
    flow.insert(1, "the same")
    run_once(flow.dsn)
    assert provider.n_calls == 2
    assert flow.verdicts() == 2


def test_three_workers_share_the_work(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url, max_in_flight=8)
    flow.insert(300)
    workers = [start_worker(flow.dsn) for _ in range(3)]
    wait_for(lambda: flow.coverage() == {"verdicts": 300})
    assert [worker.stop() for worker in workers] == [0, 0, 0]
    assert provider.n_calls == 300
    prompts = {hashlib.sha256(json.dumps(call["messages"]).encode()).digest() for call in provider.calls}
    assert len(prompts) == 300
