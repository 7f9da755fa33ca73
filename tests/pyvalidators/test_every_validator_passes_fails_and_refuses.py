"""Over the whole library: a step that passes, one that fails, and no config but the one that is meant."""

import pytest

from pyvalidators import VALIDATORS, ConfigError, batch, get
from tests.pyvalidators.examples import EXAMPLES

EACH = pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.validator)


def test_every_validator_has_an_example():
    assert {each.validator for each in EXAMPLES} == VALIDATORS.keys()


@EACH
def test_it_passes_what_is_good_and_fails_what_is_not_and_says_why(example):
    results = batch.run(example.validator, example.config, example.columns())
    assert (results.passed, results.status) == ([True, False], ["ok", "ok"])
    assert results.reason[1]


@EACH
def test_an_unknown_key_is_refused_with_what_it_takes(example):
    with pytest.raises(ConfigError, match=f"{example.validator}: unknown config key 'limits'.* takes ") as refused:
        get(example.validator).check_config(example.config | {"limits": 1})
    assert all(key in str(refused.value) for key in get(example.validator).config_schema["properties"])


@EACH
def test_a_value_of_another_type_is_refused_with_what_is_expected(example):
    for key in get(example.validator).config_schema["properties"]:
        for value in (object(), float("nan")):
            with pytest.raises(ConfigError, match=f"config key '{key}' is .*, expected "):
                get(example.validator).check_config(example.config | {key: value})


@EACH
def test_a_key_that_it_needs_is_missed(example):
    for key in get(example.validator).config_schema["required"]:
        with pytest.raises(ConfigError, match=f"config key '{key}' is missing"):
            get(example.validator).check_config({k: v for k, v in example.config.items() if k != key})


@EACH
def test_its_documentation_says_when_it_passes_and_what_each_key_means(example):
    validator = get(example.validator)
    assert validator.doc.startswith("Passes when ")
    assert "bstains" in validator.doc
    assert all(key in validator.doc for key in validator.config_schema["properties"])
