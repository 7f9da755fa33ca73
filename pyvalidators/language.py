"""Which language a text is in: CLD2, and where it is not sure py3langid. The extra `language` installs both."""

import re
from collections.abc import Callable
from functools import lru_cache

from .registry import validator
from .side import Side, side
from .verdict import Verdict

# What CLD2 detects and has a two-letter ISO 639-1 code.
_CODES = """
    aa ab af ak am ar as ay az ba be bg bh bi bn bo br bs ca co cs cy da de dv dz el en eo es et eu fa fi fj fo fr
    fy ga gd gl gn gu gv ha he hi hr ht hu hy ia id ie ig ik is it iu ja jv ka kk kl km kn ko ks ku ky la lb lg ln
    lo lt lv mg mi mk ml mn mr ms mt my na nb ne nl nn nr ny oc om or pa pl ps pt qu rm rn ro ru rw sa sd sg si sk
    sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt ug uk ur uz ve vi vo wo xh yi yo za zh zu
"""
LANGUAGES = frozenset(_CODES.split())
_RENAMED = {"iw": "he", "jw": "jv", "no": "nb", "zh-Hant": "zh"}  # codes of old in both libraries
_ALIKE = ({"bs", "hr", "sr"}, {"id", "ms"}, {"nb", "nn"})  # a sentence of one is often one of the other

LOOK = 20_000  # characters that are looked at
FEW = 15  # letters below which py3langid guesses: 1 % of short English requests were another language


def _check_allowed(*, allowed: list[str], **_) -> None:
    if not allowed:
        raise ValueError("allowed has to name at least one language")
    for code in allowed:
        if code not in LANGUAGES:
            raise ValueError(f"allowed: {code!r} is none of the ISO 639-1 codes known: {' '.join(_CODES.split())}")
    _detectors()


@validator(check=_check_allowed)
def language(input: str | None, output: str | None, *, allowed: list[str], field: Side = "input") -> Verdict:
    """Passes when the text is in one of the `allowed` languages. Abstains when it is NULL, or too short to tell.

    A text in several languages counts as the one that most of it is in; the first 20,000 characters are looked at.
    Bosnian, Croatian and Serbian, Indonesian and Malay, Bokmål and Nynorsk are often taken for each other: allow both.

    allowed: ISO 639-1 codes, at least one, of: aa ab af ak am ar as ay az ba be bg bh bi bn bo br bs ca co cs cy da
        de dv dz el en eo es et eu fa fi fj fo fr fy ga gd gl gn gu gv ha he hi hr ht hu hy ia id ie ig ik is it iu ja
        jv ka kk kl km kn ko ks ku ky la lb lg ln lo lt lv mg mi mk ml mn mr ms mt my na nb ne nl nn nr ny oc om or pa
        pl ps pt qu rm rn ro ru rw sa sd sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt
        ug uk ur uz ve vi vo wo xh yi yo za zh zu. Norwegian is nb or nn; zh is Chinese in either script.
    field: "input" (default) or "output".
    details: {"language"}.
    """
    text = side(field, input, output)
    if isinstance(text, Verdict):
        return text
    found = detect(text)
    if found is None:
        return Verdict(None, reason=f"too little text in the {field} to tell its language")
    if found in allowed:
        return Verdict(True, details={"language": found})
    return Verdict(
        False, reason=f"the {field} is in {found!r}, allowed: {', '.join(allowed)}", details={"language": found}
    )


def _check_installed() -> None:
    _detectors()


@validator(check=_check_installed)
def same_language_as_input(input: str, output: str) -> Verdict:
    """Passes when the output is in the language of the input. Abstains when either is NULL or too short to tell.

    Languages as for `language`; those that are often taken for each other count as one.
    details: {"input", "output"}, the two languages.
    """
    asked, answered = detect(input), detect(output)
    if asked is None or answered is None:
        which = "input" if asked is None else "output"
        return Verdict(None, reason=f"too little text in the {which} to tell its language")
    same = asked == answered or any({asked, answered} <= group for group in _ALIKE)
    reason = None if same else f"the output is in {answered!r}, the input in {asked!r}"
    return Verdict(same, reason=reason, details={"input": asked, "output": answered})


def detect(text: str) -> str | None:
    """The ISO 639 code of the text's language, None where there is too little of it."""
    cld2, classify = _detectors()
    text = _UNREADABLE.sub(" ", text[:LOOK])
    code = cld2(text, isPlainText=True)[2][0][1]
    if code == "un":
        if sum(map(str.isalpha, text)) < FEW:
            return None
        code = classify(text)[0]
    return _RENAMED.get(code, code)


# Addresses are in no language. CLD2 takes no text with these: controls, surrogates, and what is not a character in any
# of the 17 planes.
_UNREADABLE = re.compile(
    r"https?://[!-~]++|[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


@lru_cache(maxsize=1)
def _detectors() -> tuple[Callable, Callable]:
    """Loaded on first use: half a second and 90 MB, most of it numpy's."""
    try:
        from py3langid import classify
        from pycld2 import detect as cld2
    except ImportError as error:
        raise ValueError(f"{error}: install the extra, pip install 'pg-flywheel[language]'") from None
    classify("")  # loads its model
    return cld2, classify
