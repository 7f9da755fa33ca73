import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import ConfigError, get
from pyvalidators.tools import tool_call_expected

PARAMETERS = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
TOOLS = [
    {"type": "function", "function": {"name": "search", "parameters": PARAMETERS}},
    {"name": "find", "input_schema": PARAMETERS},
    {"name": "now"},
]


def call(tool, **arguments):
    return {"tool": tool, "arguments": arguments}


def openai(tool, arguments):
    inner = {"id": "call_1", "type": "function", "function": {"name": tool, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [inner]}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (call("search", q="a"), None),
        ({"name": "find", "arguments": '{"q": "é漢"}'}, None),
        (openai("search", '{"q": "a"}'), None),
        (openai("now", ""), None),
        ({"tool_calls": [{"name": "search", "args": {"q": "a"}, "id": "1", "type": "tool_call"}]}, None),  # LangChain
        ({"name": "search", "args": {}}, "search: $: 'q' is a required property"),
        ([{"type": "text", "text": "hm"}, {"type": "tool_use", "name": "find", "input": {"q": "a"}}], None),
        ([call("now"), call("search", q="a")], None),
        (call("search"), "search: $: 'q' is a required property"),
        (openai("search", '{"q": 3}'), "search: $.q: 3 is not of type 'string'"),
        (call("serach", q="a"), "serach: $: there is no such tool (did you mean 'search'?)"),
        (openai("search", "{broken"), "search: $: the arguments are not a JSON object"),
        ({"tool": "search", "arguments": [1]}, "search: $: the arguments are not a JSON object"),
        ([call("now"), call("search")], "search: $: 'q' is a required property"),
    ],
)
def test_a_call_fits_the_definition_of_its_tool(verdict, output, reason):
    result = verdict("tool_call_valid", {"tools": TOOLS}, json.dumps(output, ensure_ascii=False))
    assert (result.passed, result.reason, result.status) == (reason is None, reason, "ok")


def test_broken_json_fails_and_details_list_up_to_five_errors(verdict):
    assert verdict("tool_call_valid", {"tools": TOOLS}, '{"tool": "search", ').reason == "begins like JSON, but is not"
    result = verdict("tool_call_valid", {"tools": TOOLS}, json.dumps([call("search")] * 9))
    assert len(json.loads(result.details)["errors"]) == 5


@pytest.mark.parametrize("name", ["tool_call_valid", "tool_allowed"])
@pytest.mark.parametrize("output", ["", "text", '{"answer": 3}', "[]", "[1, 2]", '{"name": "x"}', None])
def test_without_a_call_they_abstain(verdict, name, output):
    tools = TOOLS if name == "tool_call_valid" else ["search"]
    assert verdict(name, {"tools": tools}, output).status == "abstained"


@pytest.mark.parametrize(
    ("output", "config", "reason"),
    [
        (call("search"), {}, None),
        ([call("search"), call("delete")], {}, "calls 'delete'"),
        (call("search"), {"negate": True}, "calls 'search'"),
        (call("delete"), {"negate": True}, None),
        (call("Search"), {}, "calls 'Search'"),
    ],
)
def test_only_allowed_tools_are_called(verdict, output, config, reason):
    result = verdict("tool_allowed", {"tools": ["search", "find"], **config}, json.dumps(output))
    assert result == (reason is None, None, reason, None, "ok")


A, B = call("a", x=1, y=2), call("b")


@pytest.mark.parametrize(
    ("output", "expected", "config", "passed", "score"),
    [
        (A, A, {}, True, 1),
        (A, call("a", y=2, x=1.0), {}, True, 1),
        (A, call("a", x=True, y=2), {}, False, 0),
        (A, call("a", x=1), {}, False, 0),
        (A, call("a", x=1), {"arguments": "subset"}, True, 1),
        (call("a"), A, {"arguments": "subset"}, False, 0),
        (call("a"), A, {"arguments": "ignore"}, True, 1),
        (A, "a", {}, True, 1),
        (openai("a", '{"x": 1, "y": 2}'), A, {}, True, 1),
        ([A, B], [B, A], {}, True, 1),
        ([A, B], [B, A], {"mode": "strict"}, False, 1),
        ([A, B], [A, B], {"mode": "strict"}, True, 1),
        ([A, B], [A], {}, False, 2 / 3),
        ([A, B], [A], {"mode": "superset"}, True, 2 / 3),
        ([A], [A, B], {"mode": "subset"}, True, 2 / 3),
        ([A], [A, A], {"mode": "superset"}, False, 2 / 3),
        ([A], [], {}, False, 0),
        ("just text", [], {}, True, 1),
        ("just text", ["a"], {}, False, 0),
        ("just text", ["a"], {"mode": "subset"}, True, 0),
        # The first expected call fits both, the second only the first one made.
        ([call("a", x=1, y=2), call("a", x=1)], [call("a", x=1), call("a", y=2)], {"arguments": "subset"}, True, 1),
    ],
)
def test_the_expected_calls_are_made(verdict, output, expected, config, passed, score):
    output, expected = (each if isinstance(each, str) else json.dumps(each) for each in (output, expected))
    result = verdict("tool_call_expected", config, output, expected)
    assert (result.passed, result.score, result.status) == (passed, pytest.approx(score), "ok")
    assert (result.reason is None) == passed


def test_precision_and_recall_are_in_the_details(verdict):
    result = verdict("tool_call_expected", {}, json.dumps([A, B, B]), json.dumps(["a", "c"]))
    assert json.loads(result.details) == {
        "precision": 1 / 3, "recall": 1 / 2, "missing": ["c"], "unexpected": ["b", "b"]}  # fmt: skip
    assert result.reason == "lacks a call of 'c'"


CALLS = st.lists(st.sampled_from([A, B, call("a", x=1), call("c", z=None)]), max_size=6)


@given(CALLS, CALLS)
def test_the_modes_agree_with_each_other(made, wanted):
    texts = json.dumps(made), json.dumps(wanted)
    modes = {mode: tool_call_expected(*texts, mode=mode) for mode in ("strict", "unordered", "superset", "subset")}
    assert modes["unordered"].passed == (modes["superset"].passed and modes["subset"].passed)
    assert not modes["strict"].passed or modes["unordered"].passed
    assert len({verdict.score for verdict in modes.values()}) == 1
    swapped = tool_call_expected(*texts[::-1])
    assert (swapped.passed, swapped.score) == (modes["unordered"].passed, modes["unordered"].score)


@pytest.mark.parametrize(
    ("output", "expected"), [("{}", None), (None, "[]"), ("{}", "two words"), ("{}", "{}"), ("{}", "[3]"), ("{}", "")]
)
def test_without_calls_to_expect_it_abstains(verdict, output, expected):
    assert verdict("tool_call_expected", {}, output, expected).status == "abstained"


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("tool_call_valid", {"tools": []}, "tools is empty"),
        ("tool_call_valid", {"tools": [{"function": {"parameters": {}}}]}, r"tools\[0\] is no definition"),
        ("tool_call_valid", {"tools": [{"name": "a", "parameters": 3}]}, r"tools\[0\] is no definition"),
        ("tool_call_valid", {"tools": [{"name": "a", "parameters": {"type": "x"}}]}, r"tools\[0\], a: schema is not"),
        ("tool_allowed", {"tools": []}, "tools is empty"),
        ("tool_call_expected", {"mode": "any"}, '"strict" or "unordered"'),
    ],
)
def test_a_bad_config_is_refused(name, config, says):
    with pytest.raises(ConfigError, match=says):
        get(name).check_config(config)
