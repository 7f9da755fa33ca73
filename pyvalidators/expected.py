"""Validators that compare an output with the expected one."""

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal

from .registry import validator
from .verdict import Verdict

Form = Literal["case", "whitespace", "punctuation", "unicode"]


@validator
def equals_expected(output: str, expected: str, *, normalize: Sequence[Form] = ()) -> Verdict | bool:
    """Passes when the output is the expected text, after both are normalized. Abstains when either is NULL.

    normalize: default [], character by character. In this order, whatever the order given:
        "unicode" (NFKC: ﬁ is fi, full width is plain), "case" (full case folding), "punctuation" (the Unicode
        categories P* are removed; $ and + are symbols and stay), "whitespace" (trimmed; a run is one space).
    The exact match of SQuAD (Rajpurkar et al. 2016) is case + punctuation + whitespace, there also without
    articles and symbols.
    """
    output, expected = _normalized(output, normalize), _normalized(expected, normalize)
    if output == expected:
        return True
    if not output:
        return Verdict(False, reason="empty")
    shorter = min(len(output), len(expected))
    at = bisect_left(range(shorter), True, key=lambda i: output[: i + 1] != expected[: i + 1])
    here, there = output[at : at + 40], expected[at : at + 40]
    return Verdict(False, reason=f"differs at character {at}: {here!r}, expected {there!r}")


def _normalized(text: str, forms: Sequence[Form]) -> str:
    if "unicode" in forms:
        text = unicodedata.normalize("NFKC", text)
    if "case" in forms:
        text = text.casefold()
    if "punctuation" in forms:
        text = text.translate(_WITHOUT_PUNCTUATION)
    if "whitespace" in forms:
        text = " ".join(text.split())
    return text


class _WithoutPunctuation(dict):
    """A table for str.translate that fills itself: looking at a category is slow, a dict is not."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.category(chr(code))[0] == "P" else code
        return self[code]


_WITHOUT_PUNCTUATION = _WithoutPunctuation()
