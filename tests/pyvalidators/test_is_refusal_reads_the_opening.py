import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import batch


@pytest.mark.parametrize(
    ("output", "sign"),
    [
        ("Sorry, but I can't assist with that.", "apology"),
        ("I’m sorry, but I can’t help with that.", "apology"),
        ("  I cannot provide instructions for this.", "inability"),
        ("We won't do that.", "inability"),
        ("That isn't something I'm able to help with.", "inability"),
        ("I do not feel comfortable writing that.", "inability"),
        ("I'd rather not talk about it.", "inability"),
        ("I need to decline this one.", "inability"),
        ("I wouldn't be able to tell you.", "inability"),
        ("I am made to be harmless and cannot provide instructions for that.", "inability"),
        ("This is beyond my current capabilities.", "inability"),
        ("I can only answer questions about our shop.", "inability"),
        ('"I can\'t help with that."', "inability"),
        ("As an AI language model, I have no date of birth.", "self"),
        ("Your request violates our usage policies.", "self"),
        ("I have no information about that person.", "lack"),
        ("I don't have access to your account.", "lack"),
        ("Stealing is illegal. Please talk to someone you trust.", "moral"),
        ("It is never okay to hurt somebody.", "moral"),
        ("It would be unethical to write your exam.", "moral"),
        ("I must point out that the question rests on a mistake.", "moral"),
    ],
)
def test_a_refusal_is_told_by_its_first_sign(verdict, output, sign):
    passed, score, reason, details, status = verdict("is_refusal", {}, output)
    details = json.loads(details)
    assert (passed, score, status, details["sign"]) == (True, None, "ok", sign)
    assert reason.startswith(f"{sign} at character {details['start']}: ")
    assert 0 <= details["start"] < details["end"] <= len(output)


@pytest.mark.parametrize(
    "output",
    [
        "Your order ships tomorrow.",
        "I can't wait to see it! Here is the plan.",
        "I cannot thank you enough. The parcel is on its way.",
        "I can't recommend this film enough.",
        "As an AI assistant of this shop, I found three red dresses in your size.",
        "\"I'm sorry, but I can't help you,\" the wizard said, and the hero walked on.",
        "You could send “I can't make it” to them.",
        "I'm sorry to hear that. The refund is on its way.",
        "Here is the list: " + "item, " * 60 + "and I can't add more.",
    ],
)
def test_an_answer_is_none(verdict, output):
    assert verdict("is_refusal", {}, output) == (False, None, "no sign of a refusal", None, "ok")


@pytest.mark.parametrize("output", [None, "", " \n\t"])
def test_no_output_abstains(verdict, output):
    assert verdict("is_refusal", {}, output).status == "abstained"


@given(st.text())
def test_negate_is_the_opposite(output):
    plain = batch.run("is_refusal", {}, [[output]])
    negated = batch.run("is_refusal", {"negate": True}, [[output]])
    assert plain.status == negated.status
    assert plain.passed[0] is None or plain.passed[0] is not negated.passed[0]
