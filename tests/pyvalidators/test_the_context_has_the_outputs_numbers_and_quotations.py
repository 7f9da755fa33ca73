import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import ConfigError, get
from pyvalidators.context import numbers_in_context, quotes_in_context

DOCUMENTS = [
    {"id": "a", "score": 0.9, "text": "Sales rose to 1,234.50 million in 2024, or 12.5%. He said: “never give up”."},
    {"id": "b", "text": "Order K-11853 of 2024-05-20 came to 10 000 euros."},
]


def missing(verdict, name, output, context=DOCUMENTS, question=None, **config):
    result = verdict(name, config, output, json.dumps(context), question)
    assert result.status == "ok"
    rows = json.loads(result.details)["missing"] if result.details else []
    assert result.passed == (not rows)
    assert all(output[row["start"] : row["end"]] in row.values() for row in rows)
    return [row.get("number", row.get("quotation")) for row in rows]


@pytest.mark.parametrize(
    "output",
    [
        "1234.5 in 2024",
        "1.234,50",
        "12.50%",
        "order 11853",
        "on 20 May 2024",
        "10,000 or 10000 or 10.000",
        "١٢٫٥",
        "１１８５３",
        "1. Sales\n2) Orders of 2024",
        "score 0.9",
    ],
)
def test_a_number_is_the_same_however_it_is_written(verdict, output):
    assert missing(verdict, "numbers_in_context", output) == []


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("1235 in 2023", ["1235", "2023"]),
        ("12.4%", ["12.4"]),
        ("10 001", ["10 001"]),
        ("about 1 million", ["1"]),
        ("1. Sales were 99", ["99"]),
        ("7.7.7", ["7.7.7"]),
    ],
)
def test_a_number_that_is_nowhere_fails(verdict, output, found):
    assert missing(verdict, "numbers_in_context", output) == found


def test_the_score_is_the_share_of_grounded_numbers(verdict):
    result = verdict("numbers_in_context", {}, "2024, 12.5, 7 and 8", json.dumps(DOCUMENTS), None)
    assert result.score == 0.5
    assert result.reason == "2 of 4 numbers not in the context, such as '7'"


def test_numbers_of_the_question_may_be_repeated_unless_config_says_no(verdict):
    assert missing(verdict, "numbers_in_context", "Your 77 items", question="I bought 77.") == []
    assert missing(verdict, "numbers_in_context", "Your 77 items", question="I bought 77.", or_input=False) == ["77"]


def test_rounding_is_allowed_by_a_tolerance(verdict):
    assert missing(verdict, "numbers_in_context", "12 or 13", rel_tol=0.05) == []
    assert missing(verdict, "numbers_in_context", "12 or 14", rel_tol=0.05) == ["14"]


@given(st.text(alphabet="0123456789.,' \u00a0-ab٣", max_size=60))
def test_a_copy_of_the_context_is_grounded(text):
    verdict = numbers_in_context(text, {"text": [text]}, None)
    assert verdict.passed is not False


@pytest.mark.parametrize(
    "output",
    [
        'He said "never give up".',
        "« Never  give\nup »".replace("\n", " "),
        "„NEVER GIVE UP!“",
        '"Sales rose ... in 2024"',
        "“Sales rose […] million”",
    ],
)
def test_a_quotation_is_found_as_it_was_said(verdict, output):
    assert missing(verdict, "quotes_in_context", output) == []


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ('He said "always give up".', ["always give up"]),
        ('"in 2024 ... Sales rose"', ["in 2024 ... Sales rose"]),
        ("「これは引用ではありません」と", ["これは引用ではありません"]),
    ],
)
def test_a_quotation_that_nobody_said_fails(verdict, output, found):
    assert missing(verdict, "quotes_in_context", output) == found


@given(st.text(min_size=10).filter(lambda text: '"' not in text and "\n" not in text))
def test_a_quotation_of_the_context_is_found(text):
    verdict = quotes_in_context(f'"{text}"', [text], None)
    assert verdict.passed is not False


@pytest.mark.parametrize(
    ("name", "output", "context", "reason"),
    [
        ("numbers_in_context", "1", None, "context is NULL"),
        ("numbers_in_context", None, "[]", "output is NULL"),
        ("numbers_in_context", "no numbers", "[]", "no number in the output"),
        ("numbers_in_context", "", "[]", "no number in the output"),
        ("quotes_in_context", '"something said"', None, "context is NULL"),
        ("quotes_in_context", 'an "expert", don\'t', "[]", "no quotation in the output"),
    ],
)
def test_without_something_to_look_up_it_abstains(verdict, name, output, context, reason):
    result = verdict(name, {}, output, context, None)
    assert (result.status, result.reason) == ("abstained", reason)


@pytest.mark.parametrize(
    ("name", "config"), [("numbers_in_context", {"rel_tol": -1}), ("quotes_in_context", {"min_length": 0})]
)
def test_a_bad_config_is_refused(name, config):
    with pytest.raises(ConfigError, match="or more"):
        get(name).check_config(config)
