"""A judge with few_shot is shown approved labels, and its verdict says which, so that the prompt can be made again."""

import json

from pg_flywheel.prompt import Example, Judge, Step, prompt_hash, render

STEP = "INSERT INTO flywheel.traces (trace_id, input, output) VALUES (%s, %s, 'Soon.')"
RUBRIC = "Passes if the output answers the input."


def few_shot_judge(flow, provider, few_shot=2):
    flow.set_provider(provider.base_url)
    return flow.value("SELECT flywheel.add_judge('helpful', %s, 'model-1', few_shot => %s)", RUBRIC, few_shot)


def example(flow, n, passed, critique, approve=True):
    """An approved label of the n-th group of the few_shot split; its id."""
    group = flow.value("SELECT 'g' || n FROM generate_series(1, 1000) n WHERE flywheel.split_of('g' || n) = 'few_shot' "
                       "OFFSET %s LIMIT 1", n)  # fmt: skip
    step = flow.value("INSERT INTO flywheel.traces (trace_id, input, output) VALUES (%s, %s, 'It ships.') RETURNING id",
                      group, f"Where is my order {n}?")  # fmt: skip
    label = flow.value("INSERT INTO flywheel.labels (step_id, validator, passed, critique) "
                       "VALUES (%s, 'helpful', %s, %s) RETURNING id", step, passed, critique)  # fmt: skip
    if approve:
        flow.db.execute("UPDATE flywheel.labels SET example_approved_by = 'me', example_approved_at = now() "
                        "WHERE id = %s", [label])  # fmt: skip
    return label


def asked(provider, output):
    """The messages of the call about this output."""
    calls = zip(provider.calls, provider.prompts(), strict=True)
    (messages,) = [call["messages"] for call, prompt in calls if prompt.get("output") == output]
    return messages


def test_approved_labels_stand_in_the_prompt_before_the_step(flow, provider, run_once):
    few_shot_judge(flow, provider)
    example(flow, 0, True, "It says when.")
    example(flow, 1, False, None)
    example(flow, 2, False, "CANARY", approve=False)
    run_once(flow.dsn)  # embeds the labelled steps
    flow.db.execute(STEP, ["new", "Where is my order 0?"])
    run_once(flow.dsn)

    _system, *shown, _step = asked(provider, "Soon.")
    assert [message["role"] for message in shown] == ["user", "assistant"] * 2
    assert [json.loads(message["content"])["input"] for message in shown[::2]] == [
        "Where is my order 1?", "Where is my order 0?"]  # fmt: skip
    assert [json.loads(message["content"]) for message in shown[1::2]] == [
        {"reason": "It does not meet the rubric.", "passed": False, "score": None},
        {"reason": "It says when.", "passed": True, "score": None}]  # fmt: skip
    assert "CANARY" not in str(provider.calls)


def test_the_prompt_can_be_made_again_from_the_verdict(flow, provider, run_once):
    version = few_shot_judge(flow, provider)
    labels = [example(flow, n, n % 2 == 0, f"Because {n}.") for n in range(4)]
    run_once(flow.dsn)
    step = flow.value("INSERT INTO flywheel.traces (trace_id, input, output, context) "
                      "VALUES ('new', 'Where is my order 0?', 'Soon.', '[\"doc\"]') RETURNING id")  # fmt: skip
    run_once(flow.dsn)

    details, stored = flow.db.execute("SELECT details, prompt_hash FROM flywheel.verdicts WHERE step_id = %s AND "
                                      "version_id = %s", [step, version]).fetchone()  # fmt: skip
    assert len(details["example_ids"]) == 2 and set(details["example_ids"]) < set(labels)
    examples = flow.value("SELECT flywheel.examples_of(%s)", details["example_ids"])
    judge = Judge(RUBRIC, "model-1")
    again = render(judge, Step("Where is my order 0?", "Soon.", None, '["doc"]'),
                   [Example(e["input"], e["output"], e["passed"], e["critique"]) for e in examples])  # fmt: skip
    assert prompt_hash(judge, again) == bytes(stored)
    assert again == asked(provider, "Soon.")


def test_without_few_shot_nothing_is_shown_or_noted(flow, provider, run_once):
    few_shot_judge(flow, provider, few_shot=0)
    example(flow, 0, True, "It says when.")
    run_once(flow.dsn)
    assert [len(call["messages"]) for call in provider.calls] == [2]
    assert flow.value("SELECT details FROM flywheel.verdicts") is None


def test_without_examples_the_verdict_says_that_there_were_none(flow, provider, run_once):
    few_shot_judge(flow, provider)
    flow.insert(1)
    run_once(flow.dsn)
    assert flow.value("SELECT details FROM flywheel.verdicts") == {"example_ids": []}


def test_an_answer_that_was_paid_for_says_which_examples_it_had(flow, provider, run_once):
    few_shot_judge(flow, provider)
    label = example(flow, 0, True, "It says when.")
    run_once(flow.dsn)
    for trace in ("a", "b"):
        flow.db.execute(STEP, [trace, "My order?"])
    run_once(flow.dsn)
    assert len(provider.calls) == 2
    details = flow.value("SELECT array_agg(details ORDER BY details::text) FROM flywheel.verdicts WHERE step_id > 1")
    assert details == [{"example_ids": [label]}, {"example_ids": [label], "reused": True}]


def test_a_new_label_is_retrievable_while_the_worker_runs(flow, provider, start_worker, wait_for):
    few_shot_judge(flow, provider)
    start_worker(flow.dsn)
    label = example(flow, 0, True, "It says when.")
    wait_for(lambda: flow.value("SELECT label_id FROM flywheel.few_shot('helpful', 'Where is my order?')") == label)


def test_a_step_without_an_embedding_is_shown_the_newest(flow, provider, run_once):
    few_shot_judge(flow, provider)
    label = example(flow, 0, True, "It says when.")
    run_once(flow.dsn)
    flow.db.execute(STEP, ["new", None])
    run_once(flow.dsn)
    assert flow.value("SELECT details FROM flywheel.verdicts WHERE step_id > 1") == {"example_ids": [label]}
