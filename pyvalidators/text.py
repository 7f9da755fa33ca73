"""Validators of an output's text: its length, words that must or must not occur, how it starts, a pattern."""

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
    length = _length(output, unit)
    return length <= limit or Verdict(False, reason=f"{length} {unit}, limit {limit}")


@validator(check=_check_limit)
def min_length(
    output: str, *, limit: int, unit: Literal["characters", "words"] = "characters"
) -> Verdict | bool:
    """Passes when the output is at least `limit` long. Abstains when it is NULL; an empty output is 0 long.

    limit: 0 or more, in units.
    unit: as in max_length.
    """
    length = _length(output, unit)
    return length >= limit or Verdict(False, reason=f"{length} {unit}, at least {limit} expected")


def _length(text: str, unit: str) -> int:
    return len(text) if unit == "characters" else len(text.split())


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


@validator(check=_check_words)
def contains_all(
    output: str, *, words: list[str], case_sensitive: bool = False, whole_words: bool = True
) -> Verdict | bool:
    """Passes when each of `words` occurs in the output. promptfoo's contains-all.

    Abstains when the output is NULL; an empty output fails. The score is the share of the words that occur.
    words, case_sensitive, whole_words: as in contains_none.
    details: {"missing": [word]}, up to 20.
    """
    text = _fold(output, case_sensitive)
    missing = [
        word
        for word, folded in _folded_words(tuple(words), case_sensitive)
        if next(_occurrences(text, folded, whole_words), None) is None
    ]
    if not missing:
        return Verdict(True, 1.0)
    return Verdict(
        False,
        1 - len(missing) / len(words),
        reason=f"lacks {missing[0]!r}" + (f" and {len(missing) - 1} more" if missing[1:] else ""),
        details={"missing": missing[:MAX_FOUND]},
    )


@validator(check=_check_words)
def contains_any(
    output: str, *, words: list[str], case_sensitive: bool = False, whole_words: bool = True
) -> Verdict | bool:
    """Passes when one of `words` occurs in the output. promptfoo's contains-any; the opposite is contains_none.

    Abstains when the output is NULL; an empty output fails.
    words, case_sensitive, whole_words: as in contains_none.
    """
    text = _fold(output, case_sensitive)
    return any(
        next(_occurrences(text, folded, whole_words), None) is not None
        for _, folded in _folded_words(tuple(words), case_sensitive)
    ) or Verdict(False, reason=f"has none of {len(words)} words, such as {words[0]!r}")


@validator(check=_check_words)
def starts_with(
    output: str, *, words: list[str], case_sensitive: bool = False, negate: bool = False
) -> Verdict | bool:
    """Passes when the output starts with one of `words`, after leading whitespace. promptfoo's starts-with.

    Abstains when the output is NULL; an empty output starts with nothing.
    words: beginnings, at least one; they need not end with a word, so "As an" is the start of "As another".
        Composed and decomposed accents are the same (Unicode NFC).
    case_sensitive: default false: compared after full case folding.
    negate: default false; true means that it must not start with any of them.
    """
    # Enough for any beginning: folding and composing make at most four characters of one, or one of four.
    longest = max(map(len, words))
    text = _fold(output.lstrip()[: 8 * longest + 8], case_sensitive)
    found = next(
        (word for word, folded in _folded_words(tuple(words), case_sensitive) if text.startswith(folded)), None
    )
    if negate:
        return found is None or Verdict(False, reason=f"starts with {found!r}")
    return found is not None or Verdict(
        False, reason=f"starts with {output.lstrip()[:40]!r}, expected {' or '.join(map(repr, words[:3]))}"
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
def compile_pattern(pattern: str, ignore_case: bool) -> regex.Pattern:
    return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)


def search(pattern: str, text: str) -> regex.Match | None:
    """Raises TimeoutError after a second."""
    return compile_pattern(pattern, ignore_case=False).search(text, timeout=SEARCH_TIMEOUT_S)


def check_pattern(*, pattern: str, ignore_case: bool, **_) -> None:
    try:
        compile_pattern(pattern, ignore_case)
    except regex.error as error:
        raise ValueError(f"pattern {pattern!r} is not a regular expression: {error}") from None


@validator(check=check_pattern)
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
    compiled = compile_pattern(pattern, ignore_case)
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
