import json

import pytest

from pyvalidators import ConfigError, get


def found(verdict, output, words, **config):
    passed, _, reason, details, status = verdict("contains_none", {"words": words, **config}, output)
    assert status == "ok"
    places = json.loads(details)["found"] if details else []
    assert passed == (not places)
    if places:
        assert reason == f"contains {places[0]['word']!r} at character {places[0]['start']}"
    return [(each["word"], output[each["start"] : each["end"]]) for each in places]


@pytest.mark.parametrize(
    ("output", "word", "as_written"),
    [
        ("what an ass", "ass", "ass"),
        ("ASS!", "ass", "ASS"),
        ("(ass)", "ass", "ass"),
        ("in der STRASSE 3", "straße", "STRASSE"),
        ("in der Straße 3", "STRASSE", "Straße"),
        ("ΟΔΟΣ", "οδος", "ΟΔΟΣ"),
        ("un cafe\u0301 noir", "café", "cafe\u0301"),
        ("un café noir", "cafe\u0301", "café"),
        ("ßßß İİ cafe\u0301 x", "CAFÉ", "cafe\u0301"),
        ("ßH\u0331 bad", "bad", "bad"),
        ("I write C++.", "c++", "C++"),
        ("これは漢字です", "漢字", "漢字"),
        ("ห้ามพูดคำนี้", "พูด", "พูด"),
        ("바보는 아니다", "바보", "바보"),
        ("ｶﾀｶﾅ語", "ﾀｶ", "ﾀｶ"),
        ("use漢字now", "use", "use"),
        ("very bad  idea", "bad  idea", "bad  idea"),
        ("😀ass😀", "ass", "ass"),
    ],
)
def test_a_word_is_found_as_written(verdict, output, word, as_written):
    assert found(verdict, output, [word]) == [(word, as_written)]


@pytest.mark.parametrize(
    ("output", "word"),
    [
        ("a class act", "ass"),
        ("my_ass_1", "ass"),
        ("assé", "ass"),
        ("ass\u0302", "ass"),
        ("ass1", "ass"),
        ("कि", "क"),
        ("cafés", "café"),
        ("", "ass"),
        ("a s s", "ass"),
    ],
)
def test_a_part_of_a_word_is_not_a_word(verdict, output, word):
    assert found(verdict, output, [word]) == []


def test_parts_count_when_words_need_not_be_whole(verdict):
    assert found(verdict, "a CLASS act", ["ass"], whole_words=False) == [("ass", "ASS")]


def test_case_can_matter(verdict):
    assert found(verdict, "us and US", ["US"], case_sensitive=True) == [("US", "US")]


def test_all_places_are_listed_in_order(verdict):
    output = "foo barn, Foo bar, foo"
    assert found(verdict, output, ["foo bar", "foo"]) == [
        ("foo", "foo"),
        ("foo", "Foo"),
        ("foo bar", "Foo bar"),
        ("foo", "foo"),
    ]


def test_no_more_than_twenty_places_are_listed(verdict):
    assert len(found(verdict, "ass " * 1_000, ["ass"])) == 20


@pytest.mark.parametrize("words", [[], [""], ["a", ""]])
def test_no_word_at_all_is_a_mistake(words):
    with pytest.raises(ConfigError, match="contains_none: words has to hold at least one word"):
        get("contains_none").check_config({"words": words})
