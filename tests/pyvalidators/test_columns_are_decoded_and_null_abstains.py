from datetime import UTC, datetime
from typing import Any

import pytest

from pyvalidators import Verdict, batch, validator


def seen_as(annotation, text):
    """What a validator sees in attributes = text when it annotates the column so."""
    seen = []

    def look(attributes) -> bool:
        seen.append(attributes)
        return True

    look.__annotations__["attributes"] = annotation
    validator(look)
    results = batch.run("look", {}, [[text]])
    return seen, results.status[0], results.reason[0]


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, '{"a": 1}', '{"a": 1}'),
        (int, "42", 42),
        (float, "0.25", 0.25),
        (bool, "true", True),
        (bool, "false", False),
        (datetime, "2026-01-02 03:04:05.5+00", datetime(2026, 1, 2, 3, 4, 5, 500_000, UTC)),
        (dict, '{"a": 1}', {"a": 1}),
        (list, '["a"]', ["a"]),
        (list[str], '["a"]', ["a"]),
        (object, "1", 1),
        (Any, "null", None),
        (dict | None, '{"a": 1}', {"a": 1}),
        (dict | None, None, None),
        (object, None, None),
    ],
)
def test_a_column_arrives_as_it_is_annotated(annotation, text, value):
    assert seen_as(annotation, text) == ([value], "ok", None)


@pytest.mark.parametrize("annotation", [str, int, float, bool, datetime, dict, list])
def test_null_abstains_unless_the_validator_takes_it(annotation):
    assert seen_as(annotation, None) == ([], "abstained", "attributes is NULL")


@pytest.mark.parametrize(
    ("annotation", "text", "says"),
    [
        (dict, "{", "attributes is not JSON: Expecting"),
        (dict, "[]", "attributes is a JSON list, expected dict"),
        (list, "{}", "attributes is a JSON dict, expected list"),
        (int, "4.2", "attributes is '4.2', expected int"),
        (float, "much", "attributes is 'much', expected float"),
        (bool, "1", "attributes is '1', expected bool"),
        (datetime, "infinity", "attributes is 'infinity', expected datetime"),
    ],
)
def test_text_that_does_not_decode_is_an_error_not_a_fail(annotation, text, says):
    seen, status, reason = seen_as(annotation, text)
    assert (seen, status) == ([], "error")
    assert says in reason


def test_null_in_one_step_leaves_the_others_alone():
    results = batch.run("equals_expected", {}, [["a", None, "c", None], ["a", "b", None, None]])
    assert results.passed == [True, None, None, None]
    assert results.status == ["ok", "abstained", "abstained", "abstained"]
    assert results.reason == [None, "output is NULL", "expected is NULL", "output is NULL"]


def test_a_validator_may_look_at_two_columns_of_two_kinds():
    @validator
    def tagged(output: str, tags: list[str] | None) -> Verdict | bool:
        return output in (tags or [])

    assert batch.run("tagged", {}, [["a", "b", "c"], ['["a"]', '["a"]', None]]).passed == [True, False, False]


@pytest.mark.parametrize("columns", [[], [["a"]], [["a"], ["b", "c"]], [["a"], ["b"], ["c"]]])
def test_columns_that_do_not_fit_the_fields_are_refused(columns):
    with pytest.raises(
        ValueError, match=r"equals_expected reads output, expected: expected 2 columns of equal length"
    ):
        batch.run("equals_expected", {}, columns)


def test_no_steps_give_no_results():
    assert batch.run("max_length", {"limit": 1}, [[]]) == ([], [], [], [], [])
