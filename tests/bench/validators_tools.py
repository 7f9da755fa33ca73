"""py:tool_call_expected on the runs of an airline agent: by names, since the data has no expected arguments."""

import json
from collections.abc import Iterator
from pathlib import Path

from harness import HERE, Figure

from pyvalidators.tools import calls_in, tool_call_expected

RUNS = HERE.parents[2] / "shared" / "data" / "airline_agent.jsonl"


def runs(file: Path = RUNS) -> Iterator[tuple[list[str], list[str], bool]]:
    """Of each run: tools that the agent called, those that it should have called, and whether it was rewarded."""
    made: dict[str, list[str]] = {}
    roots = []
    for line in file.open():
        step = json.loads(line)
        if step["node"] == "run":
            roots.append(step)
        elif step["node_type"] == "agent":
            made.setdefault(step["trace_id"], []).extend(call.tool for call in calls_in(step["output"]) or ())
    for root in roots:
        wanted = root["attributes"]["expected_actions"]
        yield made.get(root["trace_id"], []), wanted, root["attributes"]["reward"] == 1


def measure_tools() -> Iterator[Figure]:
    """Recall and precision over all runs together. A run passes when it made all expected calls, whatever others."""
    hits = called = expected = agreed = count = 0
    for made, wanted, rewarded in runs():
        output = json.dumps([{"tool": name, "arguments": {}} for name in made])
        verdict = tool_call_expected(output, json.dumps(wanted), mode="superset")
        hits += len(wanted) - len(verdict.details["missing"])
        called, expected, count = called + len(made), expected + len(wanted), count + 1
        agreed += verdict.passed == rewarded
    yield Figure("tool_call_expected: recall of expected tools", hits / expected, "")
    yield Figure("tool_call_expected: precision (the data expects few of the calls that only read)", hits / called, "")
    yield Figure(f"tool_call_expected: agreement with reward, {count} runs", agreed / count, "")
