import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from pyvalidators import ConfigError, get

ORDER = {
    "type": "object",
    "required": ["id", "items"],
    "properties": {
        "id": {"type": "integer"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1},
    },
    "$defs": {"item": {"type": "object", "properties": {"price": {"type": "number", "minimum": 0}}}},
}


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ('{"id": 1, "items": [{"price": 2.5}]}', None),
        (' {"id": 1, "items": [{}], "note": "é漢\\u0000"}\n', None),
        ('{"id": 1}', "$: 'items' is a required property"),
        (
            '{"id": 1, "items": [{"price": 1}, {"price": -1}]}',
            "$.items[1].price: -1 is less than the minimum of 0",
        ),
        ('"text"', "$: 'text' is not of type 'object'"),
        ("", "not JSON: Expecting value at line 1 column 1"),
        ("[1, ", "not JSON: Expecting value at line 1 column 5"),
        ('{"id": 1,\n "items"}', "not JSON: Expecting ':' delimiter at line 2 column 9"),
        ("Here is your JSON: {}", "not JSON: Expecting value at line 1 column 1"),
        ('```json\n{"id": 1}\n```', "not JSON: Expecting value at line 1 column 1"),
        ("{} {}", "not JSON: Extra data at line 1 column 4"),
        ('{"id": NaN, "items": []}', "not JSON: NaN is not a JSON value"),
        ("-Infinity", "not JSON: -Infinity is not a JSON value"),
    ],
)
def test_json_of_the_right_shape_passes_and_the_rest_says_where_it_fails(verdict, output, reason):
    result = verdict("json_schema", {"schema": ORDER}, output)
    assert (result.passed, result.reason, result.status) == (reason is None, reason, "ok")


def test_details_list_up_to_five_errors(verdict):
    output = json.dumps({"id": 1, "items": [{"price": -1}] * 9})
    errors = json.loads(verdict("json_schema", {"schema": ORDER}, output).details)["errors"]
    assert [each["path"] for each in errors] == [f"$.items[{i}].price" for i in range(5)]
    assert errors[0]["message"] == "-1 is less than the minimum of 0"


def test_the_draft_is_the_one_that_the_schema_names(verdict):
    """In draft 4 an exclusive minimum is a flag; in 2020-12 it is a number."""
    schema = {"minimum": 3, "exclusiveMinimum": True}
    draft_4 = {"$schema": "http://json-schema.org/draft-04/schema#", **schema}
    assert verdict("json_schema", {"schema": draft_4}, "3").passed is False
    assert verdict("json_schema", {"schema": draft_4}, "4").passed is True
    with pytest.raises(ConfigError, match=r"schema is not valid at \$\.exclusiveMinimum"):
        get("json_schema").check_config({"schema": schema})


def test_references_by_id_and_to_the_standard_are_known(verdict):
    schema = {
        "$id": "https://example.org/order",
        "properties": {
            "item": {"$ref": "item"},
            "meta": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        },
        "$defs": {"item": {"$id": "https://example.org/item", "type": "string"}},
    }
    assert verdict("json_schema", {"schema": schema}, '{"item": "a", "meta": {}}').passed is True
    assert (
        verdict("json_schema", {"schema": schema}, '{"item": 1}').reason
        == "$.item: 1 is not of type 'string'"
    )
    assert verdict("json_schema", {"schema": schema}, '{"meta": {"type": 3}}').passed is False


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "objekt"}, r"schema is not valid at \$\.type: 'objekt'"),
        ({"$ref": "#/$defs/missing"}, r"\$ref '#/\$defs/missing' leads nowhere"),
        ({"anyOf": [{"items": {"$ref": "other.json"}}]}, r"\$ref 'other.json' leads nowhere"),
        ({"$schema": "https://example.org/mine"}, "expected a published draft of JSON Schema"),
        ("{}", "'schema' is '{}', expected object"),
    ],
)
def test_a_schema_that_cannot_work_is_refused(schema, says):
    with pytest.raises(ConfigError, match=says):
        get("json_schema").check_config({"schema": schema})


def test_a_remote_reference_is_never_fetched():
    asked = []

    class Remote(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    with HTTPServer(("127.0.0.1", 0), Remote) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        remote = f"http://127.0.0.1:{server.server_port}/schema.json"
        with pytest.raises(ConfigError, match="nothing is fetched"):
            get("json_schema").check_config({"schema": {"$ref": remote}})
        server.shutdown()
    assert asked == []


def test_a_schema_that_refers_to_itself_without_end_is_an_error(verdict):
    assert verdict("json_schema", {"schema": {"$ref": "#"}}, "1").status == "error"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "x+y"}, "x" * 3_000_000),
        ({"patternProperties": {"(a|aa)+$": False}}, {"a" * 60 + "!": 1}),
    ],
)
def test_a_pattern_that_takes_too_long_is_a_timeout(verdict, schema, value):
    assert verdict("json_schema", {"schema": schema}, json.dumps(value)).status == "timeout"
