import pytest

from pyvalidators import ConfigError, get

ALL = ["whitespace", "punctuation", "case", "unicode"]


@pytest.mark.parametrize(
    ("output", "expected", "normalize"),
    [
        ("", "", []),
        ("Paris", "Paris", []),
        ("PARIS", "paris", ["case"]),
        ("STRASSE", "straße", ["case"]),
        (" a \n\tb\u3000", "a b", ["whitespace"]),
        ("“Paris”, (really)!", "Paris really", ["punctuation"]),
        ("東京。", "東京", ["punctuation"]),
        ("ＰＡＲＩＳ", "PARIS", ["unicode"]),
        ("e\u0301", "é", ["unicode"]),
        ("ﬁn", "fin", ["unicode"]),
        ("  The “Ｅｎｄ”. ", "the end", ALL),
    ],
)
def test_equal_after_normalization_passes(verdict, output, expected, normalize):
    assert verdict("equals_expected", {"normalize": normalize}, output, expected).passed is True
    assert verdict("equals_expected", {"normalize": normalize}, expected, output).passed is True
    assert verdict("equals_expected", {"normalize": normalize[::-1]}, output, expected).passed is True


@pytest.mark.parametrize(
    ("output", "expected", "normalize", "reason"),
    [
        ("paris", "Paris", [], "differs at character 0: 'paris', expected 'Paris'"),
        ("Paris", "Paris ", [], "differs at character 5: '', expected ' '"),
        ("Paris, France", "Paris", [], "differs at character 5: ', France', expected ''"),
        ("e\u0301", "é", [], "differs at character 0: 'e\u0301', expected 'é'"),
        ("$5", "5", ALL, "differs at character 0: '$5', expected '5'"),
        ("ab c", "A B C", ["case"], "differs at character 1: 'b c', expected ' b c'"),
        ("", "Paris", [], "empty"),
        ("...", "Paris", ["punctuation"], "empty"),
    ],
)
def test_the_first_difference_is_the_reason(verdict, output, expected, normalize, reason):
    result = verdict("equals_expected", {"normalize": normalize}, output, expected)
    assert result == (False, None, reason, None, "ok")


@pytest.mark.parametrize(("output", "expected"), [(None, "a"), ("a", None), (None, None)])
def test_without_both_it_abstains(verdict, output, expected):
    assert verdict("equals_expected", {}, output, expected).status == "abstained"


def test_an_unknown_form_is_refused():
    with pytest.raises(ConfigError, match=r"'normalize' is .*'caze'.*expected array of \"case\" or"):
        get("equals_expected").check_config({"normalize": ["caze"]})
