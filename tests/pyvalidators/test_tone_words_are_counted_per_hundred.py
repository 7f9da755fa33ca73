import json

import pytest

from pyvalidators import ConfigError, get
from pyvalidators.prose import TONES


@pytest.mark.parametrize(
    ("output", "config", "passed", "words"),
    [
        ("Our AMAZING, best-in-class offer.", {"tones": ["hype"]}, False, {"amazing": 1, "best-in-class": 1}),
        ("Our offer.", {"tones": ["hype"]}, True, None),
        ("", {"tones": ["hype"]}, True, None),
        ("Sorry, sorry.", {"tones": ["apologetic"]}, False, {"sorry": 2}),
        ("This is an amazement.", {"tones": ["hype"]}, True, None),
        ("Ganz tolles STRASSENFEST", {"words": ["straßenfest"]}, False, {"strassenfest": 1}),
        ("sorry " + "fine " * 99, {"tones": ["apologetic"], "max_per_100_words": 1}, True, {"sorry": 1}),
        ("\0\ud800 👍", {"words": ["👍"]}, True, None),
    ],
)
def test_words_of_the_tones_count(verdict, output, config, passed, words):
    result = verdict("tone_words", config, output)
    assert (result.passed, result.status) == (passed, "ok")
    assert (json.loads(result.details)["words"] if result.details else None) == words


def test_the_score_is_words_per_hundred(verdict):
    result = verdict("tone_words", {"tones": ["hedging"]}, "perhaps " + "sure " * 9)
    assert (result.score, result.reason) == (10.0, "10.0 tone words per 100, limit 0: 'perhaps'")


def test_null_abstains(verdict):
    assert verdict("tone_words", {"tones": ["rude"]}, None).status == "abstained"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "expected tones or words"),
        ({"words": [""]}, "expected tones or words"),
        ({"tones": ["angry"]}, "rude"),
        ({"tones": ["rude"], "max_per_100_words": -1}, "expected 0 or more"),
    ],
)
def test_a_bad_config_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        get("tone_words").check_config(config)


def test_no_word_is_in_two_tones():
    words = [word for each in TONES.values() for word in each.split()]
    assert len(words) == len(set(words))
