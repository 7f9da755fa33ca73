import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import ConfigError, batch, get


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("", (0, 0, 0, 0)),
        ("One two. Three? Four!", (21, 4, 3, 6)),
        ("No end", (6, 2, 1, 2)),
        ("Wait... what?! \"Yes.\" v1.2", (26, 4, 4, 7)),
        ("你好。再见！", (6, 1, 2, 5)),
        (" \n", (2, 0, 0, 1)),
    ],
)
def test_what_is_counted(verdict, text, sizes):
    result = verdict("complexity", {"max_words": 100}, text, None)
    assert result.passed is True
    assert tuple(json.loads(result.details).values()) == sizes


def test_every_limit_that_is_exceeded_is_named(verdict):
    config = {"max_characters": 5, "max_words": 3, "max_sentences": 1, "max_tokens": 99}
    result = verdict("complexity", config, "Hello there. Bye.", None)
    assert (result.passed, result.reason) == (False, "17 characters, limit 5; 2 sentences, limit 1")


def test_the_output_is_looked_at_when_the_config_says_so(verdict):
    assert verdict("complexity", {"max_words": 1, "field": "output"}, "a b c", "a").passed is True
    assert verdict("complexity", {"max_words": 1}, None, "a").reason == "input is NULL"


@pytest.mark.parametrize(
    ("config", "message"),
    [({}, "at least one limit"), ({"max_words": -1}, "expected 0 or more"), ({"words": 1}, "max_words")],
)
def test_a_bad_config_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        get("complexity").check_config(config)


@given(st.text())
def test_it_passes_at_its_own_size_and_not_below(text):
    sizes = json.loads(batch.run("complexity", {"max_words": 0}, [[text], [None]]).details[0])
    for unit, size in sizes.items():
        assert batch.run("complexity", {f"max_{unit}": size}, [[text], [None]]).passed == [True]
        if size:
            assert batch.run("complexity", {f"max_{unit}": size - 1}, [[text], [None]]).passed == [False]
