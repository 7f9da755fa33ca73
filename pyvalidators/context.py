"""Validators that look for what an output says in what was retrieved: the cheap grounding checks.

They see the letters and not the sense: a number from the wrong row of the right document passes.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

from .registry import validator
from .verdict import Verdict

MAX_FOUND = 20  # places listed in details


def _check_tolerance(*, rel_tol: float, **_) -> None:
    if rel_tol < 0:
        raise ValueError(f"rel_tol is {rel_tol}, expected 0 or more")


@validator(check=_check_tolerance)
def numbers_in_context(
    output: str, context: object, input: str | None, *, rel_tol: float = 0.0, or_input: bool = True
) -> Verdict:
    """Passes when each number of the output occurs in the retrieved context. The score is the share that does.

    Abstains when output or context is NULL and when the output has no number. Which number is meant, or what is said
    of it, it cannot see; nor numbers in words (three), a sum, a conversion, 50% for 0.5, or a minus sign.
    Numbers are compared by value: 1,234.50 is 1234.5; 1.234 may be a thousand or a decimal, and either will do;
    2024-05-20 and 10.0.0.1 are the numbers between the marks. The numbers of a list (1. 2. at the start of a line) do
    not count. Digits of any script.
    context: any JSON; its strings and numbers are looked at, but for keys.
    rel_tol: how far from the context's number, relative to it, a number may be; default 0. 0.01 allows rounding.
    or_input: default true: the numbers of the step's input may be used, too.
    details: {"missing": [{"number", "start", "end"}]}, up to 20; in characters of the output, end excluded.
    """
    if context is None:
        return Verdict(None, reason="context is NULL")
    known = {value for text in _texts(context) for _, readings in _numbers(text) for value in _all(readings)}
    if or_input and input:
        known |= {value for _, readings in _numbers(input) for value in _all(readings)}
    near = sorted(map(float, known)) if rel_tol else []

    def grounded(value: str) -> bool:
        return value in known or (bool(near) and _is_near(float(value), near, rel_tol))

    bullets = {match.start(1) for match in _BULLET.finditer(output)}
    found = [each for each in _numbers(output) if each[0].start() not in bullets]
    if not found:
        return Verdict(None, reason="no number in the output")
    missing = [match for match, readings in found if not any(all(map(grounded, each)) for each in readings)]
    return _share(output, [match.span() for match in missing], len(found), "number")


def _check_length(*, min_length: int, **_) -> None:
    if min_length < 1:
        raise ValueError(f"min_length is {min_length}, expected 1 or more")


@validator(check=_check_length)
def quotes_in_context(
    output: str, context: object, input: str | None, *, min_length: int = 10, or_input: bool = True
) -> Verdict:
    """Passes when each quotation of the output occurs in the retrieved context. The score is the share that does.

    Abstains when output or context is NULL and when the output quotes nothing. A quotation stands, within a paragraph,
    between “ ”, " ", « », „ “, 「 」 or 『 』; 'single' marks are not seen, since they look like apostrophes. Case,
    white space, the kind of marks and the mark at the end do not matter; parts around ... or [...] may be apart.
    context: any JSON; its strings are looked at, each by itself.
    min_length: characters of a quotation, default 10; shorter ones are names or irony and do not count.
    or_input: default true: the step's input may be quoted, too.
    details: {"missing": [{"quotation", "start", "end"}]}, up to 20; in characters of the output, end excluded.
    """
    if context is None:
        return Verdict(None, reason="context is NULL")
    texts = [_plain(text) for text in _texts(context)]
    if or_input and input:
        texts.append(_plain(input))
    found = [match for match in _QUOTATION.finditer(output) if len(match[0]) - 2 >= min_length]
    if not found:
        return Verdict(None, reason="no quotation in the output")
    missing = [match for match in found if not any(_quoted(match[0][1:-1], text) for text in texts)]
    return _share(output, [(match.start() + 1, match.end() - 1) for match in missing], len(found), "quotation")


def _share(output: str, missing: list[tuple[int, int]], total: int, what: str) -> Verdict:
    score = 1 - len(missing) / total
    if not missing:
        return Verdict(True, score)
    rows = [{what: output[start:end][:100], "start": start, "end": end} for start, end in missing[:MAX_FOUND]]
    reason = f"{len(missing)} of {total} {what}s not in the context, such as {rows[0][what]!r}"
    return Verdict(False, score, reason=reason, details={"missing": rows})


def _texts(context: object) -> Iterator[str]:
    todo = [context]
    while todo:
        match todo.pop():
            case str() as text:
                yield text
            case bool() | None:
                pass
            case int() | float() as number:
                yield repr(number)
            case list() as items:
                todo += items
            case dict() as members:
                todo += members.values()


# A run of digits with single marks between them; spaces only as they divide thousands.
_RUN = re.compile(r"\d+(?:(?:[.,'\u2019\u00a0\u2009\u202f\u066b\u066c]| (?=\d{3}(?!\d)))\d+)*")
_BULLET = re.compile(r"^[ \t>]*(\d{1,4})[.)](?=\s)", re.MULTILINE)
_ARABIC_MARKS = str.maketrans("\u066b\u066c", ".,")


def _numbers(text: str) -> Iterator[tuple[re.Match, list[tuple[str, ...]]]]:
    """Each number of a text, with what it may mean: one value, or several ones side by side."""
    for match in _RUN.finditer(text):
        digits = match[0]
        if not digits.isascii():
            digits = "".join(str(unicodedata.digit(each, each)) for each in digits.translate(_ARABIC_MARKS))
        yield match, _readings(digits)


def _readings(digits: str) -> list[tuple[str, ...]]:
    if digits.isdecimal():
        return [(_value(digits),)]
    parts, marks = re.split(r"\D", digits), re.findall(r"\D", digits)
    thousands = len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:-1]) and len(set(marks[:-1])) <= 1
    readings = []
    if thousands and len(parts[-1]) == 3 and len(set(marks)) == 1:
        readings.append((_value("".join(parts)),))  # 1,234,567 or 1.234
    if (thousands or len(marks) == 1) and marks[-1] in ".," and marks[-1] not in marks[:-1]:
        readings.append((_value("".join(parts[:-1]), parts[-1]),))  # 1,234.5 or 1.234
    if not readings or marks[-1] == " ":
        readings.append(tuple(map(_value, parts)))  # 10.0.0.1, or numbers with a space between them
    return readings


def _value(whole: str, fraction: str = "") -> str:
    """A number in one spelling. Not a Decimal: digits without end cost only their length."""
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


def _all(readings: list[tuple[str, ...]]) -> Iterator[str]:
    return (value for reading in readings for value in reading)


def _is_near(value: float, near: list[float], rel_tol: float) -> bool:
    at = bisect_left(near, value)
    return any(abs(value - each) <= rel_tol * abs(each) for each in islice(near, max(at - 1, 0), at + 1))


_QUOTATION = re.compile(
    "\"[^\"\n]*\"|\u201c[^\u201c\u201d\n]*\u201d|\u201e[^\u201e\u201c\u201d\n]*[\u201c\u201d]"
    "|\u00ab[^\u00ab\u00bb\n]*\u00bb|\u300c[^\u300c\u300d\n]*\u300d|\u300e[^\u300e\u300f\n]*\u300f"
)
_MARKS = str.maketrans("\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d\u300e\u300f\u2018\u2019", '"' * 9 + "''")
_ELLIPSIS = re.compile(r"\[?(?:\.\.\.|\u2026)\]?")


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text.translate(_MARKS)).casefold().split())


def _quoted(quotation: str, text: str) -> bool:
    at = 0
    for part in _ELLIPSIS.split(quotation):
        part = _plain(part).rstrip(".,;:!? ")
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True
