"""Validators that compare an output with the expected one."""

import math
import re
import unicodedata
from bisect import bisect_left
from collections import Counter, deque
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
    output, expected = normalized(output, normalize), normalized(expected, normalize)
    if output == expected:
        return True
    if not output:
        return Verdict(False, reason="empty")
    shorter = min(len(output), len(expected))
    at = bisect_left(range(shorter), True, key=lambda i: output[: i + 1] != expected[: i + 1])
    here, there = output[at : at + 40], expected[at : at + 40]
    return Verdict(False, reason=f"differs at character {at}: {here!r}, expected {there!r}")


def normalized(text: str, forms: Sequence[Form]) -> str:
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
_WITHOUT_MARKS = _WithoutPunctuation(dict.fromkeys(map(ord, "$+<=>^`|~")))  # SQuAD's script has these go, too


Method = Literal["levenshtein", "rouge_l", "token_f1"]
MAX_COMPARED = 100_000  # characters; two texts of that length take 0.5 s, in one call that nothing can stop


def _check_similar(*, method: str, threshold: float, **_) -> None:
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold}, expected 0 to 1")
    _similarity(method)


@validator(check=_check_similar)
def similar_to_expected(
    output: str,
    expected: str,
    *,
    method: Method = "levenshtein",
    threshold: float = 0.75,
    normalize: Sequence[Form] = (),
) -> Verdict:
    """Passes when output and expected text are at least `threshold` alike; the score is how much, 0 to 1.

    Abstains when either is NULL or longer than 100,000 characters, and when the expected text has no word to compare.
    method:
        "levenshtein" (default): 1 - edit distance / length of the longer text, in characters.
        "rouge_l": ROUGE-L (Lin 2004), the F-measure of the longest common subsequence of words, as the package
            rouge-score computes it without its stemmer. Words are runs of letters and digits, in lower case.
        "token_f1": F1 of the words as a bag, of SQuAD (Rajpurkar et al. 2016): lower case, without punctuation and
            the articles a, an, the.
        A text without spaces between words (Chinese, Thai) is one word: compare it by "levenshtein".
    threshold: 0 to 1, default 0.75 (as for promptfoo's rouge-n).
    normalize: default [], as in equals_expected, before the comparison.
    """
    output, expected = normalized(output, normalize), normalized(expected, normalize)
    if max(len(output), len(expected)) > MAX_COMPARED:
        return Verdict(None, reason=f"longer than {MAX_COMPARED:,} characters")
    score = _similarity(method)(output, expected)
    if score is None:
        return Verdict(None, reason="the expected text has no word")
    if score >= threshold:
        return Verdict(True, score)
    return Verdict(False, score, reason=f"{method} {score:.3f}, at least {threshold:g} expected")


def _similarity(method: str):
    from rapidfuzz.distance import LCSseq, Levenshtein

    def rouge_l(output: str, expected: str) -> float | None:
        ours, theirs = _WORD.findall(output.lower()), _WORD.findall(expected.lower())
        return _f1(LCSseq.similarity(ours, theirs), len(ours), len(theirs))

    methods = {"levenshtein": Levenshtein.normalized_similarity, "rouge_l": rouge_l, "token_f1": _token_f1}
    return methods[method]


_WORD = re.compile(r"[^\W_]+")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def _token_f1(output: str, expected: str) -> float | None:
    ours, theirs = (_ARTICLE.sub(" ", each.lower().translate(_WITHOUT_MARKS)).split() for each in (output, expected))
    return _f1((Counter(ours) & Counter(theirs)).total(), len(ours), len(theirs))


def _f1(common: int, ours: int, theirs: int) -> float | None:
    """The harmonic mean of precision and recall; None without anything expected."""
    return 2 * common / (ours + theirs) if theirs else None


def _check_tolerance(*, rel_tol: float, abs_tol: float, **_) -> None:
    if rel_tol < 0 or abs_tol < 0:
        raise ValueError(f"rel_tol is {rel_tol} and abs_tol is {abs_tol}, expected 0 or more")


# Thousands in groups by comma, apostrophe or a narrow or no-break space. A sign does not follow a word. No part of
# 1.2.3 or of 1,5 is a number.
_NUMBER = re.compile(
    r"(?<![\d.,])(?:(?<!\w)[-+−])?"
    r"(?:\d{1,3}(?:[,'’   ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?!\d|[.,]\d)"
)
_PLAIN = str.maketrans({"−": "-"} | dict.fromkeys(",'’   "))


@validator(check=_check_tolerance)
def numeric_close(
    output: str,
    expected: str,
    *,
    rel_tol: float = 1e-9,
    abs_tol: float = 0.0,
    take: Literal["whole", "first", "last"] = "whole",
) -> Verdict | bool:
    """Passes when the output's number is close to the expected one, as Python's math.isclose has it.

    Abstains when either is NULL and when `expected` is no number. Fails when the output has no finite number.
    Numbers: 1234.5, -1,234.5, 1'234.5, .5, 1e-3. A decimal comma is not read, nor are per cent and words like million.
    rel_tol: of the larger of the two, default 1e-9. abs_tol: default 0, at least this much either way.
    take: "whole" (default): the output is the number, and white space. "first", "last": the one in the text; "last" is
        how the final answer of GSM8K (Cobbe et al. 2021) is usually taken.
    score: the number.
    """
    wanted = _number(expected, "whole")
    if wanted is None:
        return Verdict(None, reason=f"expected is no number: {expected[:40]!r}")
    number = _number(output, take)
    if number is None:
        return Verdict(False, reason=f"no number: {output[:40]!r}")
    if math.isclose(number, wanted, rel_tol=rel_tol, abs_tol=abs_tol):
        return Verdict(True, number)
    return Verdict(False, number, reason=f"{number:.15g}, expected {wanted:.15g}")


def _number(text: str, take: str) -> float | None:
    if take == "last":
        found = next(iter(deque(_NUMBER.finditer(text), maxlen=1)), None)
    else:
        found = _NUMBER.search(text) if take == "first" else _NUMBER.fullmatch(text.strip())
    number = float(found[0].translate(_PLAIN)) if found else math.inf
    return number if math.isfinite(number) else None
