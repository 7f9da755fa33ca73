"""Validators of an output's text: its length, words that must not occur, a pattern."""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Literal

import regex

from .registry import validator
from .verdict import Verdict


def _check_limit(*, limit: int, unit: str) -> None:
    if limit < 0:
        raise ValueError(f"limit is {limit}, expected 0 or more")


@validator(check=_check_limit)
def max_length(
    output: str, *, limit: int, unit: Literal["characters", "words"] = "characters"
) -> Verdict | bool:
    """Passes when the output is at most `limit` long; an empty output passes.

    Abstains when the output is NULL.
    limit: 0 or more, in units.
    unit: "characters" (default) are Unicode code points, as Postgres's length() counts them; "words" are runs
        between whitespace, so a Chinese or Thai sentence is one word.
    """
    length = len(output) if unit == "characters" else len(output.split())
    return length <= limit or Verdict(False, reason=f"{length} {unit}, limit {limit}")


MAX_FOUND = 20  # occurrences listed in details


def _check_words(*, words: list[str], **_) -> None:
    if not words or not all(words):
        raise ValueError("words has to hold at least one word, and no empty one")


@validator(check=_check_words)
def contains_none(
    output: str, *, words: list[str], case_sensitive: bool = False, whole_words: bool = True
) -> Verdict | bool:
    """Passes when none of `words` occurs in the output; an empty output passes.

    Abstains when the output is NULL.
    words: words or phrases, at least one. Composed and decomposed accents are the same (Unicode NFC).
    case_sensitive: default false: compared after full case folding, so STRASSE finds straße.
    whole_words: default true: "ass" is not found in "class". Letters, digits, marks and underscores make a
        word. Scripts without space between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) have no such
        border, nor has Korean, whose particles follow the word directly: there any occurrence counts.
    details: {"found": [{"word", "start", "end"}]}, up to 20; in characters of the output, end excluded.
    """
    text = _fold(output, case_sensitive)
    present = [pair for pair in _folded_words(tuple(words), case_sensitive) if pair[1] in text]
    if not present:
        return True
    places = (
        (start, start + len(folded), word)
        for word, folded in present
        for start in _occurrences(text, folded, whole_words)
    )
    place = _place_in(output, text, case_sensitive)
    found = [
        {"word": word, "start": place(start), "end": place(end)}
        for start, end, word in sorted(islice(places, MAX_FOUND))
    ]
    return not found or Verdict(
        False,
        reason=f"contains {found[0]['word']!r} at character {found[0]['start']}",
        details={"found": found},
    )


def _fold(text: str, case_sensitive: bool) -> str:
    folded = text if case_sensitive else text.casefold()
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)


@lru_cache(maxsize=64)
def _folded_words(words: tuple[str, ...], case_sensitive: bool) -> list[tuple[str, str]]:
    return [(word, _fold(word, case_sensitive)) for word in words]


def _occurrences(text: str, word: str, whole_words: bool) -> Iterator[int]:
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        before, after = text[max(start - 1, 0) : start], text[end : end + 1]
        if not whole_words or not (_joined(before, word[0]) or _joined(word[-1], after)):
            yield start
        start = text.find(word, start + 1)


def _joined(left: str, right: str) -> bool:
    """Do two neighbouring characters belong to one word? An end of the text is ""."""
    return _in_spaced_word(left) and _in_spaced_word(right)


# How the Unicode names of their characters begin.
_UNSPACED = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "HANGUL")
_UNSPACED += tuple(f"HALFWIDTH {script}" for script in _UNSPACED)


@lru_cache(maxsize=4096)
def _in_spaced_word(character: str) -> bool:
    if not character:
        return False
    in_word = character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"
    return in_word and not unicodedata.name(character, "").startswith(_UNSPACED)


def _place_in(output: str, text: str, case_sensitive: bool) -> Callable[[int], int]:
    """From a place in the folded text to the place in the output: folding can change lengths."""
    if len(text) == len(output) and text in (output, output.casefold()):  # case folding alone never shortens
        return lambda place: place

    def length(prefix: int) -> int:
        return len(_fold(output[:prefix], case_sensitive))

    return lambda place: bisect_right(range(len(output) + 1), place, key=length) - 1


# Seconds. The package's own limit: matching hardly looks at signals. With x+y on 3 MB of x, re noticed one after 14 s;
# this stops after 1.2 s.
SEARCH_TIMEOUT_S = 1.0


@lru_cache(maxsize=256)
def _compile(pattern: str, ignore_case: bool) -> regex.Pattern:
    return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)


def search(pattern: str, text: str) -> regex.Match | None:
    """Raises TimeoutError after a second."""
    return _compile(pattern, ignore_case=False).search(text, timeout=SEARCH_TIMEOUT_S)


def _check_pattern(*, pattern: str, ignore_case: bool, **_) -> None:
    try:
        _compile(pattern, ignore_case)
    except regex.error as error:
        raise ValueError(f"pattern {pattern!r} is not a regular expression: {error}") from None


@validator(check=_check_pattern)
def matches(
    output: str, *, pattern: str, ignore_case: bool = False, full: bool = False, negate: bool = False
) -> Verdict | bool:
    """Passes when the pattern is found in the output. Abstains when the output is NULL.

    Status timeout when the search takes more than a second.

    pattern: a regular expression as Python's re takes it (package regex); flags can be in it, as in (?s) or (?m).
    ignore_case: default false.
    full: default false; true means that the whole output has to match.
    negate: default false; true means that it must not match; details then say what did: {"start", "end"}, in
        characters from 0, end excluded.
    """
    compiled = _compile(pattern, ignore_case)
    find = compiled.fullmatch if full else compiled.search
    match = find(output, timeout=SEARCH_TIMEOUT_S)
    if not negate:
        return match is not None or Verdict(False, reason=f"no match for {pattern!r}")
    if match is None:
        return True
    return Verdict(
        False,
        reason=f"matches {pattern!r} at character {match.start()}: {match[0][:100]!r}",
        details={"start": match.start(), "end": match.end()},
    )
