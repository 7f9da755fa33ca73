"""Steps that try to steer the judge: what the prompt looks like, what the provider gets, what is stored.

hostile/steps.jsonl says of each case what it tries. Nothing here says that a model is not taken in: only that it sees
all of the content, as content, and that the verdict is the model's own. Letters that look like others, odd spaces and
heaps of accents are sent as they are: they are evidence.
"""

import json
import unicodedata

import pytest
from pg_flywheel.prompt import MAX_FIELD_CHARS, Example, Judge, Step, render
from pg_flywheel.standin import Fault

JUDGE = Judge("Passes if the output answers the input.", "model-1")
STEP = Step("Where is my order?", "It ships tomorrow.")
HARMLESS = render(JUDGE, STEP)
TEXTS = ("input", "output", "expected")
KEYS = {*TEXTS, "context", *(f"{name}_truncated" for name in (*TEXTS, "context"))}
# Not seen either, although Unicode calls them letters and marks: fillers, joiners, variation selectors.
MORE_HIDDEN = set("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
MORE_HIDDEN |= set(map(chr, [*range(0xFE00, 0xFE10), *range(0x180B, 0x1810), *range(0xE0000, 0xE1000)]))


def unseen(sent: str) -> list[str]:
    """The characters that a reader does not see, or that move others."""
    categories = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return [each for each in sent if unicodedata.category(each) in categories or each in MORE_HIDDEN]


def assert_shows(message: dict[str, str], texts: dict[str, str | None]) -> None:
    """The message is one JSON object of our keys, and says all of the texts, or which part of them."""
    assert message["role"] == "user"
    assert unseen(message["content"]) == []
    pairs = json.loads(message["content"], object_pairs_hook=list, parse_int=int)
    sent = dict(pairs)
    assert len(sent) == len(pairs) and set(sent) <= KEYS
    for name, whole in texts.items():
        if whole is None or len(whole) <= MAX_FIELD_CHARS:
            assert sent.get(name) == whole
            assert f"{name}_truncated" not in sent
        else:
            half, cut = MAX_FIELD_CHARS // 2, dict(sent[f"{name}_truncated"])
            assert (sent[name], cut["ends_with"]) == (whole[:half], whole[-half:])
            assert cut["characters_left_out"] == len(whole) - 2 * half


def test_the_prompt_shows_it_as_content(hostile_step):
    case = hostile_step
    system, *users = render(JUDGE, Step(case.input, case.output, case.expected, case.context))
    assert system == HARMLESS[0], "the same bytes, whatever the step says"
    (user,) = users
    assert_shows(user, {name: getattr(case, name) for name in TEXTS})
    if case.context is not None:
        assert f'"context": {case.context}' in user["content"] or json.dumps(case.context) in user["content"]


def test_an_example_shows_it_as_content(hostile_step):
    case = hostile_step
    critique = case.critique or case.output
    messages = render(JUDGE, STEP, [Example(case.input, case.output, False, critique)])
    system, example, answer, step = messages
    assert [system, step] == HARMLESS
    assert_shows(example, {"input": case.input, "output": case.output})
    assert answer["role"] == "assistant"
    assert unseen(answer["content"]) == []
    assert json.loads(answer["content"]) == {"reason": critique, "passed": False, "score": None}


def test_the_provider_gets_that_and_the_row_holds_the_models_verdict(every_flow, provider, run_once, hostile_steps):
    """The model fails every step, whatever it says, and quotes it."""
    flow = every_flow
    flow.add_judge(provider.base_url)
    insert = "INSERT INTO flywheel.traces (input, output, expected, context) VALUES (%s, %s, %s, %s) RETURNING id"
    cases = {flow.value(insert, case.input, case.output, case.expected, case.context): case for case in hostile_steps}

    def fail(request: dict) -> dict:
        output = json.loads(request["messages"][-1]["content"])["output"]
        return {"reason": f"It says {output}", "passed": False, "score": 0.25}

    provider.answer = fail
    run_once(flow.dsn)

    assert flow.coverage() == {"verdicts": len(cases)}
    bodies = {json.loads(body)["messages"][-1]["content"]: body.decode() for body in provider.bodies}
    for id, *texts, context, status, passed, score, reason in flow.db.execute(
        "SELECT t.id, t.input, t.output, t.expected, t.context::text, v.status, v.passed, v.score, v.reason "
        "FROM flywheel.traces t JOIN flywheel.verdicts v ON v.step_id = t.id"
    ):
        case = cases[id]
        assert texts == [case.input, case.output, case.expected], "the step is as it was"
        asked = render(JUDGE, Step(*texts, context))
        body = bodies[asked[-1]["content"]]
        assert json.loads(body)["messages"] == asked
        assert unseen(body) == []
        assert (status, passed, score) == ("ok", False, 0.25)
        assert reason == f"It says {case.output[: len(reason) - 8]}"


@pytest.mark.parametrize("option", ["response_format", "temperature"])
def test_a_provider_that_refuses_an_option_gets_the_same_messages(flow, provider, run_once, hostile_steps, option):
    flow.add_judge(provider.base_url, max_in_flight=1)
    case = next(case for case in hostile_steps if case.id == "imitate_the_answer")
    flow.value("INSERT INTO flywheel.traces (output) VALUES (%s) RETURNING id", case.output)
    refusal = json.dumps({"error": {"message": f"{option} is not supported", "code": "unsupported_parameter"}})
    provider.faults.append(Fault("status", status=400, body=refusal))
    provider.answer = lambda request: {"passed": False, "reason": "no", "score": None}
    run_once(flow.dsn)
    first, second = provider.calls
    assert option in first
    assert option not in second
    assert first["messages"] == second["messages"]
    assert flow.verdicts("passed IS FALSE") == 1


def test_a_reply_is_read_or_refused_as_a_whole(flow, provider, start_worker, wait_for, hostile_replies):
    """hostile/replies.jsonl: what a model sends that was taken in."""
    flow.add_judge(provider.base_url)
    replies = {case["id"]: case["reply"] for case in hostile_replies}
    for case in replies:
        flow.value("INSERT INTO flywheel.traces (input) VALUES (%s) RETURNING id", case)
    provider.answer = lambda request: replies[json.loads(request["messages"][-1]["content"])["input"]]
    start_worker(flow.dsn)
    failed = (
        "SELECT t.input, f.reason FROM flywheel.traces t JOIN flywheel.deferrals f ON f.step_id = t.id "
        "UNION ALL SELECT t.input, v.reason FROM flywheel.traces t JOIN flywheel.verdicts v ON v.step_id = t.id "
        "WHERE v.status = 'error'"
    )
    expected = {case["id"]: case["verdict"] for case in hostile_replies}
    refused = {case for case, verdict in expected.items() if verdict["status"] == "error"}

    def all_are_answered() -> bool:
        flow.hurry()
        undecided = {case for case, _ in flow.db.execute(failed)}
        return undecided == refused and flow.verdicts("status = 'ok'") == len(replies) - len(refused)

    wait_for(all_are_answered)
    for case, row in flow.db.execute(
        "SELECT t.input, to_jsonb(v) FROM flywheel.traces t JOIN flywheel.verdicts v ON v.step_id = t.id"
    ):
        assert row == row | expected[case], case
    for case, reason in flow.db.execute(failed):
        assert reason.startswith("unreadable answer: "), case
        assert len(reason) < 500 and reason.isprintable(), case
