import json

import pytest

from pyvalidators import ConfigError, get
from pyvalidators.prose import _syllables

PLAIN = "The cat sat on the mat. It was a warm day. The dog ran by. The cat did not care at all."
HARD = (
    "Institutional heterogeneity necessitates comprehensive methodological considerations, notwithstanding "
    "organizational idiosyncrasies characterizing multinational administrative infrastructures universally, "
    "including intergovernmental regulatory harmonization and interdepartmental accountability."
)


def test_the_score_is_flesch_s_formula(verdict):
    result = verdict("readability", {"min_ease": 60}, PLAIN)
    details = json.loads(result.details)
    assert details == {"words": 22, "sentences": 4, "syllables": 22}
    assert result.passed is True
    assert result.score == pytest.approx(206.835 - 1.015 * 22 / 4 - 84.6 * 22 / 22)


def test_hard_text_fails(verdict):
    result = verdict("readability", {"min_ease": 30}, HARD)
    assert result.passed is False and result.score < 0
    assert result.reason.endswith("expected 30 or more")


def test_lines_of_a_list_are_sentences(verdict):
    listed = "\n".join(["- milk and bread", "- a pound of nuts", "", "- six eggs and jam"] * 3)
    assert json.loads(verdict("readability", {"min_ease": 0}, listed).details)["sentences"] == 9


def test_letters_that_only_fold_to_latin_ones_make_lines_and_words_alike(verdict):
    assert json.loads(verdict("readability", {"min_ease": 0}, "ß " * 20).details)["sentences"] == 1


@pytest.mark.parametrize("output", [None, "", "Too short to tell.", "你好" * 100, "\0" * 50])
def test_too_few_english_words_abstain(verdict, output):
    assert verdict("readability", {"min_ease": 60}, output).status == "abstained"


@pytest.mark.parametrize(
    ("word", "count"),
    [("cat", 1), ("table", 2), ("like", 1), ("liked", 1), ("wanted", 2), ("banana", 3), ("tree", 1), ("it's", 1)],
)
def test_syllables_are_counted_by_spelling(word, count):
    assert _syllables(word) == count


@pytest.mark.parametrize("ease", [-1, 101])
def test_an_ease_off_the_scale_is_refused(ease):
    with pytest.raises(ConfigError, match="expected 0 to 100"):
        get("readability").check_config({"min_ease": ease})
