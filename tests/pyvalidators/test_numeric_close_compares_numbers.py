import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import ConfigError, get
from pyvalidators.expected import numeric_close


@pytest.mark.parametrize(
    ("output", "expected", "config", "passed", "score"),
    [
        ("42", "42.0", {}, True, 42),
        (" 1,234.5\n", "1234.5", {}, True, 1234.5),
        ("1'234'567", "1234567", {}, True, 1234567),
        ("−5", "-5", {}, True, -5),
        (".5", "0.5", {}, True, 0.5),
        ("1e-3", "0.001", {}, True, 0.001),
        ("٤٢", "42", {}, True, 42),
        ("3.14", "3.14159", {}, False, 3.14),
        ("3.14", "3.14159", {"rel_tol": 0.001}, True, 3.14),
        ("0.1", "0", {"abs_tol": 0.1}, True, 0.1),
        ("The answer is 42.", "42", {}, False, None),
        ("From 3 apples and 4, she has 7.", "7", {"take": "last"}, True, 7),
        ("7 is the answer to 3 + 4", "7", {"take": "first"}, True, 7),
        ("1,5", "5", {"take": "last"}, False, None),
        ("version 1.2.3", "3", {"take": "last"}, False, None),
        ("1" * 400, "1", {}, False, None),
        ("", "1", {}, False, None),
        ("nan", "1", {}, False, None),
    ],
)
def test_numbers_are_read_and_compared(verdict, output, expected, config, passed, score):
    result = verdict("numeric_close", config, output, expected)
    assert (result.passed, result.score, result.status) == (passed, score, "ok")
    assert (result.reason is None) == passed


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_it_agrees_with_pythons_isclose(one, other):
    assert numeric_close(repr(one), repr(other)).passed == math.isclose(one, other)


@pytest.mark.parametrize(
    ("output", "expected"), [("1", None), (None, "1"), ("1", "one"), ("1", ""), ("1", "inf"), ("1", "1,5")]
)
def test_without_an_expected_number_it_abstains(verdict, output, expected):
    assert verdict("numeric_close", {}, output, expected).status == "abstained"


@pytest.mark.parametrize("config", [{"rel_tol": -1}, {"abs_tol": -0.1}, {"take": "any"}])
def test_a_bad_config_is_refused(config):
    with pytest.raises(ConfigError):
        get("numeric_close").check_config(config)
