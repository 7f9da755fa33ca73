"""min_length, contains_all, contains_any and starts_with."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import ConfigError, get
from pyvalidators.text import contains_any, contains_none, max_length, min_length


@pytest.mark.parametrize(
    ("output", "config", "passed", "reason"),
    [
        ("abc", {"limit": 3}, True, None),
        ("ab", {"limit": 3}, False, "2 characters, at least 3 expected"),
        ("", {"limit": 0}, True, None),
        ("", {"limit": 1}, False, "0 characters, at least 1 expected"),
        ("𝄞𝄞", {"limit": 2}, True, None),
        ("one two", {"limit": 3, "unit": "words"}, False, "2 words, at least 3 expected"),
    ],
)
def test_at_the_limit_passes_and_below_fails(verdict, output, config, passed, reason):
    assert verdict("min_length", config, output) == (passed, None, reason, None, "ok")


@given(st.text(), st.integers(0, 20), st.sampled_from(["characters", "words"]))
def test_a_text_is_within_one_of_two_neighbouring_limits(text, limit, unit):
    at_most, at_least = max_length(text, limit=limit, unit=unit), min_length(text, limit=limit + 1, unit=unit)
    assert (at_most is True) != (at_least is True)


@pytest.mark.parametrize(
    ("output", "words", "score", "missing"),
    [
        ("Refund within 30 days", ["refund", "30 days"], 1.0, None),
        ("Refund within 30 days", ["refund", "receipt"], 0.5, ["receipt"]),
        ("refunded", ["refund"], 0.0, ["refund"]),
        ("un cafe\u0301", ["CAFÉ"], 1.0, None),
        ("これは漢字です", ["漢字"], 1.0, None),
        ("", ["a", "b"], 0.0, ["a", "b"]),
    ],
)
def test_each_word_has_to_be_there(verdict, output, words, score, missing):
    result = verdict("contains_all", {"words": words}, output)
    assert (result.passed, result.score, result.status) == (missing is None, score, "ok")
    assert (json.loads(result.details)["missing"] if missing else result.details) == missing


def test_the_reason_counts_what_else_is_missing(verdict):
    assert verdict("contains_all", {"words": ["a", "b", "c"]}, "b").reason == "lacks 'a' and 1 more"


@given(st.text(alphabet="ab cß漢"), st.lists(st.text(alphabet="abcß漢", min_size=1), min_size=1), st.booleans())
def test_any_is_the_opposite_of_none(text, words, whole):
    some, none = (f(text, words=words, whole_words=whole) is True for f in (contains_any, contains_none))
    assert some != none


def test_without_any_of_the_words_the_reason_names_one(verdict):
    result = verdict("contains_any", {"words": ["yes", "no"]}, "Perhaps")
    assert result[:3] == (False, None, "has none of 2 words, such as 'yes'")


@pytest.mark.parametrize(
    ("output", "config", "passed"),
    [
        ("Dear Ms Li,", {"words": ["hello", "dear"]}, True),
        ("\n DEAR Ms Li,", {"words": ["dear"]}, True),
        ("Dear", {"words": ["dear"], "case_sensitive": True}, False),
        ("STRASSE", {"words": ["straße"]}, True),
        ("e\u0301tude", {"words": ["étude"]}, True),
        ("As another", {"words": ["as an"]}, True),
        ("Hi", {"words": ["Hi there"]}, False),
        ("", {"words": ["a"]}, False),
        ("", {"words": ["a"], "negate": True}, True),
        ("As an AI", {"words": ["as an ai", "i cannot"], "negate": True}, False),
        ("Sure.", {"words": ["as an ai", "i cannot"], "negate": True}, True),
    ],
)
def test_the_beginning_decides(verdict, output, config, passed):
    assert verdict("starts_with", config, output).passed is passed


def test_the_reason_shows_the_beginning(verdict):
    assert verdict("starts_with", {"words": ["a"]}, "b" * 99).reason == f"starts with {'b' * 40!r}, expected 'a'"


@pytest.mark.parametrize("name", ["contains_all", "contains_any", "starts_with"])
def test_no_word_at_all_is_a_mistake(name):
    with pytest.raises(ConfigError, match="words has to hold at least one word"):
        get(name).check_config({"words": []})
