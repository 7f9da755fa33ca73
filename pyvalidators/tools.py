"""Validators of tool calls, in an agent's output or over a run.

A call is JSON: {"tool", "arguments"} or {"name", "arguments"}, LangChain's {"name", "args"}; OpenAI's
{"function": {"name", "arguments"}}, also in a message's "tool_calls"; Anthropic's {"type": "tool_use", "name",
"input"}, also in a message's "content". A list is several calls. Arguments may be JSON in a string, as OpenAI has them.
flywheel.tool_calls reads the same in SQL.
"""

import json
from functools import lru_cache
from typing import Literal, NamedTuple

from .registry import validator
from .structured import MAX_ERRORS, NotJSON, compile_schema, decode, same, schema_errors
from .suggest import did_you_mean
from .verdict import Verdict


class Call(NamedTuple):
    """arguments: None when they are not a JSON object."""

    tool: str
    arguments: dict | None


def calls_in(text: str) -> list[Call] | None:
    """The tool calls of a text; [] in text that has none, None in what begins like JSON and is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return []
    try:
        value = decode(text)
    except NotJSON:
        return None
    return _calls(value)


def _calls(value: object) -> list[Call]:
    if isinstance(value, list):
        return [call for each in value if isinstance(each, dict) for call in _calls(each)]
    if not isinstance(value, dict):
        return []
    for several in ("tool_calls", "content"):
        if isinstance(value.get(several), list):
            return _calls([each for each in value[several] if isinstance(each, dict)])
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = value.get("tool", value.get("name"))
    is_call = not {"tool", "arguments", "args"}.isdisjoint(value) or value.get("type") == "tool_use"
    if not isinstance(name, str) or not is_call:
        return []  # some other JSON, or the definition of a tool
    given = value.get("arguments", value.get("args", {}))
    if value.get("type") == "tool_use":
        given = value.get("input", {})
    if isinstance(given, str):
        try:
            given = decode(given or "{}")
        except NotJSON:
            given = None
    return [Call(name, given if isinstance(given, dict) else None)]


def _check_tools(*, tools: list[dict]) -> None:
    _schemas(json.dumps(tools))


@validator(check=_check_tools)
def tool_call_valid(output: str, *, tools: list[dict]) -> Verdict | bool:
    """Passes when each tool call of the output names one of `tools` and its arguments fit that tool's JSON Schema.

    promptfoo's is-valid-openai-tools-call. Fails on JSON that is cut off or broken. Abstains when the output is NULL
    or has no call. Calls: {"tool", "arguments"} or {"name", "arguments"}, LangChain's {"name", "args"}, OpenAI's
    tool_calls, Anthropic's tool_use; alone, in a list or in a message.
    tools: the definitions as they go to the model: OpenAI's {"type": "function", "function": {"name", "parameters"}},
        or {"name"} with the schema as "parameters", "input_schema" (Anthropic) or "inputSchema" (MCP); without a
        schema any arguments fit. Draft 2020-12 unless "$schema" says otherwise; "format" is not checked.
    details: {"errors": [{"tool", "path", "message"}]}, up to 5; path is a JSONPath, $ the arguments.
    """
    calls = calls_in(output)
    if calls is None:
        return Verdict(False, reason="begins like JSON, but is not")
    if not calls:
        return Verdict(None, reason="no tool call in the output")
    schemas = _schemas(json.dumps(tools))
    errors: list[dict] = []
    for call in calls:
        if call.tool not in schemas:
            rows = [{"path": "$", "message": f"there is no such tool{did_you_mean(call.tool[:100], schemas)}"}]
        elif call.arguments is None:
            rows = [{"path": "$", "message": "the arguments are not a JSON object"}]
        else:
            rows = schema_errors(call.arguments, schemas[call.tool])
        errors += ({"tool": call.tool[:100], **row} for row in rows)
        if len(errors) >= MAX_ERRORS:
            break
    if not errors:
        return True
    first = errors[0]
    reason = f"{first['tool']}: {first['path']}: {first['message']}"
    return Verdict(False, reason=reason, details={"errors": errors[:MAX_ERRORS]})


@lru_cache(maxsize=64)
def _schemas(tools_text: str) -> dict[str, str]:
    """Name of a tool: JSON Schema of its arguments, compiled already. ValueError for what is no definition."""
    schemas = {}
    for at, tool in enumerate(json.loads(tools_text)):
        tool = tool["function"] if isinstance(tool.get("function"), dict) else tool
        schema = next((tool[key] for key in ("parameters", "input_schema", "inputSchema") if key in tool), {})
        if not isinstance(tool.get("name"), str) or not isinstance(schema, dict):
            raise ValueError(f'tools[{at}] is no definition, expected {{"name": text, "parameters": JSON Schema}}')
        schemas[tool["name"]] = json.dumps(schema)
        try:
            compile_schema(schemas[tool["name"]])
        except ValueError as error:
            raise ValueError(f"tools[{at}], {tool['name']}: {error}") from None
    if not schemas:
        raise ValueError("tools is empty, expected the definitions that the model is given")
    return schemas


def _check_names(*, tools: list[str], **_) -> None:
    if not tools:
        raise ValueError("tools is empty, expected names of tools")


@validator(check=_check_names)
def tool_allowed(output: str, *, tools: list[str], negate: bool = False) -> Verdict | bool:
    """Passes when each tool call of the output is a call of one of `tools`, whatever its arguments.

    Abstains when the output is NULL, text without a call, or broken JSON (which tool_call_valid fails).
    tools: names, compared as they are; at least one.
    negate: default false; true means that none of them may be called.
    """
    calls = calls_in(output)
    if not calls:
        return Verdict(None, reason="begins like JSON, but is not" if calls is None else "no tool call in the output")
    wrong = next((call.tool for call in calls if (call.tool in tools) == negate), None)
    return wrong is None or Verdict(False, reason=f"calls {wrong[:100]!r}")


@validator
def tool_call_expected(
    output: str,
    expected: str,
    *,
    arguments: Literal["exact", "subset", "ignore"] = "exact",
    mode: Literal["strict", "unordered", "superset", "subset"] = "unordered",
) -> Verdict:
    """Passes when the output makes the expected tool calls. DeepEval's Tool Correctness, Ragas' Tool Call F1.

    Abstains when either is NULL and when `expected` holds no list of calls. An output without a call makes none: it
    passes when none is expected. Each expected call is matched with at most one that was made, the best way.
    expected: JSON: a call or a list of them, or names alone ("search" or ["search", "book"]), whose arguments are free.
        [] means no call. For a run: the list of all its calls, as output, too.
    arguments: "exact" (default): equal, 1 as 1.0. "subset": those expected are there and equal, more may be. "ignore".
    mode: as agentevals has them. "unordered" (default): these calls, in any order. "strict": in this order.
        "superset": these and perhaps more. "subset": no others, but some may be missing.
    score: F1 of the calls, whatever the order; 1 when none is expected or made.
    details: {"precision", "recall", "missing": [tool], "unexpected": [tool]}, up to 20 each; null of none.
    """
    wanted = _wanted(expected)
    if wanted is None:
        return Verdict(None, reason="expected is neither tool calls nor names of tools")
    made = calls_in(output) or []
    partner = _match(wanted, made, arguments)
    hits = len(partner)
    missing = [call.tool[:100] for at, call in enumerate(wanted) if at not in partner]
    taken = set(partner.values())
    unexpected = [call.tool[:100] for at, call in enumerate(made) if at not in taken]
    in_order = len(made) == len(wanted) and all(map(_fits, wanted, made, [arguments] * len(made)))
    passed = {
        "strict": in_order,
        "unordered": not missing and not unexpected,
        "superset": not missing,
        "subset": not unexpected,
    }[mode]
    details = {
        "precision": hits / len(made) if made else None,
        "recall": hits / len(wanted) if wanted else None,
        "missing": missing[:20],
        "unexpected": unexpected[:20],
    }
    score = 2 * hits / (len(made) + len(wanted)) if made or wanted else 1.0
    reason = None
    if not passed:
        if missing and mode != "subset":
            reason = f"lacks a call of {missing[0]!r}"
        else:
            reason = f"an unexpected call of {unexpected[0]!r}" if unexpected else "another order"
    return Verdict(passed, score, reason, details)


def _wanted(text: str) -> list[Call] | None:
    """Expected calls; those without arguments match any."""
    try:
        value = decode(text)
    except NotJSON:
        return [Call(text.strip(), None)] if text.strip().isidentifier() else None
    items = value if isinstance(value, list) else [value]
    calls = []
    for each in items:
        found = [Call(each, None)] if isinstance(each, str) else _calls(each)
        if not found:
            return None
        calls += found
    return calls


def _match(wanted: list[Call], made: list[Call], arguments: str) -> dict[int, int]:
    """Which expected call (its place) is which one made: as many pairs as there can be (Kuhn's algorithm)."""
    by_tool: dict[str, list[int]] = {}
    for at, call in enumerate(made):
        by_tool.setdefault(call.tool, []).append(at)
    fitting = [[at for at in by_tool.get(each.tool, ()) if _fits(each, made[at], arguments)] for each in wanted]
    owner: dict[int, int] = {}

    def place(at: int, seen: set[int]) -> bool:
        for other in sorted(fitting[at], key=owner.__contains__):  # free ones first
            if other not in seen:
                seen.add(other)
                if other not in owner or place(owner[other], seen):
                    owner[other] = at
                    return True
        return False

    for at in range(len(wanted)):
        place(at, set())
    return {at: other for other, at in owner.items()}


def _fits(wanted: Call, made: Call, arguments: str) -> bool:
    if wanted.tool != made.tool:
        return False
    if arguments == "ignore" or wanted.arguments is None:
        return True
    if made.arguments is None:
        return False
    ours = made.arguments
    if arguments == "subset":
        ours = {key: value for key, value in ours.items() if key in wanted.arguments}
    return same(ours, wanted.arguments)
