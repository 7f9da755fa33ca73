import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import ConfigError, get
from pyvalidators.structured import json_equals_expected

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES)
def test_layout_and_the_order_of_keys_do_not_matter(value):
    other = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    result = json_equals_expected(json.dumps(value), other)
    assert (result.passed, result.score) == (True, 1.0)


@given(VALUES, VALUES)
def test_it_passes_exactly_when_nothing_differs(one, other):
    result = json_equals_expected(json.dumps(one), json.dumps(other), rel_tol=0)
    assert result.passed == (result.score == 1) == (result.details is None)
    if one == other and json.dumps(one) == json.dumps(other):
        assert result.passed


@pytest.mark.parametrize(
    ("output", "expected", "config", "score", "reason"),
    [
        ('{"a": 1, "b": [1.0]}', '{"b": [1], "a": 1.0}', {}, 1.0, None),
        ("0.30000000000000004", "0.3", {}, 1.0, None),
        ('{"a": 1}', '{"a": true}', {}, 0.0, "/a is 1, expected true"),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', {}, 0.5, "/b is 2, expected 3"),
        ('{"a": 1}', '{"a": 1, "b": null}', {}, 0.5, "/b is nothing, expected null"),
        ('{"a": 1, "b": {}}', '{"a": 1}', {}, 0.5, '/b is "{}", expected nothing'),
        ("[1, 2]", "[2, 1]", {}, 0.0, "/0 is 1, expected 2"),
        ("[1]", "{}", {}, 0.0, 'the value is "[1]", expected "{}"'),
        ('{"a/b": {"~": 1}}', '{"a/b": {"~": 2}}', {}, 0.0, "/a~1b/~0 is 1, expected 2"),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', {"paths": ["/a"]}, 1.0, None),
        ('{"a": [{"p": 1.01}]}', '{"a": [{"p": 1}]}', {"paths": ["/a/0/p"], "abs_tol": 0.02}, 1.0, None),
        ('{"a": 1}', '{"a": 1}', {"paths": ["/x/0"]}, 1.0, None),
        ("not JSON", "{}", {}, 0.0, "not JSON: Expecting value at line 1 column 1"),
        ("[NaN]", "[1]", {}, 0.0, "not JSON: NaN is not a JSON value"),
        ("1" + "0" * 400, "1", {}, 0.0, f"the value is 1{'0' * 299}, expected 1"),
    ],
)
def test_the_first_difference_is_the_reason(verdict, output, expected, config, score, reason):
    result = verdict("json_equals_expected", config, output, expected)
    assert (result.passed, result.score, result.reason) == (reason is None, score, reason)


def test_details_list_up_to_five_differences(verdict):
    details = verdict("json_equals_expected", {}, json.dumps([1] * 9), json.dumps([2] * 8)).details
    rows = json.loads(details)["differences"]
    assert rows == [{"path": f"/{at}", "output": 1, "expected": 2} for at in range(5)]


@pytest.mark.parametrize(("output", "expected"), [("{}", None), (None, "{}"), ("{}", "not JSON"), ("{}", "")])
def test_without_json_to_expect_it_abstains(verdict, output, expected):
    assert verdict("json_equals_expected", {}, output, expected).status == "abstained"


@pytest.mark.parametrize("config", [{"paths": ["a"]}, {"rel_tol": -1}, {"paths": "/a"}])
def test_a_bad_config_is_refused(config):
    with pytest.raises(ConfigError):
        get("json_equals_expected").check_config(config)
