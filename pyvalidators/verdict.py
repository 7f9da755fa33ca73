"""What a validator returns, and what of it is stored.

A stored result is a plain tuple (passed, score, reason, details, status): this runs once per step.
"""

import json
import math
import re
import traceback
from reprlib import repr as short_repr
from typing import NamedTuple

MAX_REASON = 1_000  # characters


class Verdict(NamedTuple):
    """A validator's answer about one step.

    passed: did the output pass; None when there is only a score, or no answer.
    score: any finite number; None when there is none.
    reason: one line for people; cut at 1,000 characters. With neither passed nor score it says why the
        validator abstains.
    details: a JSON object with what a program would want to know.
    """

    passed: bool | None
    score: float | None = None
    reason: str | None = None
    details: dict | None = None


Result = tuple[bool | None, float | None, str | None, str | None, str]

PASSED: Result = (True, None, None, None, "ok")
FAILED: Result = (False, None, None, None, "ok")
EXPECTED = (
    "expected True, False or a Verdict(passed: bool | None, score: finite number | None, reason: str | None, "
    "details: dict | None) with at least one of passed, score and reason"
)


def result_of(returned: object) -> Result:
    """The storable form of whatever a validator returned. What is not a Verdict has status error."""
    if type(returned) is not Verdict:
        return PASSED if returned is True else FAILED if returned is False else _misfit(returned)
    passed, score, reason, details = returned
    if passed is not None and passed is not True and passed is not False:
        return _misfit(returned)
    if reason is not None:
        if type(reason) is not str:
            return _misfit(returned)
        if len(reason) > MAX_REASON or not reason.isascii() or "\0" in reason:
            reason = _storable(reason[:MAX_REASON])
    if score is not None:
        if not isinstance(score, (int, float)) or isinstance(score, bool) or not math.isfinite(score):
            return _misfit(returned)
        score = float(score)
    if details is not None:
        if not isinstance(details, dict):
            return _misfit(returned)
        details = _json_text(details)
    if passed is None and score is None:
        return (None, None, reason, details, "abstained") if reason else _misfit(returned)
    return passed, score, reason, details, "ok"


def result_of_exception(error: BaseException, source: str) -> Result:
    """Type, message, and the innermost line of `source` that took part. Status timeout for TimeoutError, else error."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # its __str__ is broken, too
        text = type(error).__name__
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == source]
    where = f" ({source.rpartition('/')[2]}:{lines[-1]})" if lines else ""
    status = "timeout" if isinstance(error, TimeoutError) else "error"
    return _error(text[: MAX_REASON - len(where)] + where, status)


def _misfit(returned: object) -> Result:
    return _error(f"returned {short_repr(returned)}, {EXPECTED}")


def _error(reason: str, status: str = "error") -> Result:
    return None, None, _storable(reason[:MAX_REASON]), None, status


def _storable(text: str) -> str:
    """Postgres text holds neither NUL nor a lone surrogate: U+FFFD stands for them."""
    text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


# A backslash that is itself escaped is matched first, so that "\\u0000" in a text stays what it is.
_ESCAPED_NUL = re.compile(r"(\\\\)|\\u0000")


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # json.dumps would build one per call


def _json_text(details: dict) -> str:
    """jsonb refuses NaN, NUL and lone surrogates; raises ValueError or TypeError for what is not JSON."""
    try:
        text = _encode(details)
    except (TypeError, ValueError) as error:
        raise type(error)(f"details are not JSON: {error}") from None
    if "\\u0000" in text:
        text = _ESCAPED_NUL.sub(lambda found: found[1] or "\ufffd", text)
    return _storable(text)
