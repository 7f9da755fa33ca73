import json

import pytest

from pyvalidators import ConfigError, get


@pytest.mark.parametrize(
    ("output", "config", "passed", "reason"),
    [
        ("refund", {}, True, None),
        ("Refund", {}, False, "'Refund' is none of 2 labels"),
        (" Refund\n", {"normalize": ["case", "whitespace"]}, True, None),
        ("", {}, False, "'' is none of 2 labels"),
        ("other", {"labels": ["other"], "negate": True}, False, "'other' is a label that is not allowed"),
        ("refund", {"labels": ["other"], "negate": True}, True, None),
        ('{"label": "refund", "p": 0.9}', {"field": "label"}, True, None),
        ('{"label": 3}', {"field": "label", "labels": ["3"]}, True, None),
        ('{"p": 0.9}', {"field": "label"}, False, "no member 'label'"),
        ("refund", {"field": "label"}, False, "not JSON: Expecting value at line 1 column 1"),
        ("Größe", {"labels": ["GRÖSSE"], "normalize": ["case"]}, True, None),
    ],
)
def test_a_label_of_the_list_passes(verdict, output, config, passed, reason):
    result = verdict("label_allowed", {"labels": ["refund", "billing"], **config}, output)
    assert (result.passed, result.reason, result.status) == (passed, reason, "ok")


@pytest.mark.parametrize(
    ("output", "expected", "config", "passed", "details"),
    [
        ("a", "a", {}, True, {"label": "a", "expected": "a"}),
        ("A ", "a", {"normalize": ["case", "whitespace"]}, True, {"label": "a", "expected": "a"}),
        ("b", "a", {}, False, {"label": "b", "expected": "a"}),
        ('{"l": "a"}', "a", {"field": "l"}, True, {"label": "a", "expected": "a"}),
        ('{"l": "a"}', '{"l": "b"}', {"field": "l"}, False, {"label": "a", "expected": "b"}),
        ("nonsense", "a", {"field": "l"}, False, {"label": None, "expected": "a"}),
        ("", "a", {}, False, {"label": "", "expected": "a"}),
    ],
)
def test_details_are_the_cell_of_the_confusion_matrix(verdict, output, expected, config, passed, details):
    result = verdict("label_expected", config, output, expected)
    assert (result.passed, json.loads(result.details), result.status) == (passed, details, "ok")


RULES = [
    {"if": "charged twice|invoice", "then": ["billing"]},
    {"if": r"\bparcel\b", "then": ["shipping", "returns"]},
    {"if": "password", "then": ["billing"], "negate": True},
]


@pytest.mark.parametrize(
    ("question", "output", "passed", "rules"),
    [
        ("I was CHARGED TWICE", "billing", True, None),
        ("I was charged twice", "shipping", False, [0]),
        ("Where is my parcel?", "returns", True, None),
        ("The parcel's invoice", "returns", False, [0]),
        ("The parcel's invoice", "other", False, [0, 1]),
        ("I forgot my password", "billing", False, [2]),
        ("I forgot my password", "account", True, None),
    ],
)
def test_each_rule_that_applies_has_to_hold(verdict, question, output, passed, rules):
    result = verdict("label_implied", {"rules": RULES}, question, output)
    assert (result.passed, result.status) == (passed, "ok")
    assert (json.loads(result.details)["rules"] if result.details else None) == rules


def test_the_reason_names_the_first_broken_rule(verdict):
    result = verdict("label_implied", {"rules": RULES}, "my password", "billing")
    assert result.reason == "'billing', but the input matches 'password': expected none of 'billing'"


def test_without_a_rule_that_applies_it_abstains(verdict):
    result = verdict("label_implied", {"rules": RULES}, "Hello", "greeting")
    assert (result.status, result.reason) == ("abstained", "no rule applies to the input")
    assert verdict("label_implied", {"rules": RULES, "ignore_case": False}, "INVOICE", "x").status == "abstained"


@pytest.mark.parametrize("name", ["label_allowed", "label_expected", "label_implied"])
def test_null_abstains(verdict, name):
    config = {"label_allowed": {"labels": ["a"]}, "label_implied": {"rules": RULES}}.get(name, {})
    assert verdict(name, config, *[None] * len(get(name).fields)).status == "abstained"


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("label_allowed", {"labels": []}, "labels is empty"),
        ("label_implied", {"rules": []}, "rules is empty"),
        ("label_implied", {"rules": [{"if": "a"}]}, r"rules\[0\]: expected"),
        ("label_implied", {"rules": [{"if": "a", "then": "b"}]}, r"rules\[0\]: expected"),
        ("label_implied", {"rules": [{"if": "a", "then": []}]}, r"rules\[0\]: expected"),
        ("label_implied", {"rules": [{"if": "a", "then": ["b"], "not": True}]}, r"rules\[0\]: expected"),
        ("label_implied", {"rules": [{"if": "(", "then": ["b"]}]}, "is not a regular expression"),
    ],
)
def test_a_bad_config_is_refused(name, config, says):
    with pytest.raises(ConfigError, match=says):
        get(name).check_config(config)
