"""flywheel.no_repeated_calls and flywheel.step_budget judge a step by those before it in its trace."""

import json

import psycopg
import pytest

from pyvalidators.tools import calls_in


def call(tool="search", **arguments):
    return json.dumps({"tool": tool, "arguments": arguments})


def add(fw, name, config="{}", **options):
    names = "".join(f", {option} => %s" for option in options)
    return fw.one(f"SELECT flywheel.add_validator('v', %s, %s{names})", f"flywheel.{name}", config, *options.values())


def passed(fw):
    fw.drain()
    return [passed for _, _, passed in fw.verdicts("v").values()]


def test_the_second_of_two_equal_calls_fails_and_says_which_was_first(fw):
    add(fw, "no_repeated_calls")
    again = ' {"arguments": {"q": "a"}, "tool": "search"}'
    steps = fw.insert(call(q="a"), call(q="b"), call("find", q="a"), "text", again, trace_id="t", node_type="agent")
    assert passed(fw) == [True, True, True, None, False]
    assert fw.one("SELECT reason FROM flywheel.verdicts WHERE NOT passed") == (
        "calls search with the same arguments, for the 2. time in its trace")
    assert fw.one("SELECT details FROM flywheel.verdicts WHERE NOT passed") == {
        "tool": "search", "times": 2, "first_step": steps[0]}  # fmt: skip


def test_another_trace_is_another_matter(fw):
    add(fw, "no_repeated_calls")
    for trace in "ab":
        fw.insert(call(q="a"), trace_id=trace)
    assert passed(fw) == [True, True]


def test_an_agents_call_and_the_tools_own_step_are_one_call(fw):
    add(fw, "no_repeated_calls")
    fw.insert(call(q="a"), trace_id="t", node="agent", node_type="agent")
    fw.insert("found", trace_id="t", node="search", node_type="tool", input='{"q": "a"}')
    fw.insert("found", trace_id="t", node="search", node_type="tool", input='{"q":"a"}')
    fw.insert("found", trace_id="t", node="search", node_type="tool", input="not json")
    assert passed(fw) == [True, True, False, True]


def test_a_call_may_be_made_as_often_as_max_says(fw):
    add(fw, "no_repeated_calls", '{"max": 2}')
    fw.insert(*[call(q="a")] * 3, trace_id="t")
    assert passed(fw) == [True, True, False]


def test_two_equal_calls_in_one_step_are_a_repetition(fw):
    add(fw, "no_repeated_calls")
    fw.insert(f"[{call(q='a')}, {call(q='a')}]", trace_id="t")
    assert passed(fw) == [False]


def test_a_late_step_is_compared_when_it_comes_and_an_update_looks_again(fw):
    add(fw, "no_repeated_calls")
    [first] = fw.insert(call(q="a"), trace_id="t")
    assert passed(fw) == [True]
    [second] = fw.insert(call(q="a"), trace_id="t")
    assert passed(fw) == [True, False]
    fw.execute("UPDATE flywheel.traces SET output = %s WHERE id = %s", (call(q="b"), first))
    assert passed(fw) == [True, False]  # the verdict of a step follows that step
    fw.execute("UPDATE flywheel.traces SET variant = 'again' WHERE id = %s", (second,))
    assert passed(fw) == [True, True]


def test_the_steps_beyond_the_budget_fail(fw):
    add(fw, "step_budget", '{"limit": 2}')
    fw.insert(*"abcd", trace_id="t")
    fw.insert("a", trace_id="u")
    assert passed(fw) == [True, True, False, False, True]
    [(reason,)] = fw.rows("SELECT DISTINCT reason FROM flywheel.verdicts WHERE NOT passed")
    assert reason == "more than 2 steps in its trace"


def test_a_budget_can_be_of_one_kind_of_steps(fw):
    add(fw, "step_budget", '{"limit": 1, "node_type": "tool"}')
    for kind in ("agent", "tool", "agent", "tool"):
        fw.insert("x", trace_id="t", node_type=kind)
    assert passed(fw) == [None, True, None, False]


