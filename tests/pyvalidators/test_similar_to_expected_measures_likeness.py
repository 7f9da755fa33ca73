import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import ConfigError, get
from pyvalidators.expected import similar_to_expected

# The last column was computed with rouge-score 0.1.2, and with the script of SQuAD 1.1.
CASES = [
    ("kitten", "sitting", "levenshtein", 1 - 3 / 7),
    ("", "", "levenshtein", 1.0),
    ("abc", "", "levenshtein", 0.0),
    ("𝄞é", "𝄞e", "levenshtein", 0.5),
    ("the cat sat on the mat", "the cat was on a mat", "rouge_l", 2 / 3),
    ("The quick, brown fox!", "a quick BROWN dog", "rouge_l", 0.5),
    ("police killed the gunman", "the gunman police killed", "rouge_l", 0.5),
    ("The Eiffel Tower.", "eiffel tower", "token_f1", 1.0),
    ("in Paris, France", "Paris", "token_f1", 0.5),
    ("an apple a day", "the day", "token_f1", 2 / 3),
    ("$5", "5", "token_f1", 1.0),
    ("", "Paris", "token_f1", 0.0),
    ("Straße gesperrt", "straße offen", "rouge_l", 0.5),
]


@pytest.mark.parametrize(("output", "expected", "method", "score"), CASES)
def test_the_score_is_that_of_the_definition(verdict, output, expected, method, score):
    result = verdict("similar_to_expected", {"method": method}, output, expected)
    assert result.score == pytest.approx(score, abs=1e-12)
    assert (result.passed, result.status) == (score >= 0.75, "ok")


def test_the_threshold_is_in_and_normalizing_comes_first(verdict):
    config = {"threshold": 0.5, "normalize": ["case"]}
    assert verdict("similar_to_expected", config, "AB", "ac")[:3] == (True, 0.5, None)
    config["threshold"] = 0.6
    assert verdict("similar_to_expected", config, "AB", "ac").reason == "levenshtein 0.500, at least 0.6 expected"


@given(st.text(), st.text(), st.sampled_from(["levenshtein", "rouge_l", "token_f1"]))
def test_likeness_is_between_0_and_1_and_whole_for_the_same_text(one, other, method):
    score = similar_to_expected(one, other, method=method).score
    assert score is None or 0 <= score <= 1
    assert similar_to_expected(one, one, method=method).score in (1, None)


@given(st.text(), st.text())
def test_the_order_of_the_texts_does_not_matter(one, other):
    assert similar_to_expected(one, other).score == similar_to_expected(other, one).score


@pytest.mark.parametrize(
    ("output", "expected", "method", "reason"),
    [
        ("a", None, "levenshtein", "expected is NULL"),
        (None, "a", "levenshtein", "output is NULL"),
        ("a", "...", "rouge_l", "the expected text has no word"),
        ("a", "the", "token_f1", "the expected text has no word"),
        ("a" * 100_001, "a", "levenshtein", "longer than 100,000 characters"),
    ],
)
def test_what_cannot_be_compared_abstains(verdict, output, expected, method, reason):
    result = verdict("similar_to_expected", {"method": method}, output, expected)
    assert (result.status, result.reason) == ("abstained", reason)


@pytest.mark.parametrize("config", [{"threshold": 1.5}, {"threshold": -1}, {"method": "rouge_n"}])
def test_a_bad_config_is_refused(config):
    with pytest.raises(ConfigError, match=r"expected 0 to 1|expected \"levenshtein\""):
        get("similar_to_expected").check_config(config)
