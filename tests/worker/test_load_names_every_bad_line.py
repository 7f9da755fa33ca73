"""Every line that is not blank comes out once: as a row, or with its number and a reason that helps."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pg_flywheel.load import BadLine, Row, parse

COLUMNS = {
    "trace_id": "text",
    "pipeline": "text",
    "node": "text",
    "input": "text",
    "output": "text",
    "expected": "text",
    "context": "jsonb",
    "prompt_tokens": "integer",
    "cost_usd": "numeric",
    "started_at": "timestamp with time zone",
    "tags": "text[]",
    "attributes": "jsonb",
}


def one(line: bytes | str) -> Row | BadLine:
    [result] = parse([line if isinstance(line, bytes) else line.encode()], COLUMNS)
    return result


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"node": "a"', "not one JSON object: Expecting ',' delimiter at character 13"),
        ('{"node": "a"} {"node": "b"}', "not one JSON object: Extra data at character 15"),
        ('{"node": "a\x00b"}', "not one JSON object: Invalid control character at at character 12"),
        ("[", "not one JSON object: Expecting value at character 2"),
        ('["node"]', "expected one JSON object per line, got an array"),
        ("null", "expected one JSON object per line, got null"),
        (b'{"node": "caf\xe9"}', "not UTF-8: byte 14 is 0xe9"),
        ('{"node": "a"}'.encode("utf-16"), "not UTF-8: byte 1 is 0xff"),
        ('{"cost_usd": NaN}', "not JSON that Postgres can hold: NaN is not JSON; use null"),
        ('{"attributes": [1e999]}', "not JSON that Postgres can hold: number out of range: 1e999"),
        ("[" * 100_000, "JSON nested too deeply"),
        ('{"attributes": ' + "9" * 5000 + "}", "not JSON that Postgres can hold: Exceeds the limit"),
        ('{"outptu": "x"}', 'unknown column "outptu"; did you mean "output"?'),
        ('{"latency": 3}', 'unknown column "latency"; put what has no column under "attributes"'),
        ('{"id": 3}', 'the database numbers the steps itself; leave "id" out'),
        ('{"node": {"a": 1}}', 'node: expected a string, got an object: {"a": 1}'),
        ('{"prompt_tokens": "12"}', 'prompt_tokens: expected an integer of 32 bits, got a string: "12"'),
        ('{"prompt_tokens": 1.5}', "prompt_tokens: expected an integer of 32 bits, got a number: 1.5"),
        ('{"prompt_tokens": true}', "prompt_tokens: expected an integer of 32 bits, got a boolean: true"),
        ('{"prompt_tokens": 2147483648}', "prompt_tokens: expected an integer of 32 bits, got a number"),
        ('{"cost_usd": "0.1"}', 'cost_usd: expected a number, got a string: "0.1"'),
        ('{"cost_usd": false}', "cost_usd: expected a number, got a boolean: false"),
        ('{"tags": "a"}', 'tags: expected an array of strings, got a string: "a"'),
        ('{"tags": ["a", 1]}', 'tags: expected an array of strings, got an array: ["a", 1]'),
        ('{"started_at": "yesterday"}', 'expected a time like "2025-01-31T12:00:00Z", got a string: "yes'),
        ('{"started_at": 1700000000}', "started_at: expected a time like"),
        (r'{"output": "ab\u0000"}', r"Postgres text cannot hold NUL (\u0000): output, character 3"),
        (r'{"tags": ["\u0000"]}', r"Postgres text cannot hold NUL (\u0000): tags, character 1"),
        (r'{"attributes": {"a": [{"\u0000": 1}]}}', r"cannot hold NUL (\u0000): attributes, character 1"),
        (r'{"input": {"a": "\u0000"}}', r"cannot hold NUL (\u0000): input, character 1"),
        (r'{"output": "ok \ud83d"}', r"half a surrogate pair (\ud83d): output, character 4"),
        (r'{"context": [{"text": "\udc00"}]}', r"half a surrogate pair (\udc00): context, character 1"),
    ],
)
def test_a_bad_line_says_what_is_wrong(line, reason):
    result = one(line)
    assert isinstance(result, BadLine), result
    assert result.problem.startswith(reason) or reason in result.problem


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("{}", {}),
        ('\ufeff{"node": "a"}\r\n', {"node": "a"}),
        ('{"node": null, "output": ""}', {"output": ""}),
        ('{"input": {"b": [1, 2.50], "ä": null}}', {"input": '{"b":[1,2.5],"ä":null}'}),
        ('{"output": ["x"], "expected": 3}', {"output": '["x"]', "expected": "3"}),
        ('{"node": 7, "trace_id": true}', {"node": "7", "trace_id": "true"}),
        ('{"attributes": "text", "context": 0}', {"attributes": '"text"', "context": "0"}),
        ('{"prompt_tokens": 12.0, "cost_usd": 1e-7}', {"prompt_tokens": 12, "cost_usd": 1e-7}),
        ('{"tags": []}', {"tags": []}),
        (r'{"output": "\\u0000 \ud83d\ude00"}', {"output": "\\u0000 😀"}),
        ('{"started_at": "2025-01-31T12:00:00Z"}', {"started_at": datetime(2025, 1, 31, 12, tzinfo=UTC)}),
        ('{"started_at": "2025-01-31 14:00+02:00"}', {"started_at": datetime(2025, 1, 31, 12, tzinfo=UTC)}),
        ('{"started_at": "2025-01-31T12:00:00"}', {"started_at": datetime(2025, 1, 31, 12, tzinfo=UTC)}),
    ],
)
def test_a_good_line_is_a_row(line, values):
    assert one(line) == Row(1, values)


def test_blank_lines_are_skipped_and_counted_in_the_numbers():
    lines = [b"\n", b'{"node": "a"}\n', b"  \r\n", b"oops\n", b'{"node": "b"}']
    assert [(type(line), line.number) for line in parse(lines, COLUMNS)] == [(Row, 2), (BadLine, 4), (Row, 5)]


@pytest.mark.parametrize("depth", range(10, 2000, 50))
def test_nesting_of_any_depth_is_a_row_or_a_bad_line(depth):
    nested = "[" * depth + r'"\u00e9"' + "]" * depth
    result = one(f'{{"attributes": {nested}}}')
    assert result == Row(1, {"attributes": nested.replace(r"\u00e9", "é")}) or "too deeply" in result.problem


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
)
_step = st.dictionaries(st.sampled_from([*COLUMNS, "id", "nod"]), _json, max_size=4)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=40) | _step.map(lambda step: json.dumps(step).encode()), max_size=5))
def test_no_line_is_lost_and_none_raises(lines):
    numbers = [line.number for line in parse(lines, COLUMNS)]
    assert numbers == [number for number, line in enumerate(lines, 1) if line.strip()]