def test_the_verdict_does_not_depend_on_when_the_drain_comes(fw):
    add(fw, "step_budget", '{"limit": 2}')
    fw.insert(*"ab", trace_id="t")
    assert passed(fw) == [True, True]
    fw.insert("c", trace_id="t")
    assert passed(fw) == [True, True, False]


def test_check_abstains_for_what_is_not_stored_also_for_the_application(fw):
    add(fw, "step_budget", '{"limit": 2}')
    fw.one("SELECT flywheel.add_validator('calls', 'flywheel.no_repeated_calls')")
    fw.execute("SET ROLE flywheel_writer")
    assert fw.rows("SELECT validator, status FROM flywheel.\"check\"(output => %s)", call(q="a")) == [
        ("calls", "abstained"), ("v", "abstained")]  # fmt: skip


def test_a_worker_without_other_rights_runs_them(fw, another):
    add(fw, "no_repeated_calls")
    fw.insert(*[call(q="a")] * 2, trace_id="t")
    worker = another(fw)
    worker.execute("SET ROLE flywheel_worker")
    worker.drain()
    assert [passed for _, _, passed in fw.verdicts("v").values()] == [True, False]


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("step_budget", "{}", 'validator flywheel.step_budget needs config key "limit"'),
        ("step_budget", '{"limit": "2"}', 'another kind of value for config key "limit": "2"'),
        ("step_budget", '{"limit": -1}', 'another kind of value for config key "limit": -1'),
        ("step_budget", '{"limit": 2, "nodes": 3}', 'does not take config key "nodes"'),
        ("no_repeated_calls", '{"max": 0}', 'another kind of value for config key "max": 0'),
    ],
)
def test_a_config_that_they_do_not_take_is_refused(fw, name, config, says):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=says):
        add(fw, name, config)


def test_the_config_of_other_validators_is_their_own(fw):
    fw.function("own", "SELECT config ? 'size'")
    fw.execute("CREATE FUNCTION own_config() RETURNS jsonb LANGUAGE plpgsql AS 'BEGIN RAISE ''not yours to run''; END'")
    fw.one("SELECT flywheel.add_validator('v', 'own', '{\"size\": 1}')")
    fw.insert("x")
    assert passed(fw) == [True]


SHAPES = [
    call(q="a"),
    '{"name": "search", "arguments": "{\\"q\\": 1}"}',
    '{"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": ""}}]}',
    '[{"type": "text", "text": "hm"}, {"type": "tool_use", "id": "1", "name": "f", "input": {"a": [1]}}]',
    '{"content": [{"type": "tool_use", "name": "f", "input": {}}], "role": "assistant"}',
    '{"content": "", "tool_calls": [{"name": "f", "args": {"a": 1}, "id": "1", "type": "tool_call"}]}',
    '{"name": "f", "args": null, "arguments": {"a": 2}}',
    '[{"tool": "a"}, {"tool": "b", "arguments": {}}, 3, null, "x"]',
    '{"type": "function", "function": {"name": "definition", "parameters": {}}}',
    '{"name": "not a call"}',
    '{"tool": 3, "arguments": {}}',
    "{broken",
    "[]",
    "text",
    "",
]


def test_a_call_is_the_same_in_sql_and_in_python(fw):
    for output in SHAPES:
        in_python = [{"tool": each.tool, "arguments": each.arguments or {}} for each in calls_in(output) or []]
        assert fw.one("SELECT flywheel.tool_calls(%s)", output) == in_python, output


def test_what_jsonb_cannot_hold_has_no_calls(fw):
    for output in ("[" * 100_000, '{"tool": "a", "arguments": {"b": "\\u0000"}}', "{" * 10, None):
        assert fw.one("SELECT flywheel.tool_calls(%s)", output) == []
