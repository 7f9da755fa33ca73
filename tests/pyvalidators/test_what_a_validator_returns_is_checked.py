import json
import math

import pytest

from pyvalidators import Verdict, batch, validator


def result_of(returned):
    @validator
    def returns(output: str):
        return returned

    return tuple(column[0] for column in batch.run("returns", {}, [["text"]]))


@pytest.mark.parametrize(
    ("returned", "stored"),
    [
        (True, (True, None, None, None, "ok")),
        (False, (False, None, None, None, "ok")),
        (Verdict(True), (True, None, None, None, "ok")),
        (Verdict(False, reason="why"), (False, None, "why", None, "ok")),
        (Verdict(True, 0.5, "why", {"a": [1, None]}), (True, 0.5, "why", '{"a": [1, null]}', "ok")),
        (Verdict(None, 3), (None, 3.0, None, None, "ok")),
        (Verdict(None, reason="not my language"), (None, None, "not my language", None, "abstained")),
        (Verdict(None, reason="see", details={"a": 1}), (None, None, "see", '{"a": 1}', "abstained")),
    ],
)
def test_a_bool_or_a_verdict_is_stored(returned, stored):
    assert result_of(returned) == stored


@pytest.mark.parametrize(
    "returned",
    [
        None,
        1,
        "yes",
        (True, 0.5, None, None),
        Verdict,
        Verdict(None),
        Verdict(None, reason=""),
        Verdict(1),
        Verdict("yes"),
        Verdict(True, "0.5"),
        Verdict(True, True),
        Verdict(True, math.nan),
        Verdict(True, math.inf),
        Verdict(True, reason=1),
        Verdict(True, details=[1]),
        Verdict(True, details="x"),
    ],
    ids=repr,
)
def test_anything_else_is_an_error_that_says_what_was_expected(returned):
    passed, score, reason, details, status = result_of(returned)
    assert (passed, score, details, status) == (None, None, None, "error")
    assert reason.startswith("returned ")
    assert "expected True, False or a Verdict(passed: bool | None, score: finite number | None" in reason


@pytest.mark.parametrize(
    "details", [{"a": math.nan}, {"a": {1, 2}}, {"a": b"x"}, {("a",): 1}, {math.inf: 1}, {"a": 1j}], ids=repr
)
def test_details_that_are_not_json_are_an_error(details):
    passed, _, reason, stored, status = result_of(Verdict(True, details=details))
    assert (passed, stored, status) == (None, None, "error")
    assert "details are not JSON" in reason


def test_details_that_contain_themselves_are_an_error():
    details = {}
    details["self"] = details
    assert result_of(Verdict(True, details=details))[4] == "error"


def test_a_score_too_large_for_a_float_is_an_error():
    assert result_of(Verdict(True, 10**400))[4] == "error"


def test_a_long_reason_is_cut():
    assert result_of(Verdict(False, reason="é" * 5_000))[2] == "é" * 1_000


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("a\0b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\udfff\ud800", "\ufffd\ufffd"),
        ("\\u0000", "\\u0000"),
        ("\\\0", "\\\ufffd"),
        ("\\\\u0000\0", "\\\\u0000\ufffd"),
        ("𝄞 漢 é", "𝄞 漢 é"),
    ],
    ids=ascii,
)
def test_what_postgres_cannot_store_is_replaced_and_nothing_else(text, stored):
    _, _, reason, details, _ = result_of(Verdict(False, reason=text, details={"k" + text: [text]}))
    assert reason == stored
    assert json.loads(details) == {"k" + stored: [stored]}
