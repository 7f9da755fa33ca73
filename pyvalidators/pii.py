"""Personal data and secrets, found by their shape and proven by their check digits where they have some."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal, NamedTuple

from .registry import validator
from .side import Side, side
from .verdict import Verdict

Kind = Literal[
    "api_key", "email_address", "iban_code", "credit_card", "us_ssn", "ip_address", "phone_number"
]  # fmt: skip
MAX_FOUND = 20  # places listed in details


class Finder(NamedTuple):
    """Candidates of a kind, and how many characters of a match are one: 0 when it is none.

    On hostile text a pattern stays linear: it starts at the border of a word and repeats a bounded number of times, or
    possessively.
    """

    pattern: re.Pattern
    size: Callable[[re.Match], int] = lambda match: len(match[0])


def _check_kinds(*, kinds: list[str], **_) -> None:
    if not kinds:
        raise ValueError("kinds has to name at least one kind")
    _numbers()


@validator(check=_check_kinds)
def pii(
    input: str | None,
    output: str | None,
    *,
    field: Side = "input",
    kinds: Sequence[Kind] = tuple(Kind.__args__),
    allowed: Sequence[str] = (),
) -> Verdict | bool:
    """Passes when the text holds no personal data and no secret of `kinds`. Abstains when the text is NULL.

    Kinds are named as in Microsoft's Presidio. A credit_card has a Luhn digit, and a known issuer's prefix and length
    (ISO/IEC 7812) or the word "card" near it; an iban_code its country's form and ISO 7064 check digits; a us_ssn an
    area, group and serial that are issued, and dashes or spaces, or the words beside it; an ip_address is no loopback.
    A phone_number is +, an area code in parentheses, or digits in groups; with fewer than nine digits only near a word
    such as "call", and not right after one such as "order". An api_key has the form of a known service's key, is a
    private key, a JSON Web Token, or a long value assigned to a name such as token. A number that could be two kinds
    counts as the first of them in the order of the default. Not seen: names, addresses, dates of birth, and what is
    spelt out or taken apart ("at", "dot", spaces in a word).

    field: "input" (default) or "output".
    kinds: default all: api_key, email_address, iban_code, credit_card, us_ssn, ip_address, phone_number.
    allowed: values that may occur, such as your own hotline; as written, but for case.
    details: {"kinds": {kind: places}, "found": [{"kind", "start", "end"}]}, up to 20 places, in characters, end
        excluded. The value itself is nowhere in the verdict.
    """
    text = side(field, input, output)
    if isinstance(text, Verdict):
        return text
    found = find(text, kinds, frozenset(each.casefold() for each in allowed))
    if not found:
        return True
    counts = Counter(kind for kind, _, _ in found)
    first = found[0][1]
    return Verdict(
        False,
        reason=f"{', '.join(sorted(counts))} in the {field}, the first at character {first}",
        details={
            "kinds": dict(counts),
            "found": [{"kind": kind, "start": start, "end": end} for kind, start, end in found[:MAX_FOUND]],
        },
    )


@validator(check=_check_kinds)
def no_pii(output: str, *, kinds: Sequence[Kind] = tuple(Kind.__args__), allowed: Sequence[str] = ()) -> Verdict | bool:
    """Passes when the output holds no personal data and no secret: `pii` with field "output".

    Abstains when the output is NULL. kinds, allowed, details: as in pii.
    """
    return pii(None, output, field="output", kinds=kinds, allowed=allowed)


def find(text: str, kinds: Sequence[Kind], allowed: frozenset[str] = frozenset()) -> list[tuple[Kind, int, int]]:
    """(kind, start, end) of every place, by start. What one kind has taken is blank for the next ones."""
    found: list[tuple[Kind, int, int]] = []
    for kind, finder in _FINDERS.items():
        if kind not in kinds:
            continue
        kept, at, start = [], 0, 0
        while match := finder.pattern.search(text, start):
            size = finder.size(match)
            start = match.start() + size if size else match.end()
            if size:
                kept += text[at : match.start()], "\0" * size
                at = start
                if text[match.start() : start].casefold() not in allowed:
                    found.append((kind, match.start(), start))
        if kept:
            text = "".join(kept) + text[at:]
    return sorted(found, key=lambda place: place[1])


@lru_cache(maxsize=1)
def _numbers():
    """python-stdnum: check digits, and the registry of IBANs. Loaded on first use."""
    from stdnum import iban, luhn
    from stdnum.us import ssn

    return iban, luhn, ssn


def _whole(is_one: Callable[[re.Match], bool]) -> Callable[[re.Match], int]:
    return lambda match: len(match[0]) if is_one(match) else 0


def _beginnings(match: re.Match, groups: int) -> Iterator[str]:
    """The match, and without its last groups, as many as `groups` leaves: a word or a number may follow one."""
    ends = [group.end() for group in re.finditer(r"\w+", match[0])]
    return (match[0][:end] for end in reversed(ends[groups - 1 :] or ends[-1:]))


def _card(match: re.Match) -> int:
    for value in _beginnings(match, 4):
        digits = re.sub(r"\D", "", value)
        issued = _ISSUED.fullmatch(digits) or _CARD_WORD.search(_near(match))
        if issued is not None and _numbers()[1].is_valid(digits):
            return len(value)
    return 0


def _near(match: re.Match) -> str:
    return match.string[max(0, match.start() - 60) : match.end() + 30]


_CARD_WORD = re.compile(r"\b(?:credit|debit|cards?)\b", re.IGNORECASE)


# ISO/IEC 7812 prefixes and lengths: Visa, Mastercard, American Express, Diners Club, JCB, Discover, UnionPay, Maestro,
# Mir, Troy, RuPay.
_ISSUED = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"3(?:0[0-5]|09|[689]\d)\d{11,16}|35\d{14,17}|(?:2131|1800)\d{11}|"
    r"(?:5[0678]|6\d)\d{10,17}|(?:220[0-4]|9792|8[12]\d\d)\d{12,15}",
    re.ASCII,
)

_DASH = "[ \u00a0\u2010-\u2013-]"
_CARD = rf"""(?<![\w-])(?<!\d[.])(?<!\b0,)(?:
    \d{{12,19}}
    | \d{{4}}({_DASH})\d{{4}}\1\d{{4}}\1\d{{1,4}}(?:\1\d{{1,3}})?   # 4-4-4-4, and 4-4-4-4-3
    | \d{{4}}({_DASH})\d{{6}}\2\d{{4,5}}                            # American Express, Diners Club
)(?!\w|-\w|[.]\d)"""


def _iban(match: re.Match) -> int:
    """Its country says how long it is: what follows in the text may look like one more group."""
    values = ((len(value), re.sub(r"[\W_]", "", value)) for value in _beginnings(match, 1))
    # Without stdnum's checks of a country's own: of banks that it knows, and digits that generated IBANs get wrong.
    return next((size for size, number in values if _numbers()[0].is_valid(number, check_country=False)), 0)


_IBAN = (
    rf"(?<!\w)[A-Z]{{2}}\d{{2}}(?:[A-Z0-9]{{11,30}}|(?:{_DASH}[A-Z0-9]{{4}}){{2,7}}(?:{_DASH}[A-Z0-9]{{1,3}})?)(?!\w)"
)


def _is_ssn(match: re.Match) -> bool:
    named = match["dash"] not in (None, ".") or _SSN_WORD.search(_near(match))
    return bool(named) and _numbers()[2].is_valid(re.sub(r"\D", "", match[0]))


_SSN = r"(?<![\w-])\d{3}(?:(?P<dash>[-. \u00a0\u2010-\u2013])\d{2}(?P=dash)|\d{2})\d{4}(?![\w-])"
_SSN_WORD = re.compile(r"\bssn\b|\bsocial security\b", re.IGNORECASE)


def _is_address(match: re.Match) -> bool:
    try:
        address = ip_address(match[0])
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback)


_V4 = r"(?:\d{1,3}\.){3}\d{1,3}"
_IP = (
    rf"(?<![\w.])(?<!\d:){_V4}(?!\w|\.\d)"  # a port may follow
    rf"|(?<![\w.:])(?=[a-f:]{{0,7}}\d)[\da-f]{{0,4}}(?::[\da-f]{{0,4}}){{2,7}}(?::{_V4})?(?![\w:]|\.\d)"
)

# The providers' own prefixes, as scanners of repositories know them, and values that are assigned to a telling name.
_KEY = r"""
    (?<![\w-])(?:
    (?:AKIA|ASIA)[A-Z0-9]{16}                                       # Amazon
    | gh[pousr]_\w{36,255} | github_pat_\w{22,255} | glpat-[\w-]{20,64}
    | xox[abeoprs]-[\w-]{10,250}                                    # Slack
    | [rsp]k_(?:live|test)_\w{16,128}                               # Stripe
    | sk-[\w-]{20,250}                                              # OpenAI, Anthropic
    | AIza[\w-]{35} | ya29\.[\w-]{20,250}                           # Google
    | (?:dop_v1|shp(?:at|ca|pa|ss)|gsk|xai|r8|pplx|nvapi|lin_api|dckr_pat|rubygems|glsa|ntn|tskey|PMAK|xapp)
      [_-][\w-]{24,250}
    | hvs\.[\w-]{24,250} | ATATT3[\w=-]{50,250} | dapi[a-f0-9]{32} | (?:SK|key-)[a-f0-9]{32} | sq0[a-z]{3}-[\w-]{22,43}
    | \d{8,10}:AA[\w-]{33}                                          # Telegram
    | AGE-SECRET-KEY-1[A-Z0-9]{58}
    | hf_[a-zA-Z0-9]{30,64} | npm_\w{36} | pypi-\w[\w-]{50,250} | SG\.[\w-]{16,64}\.[\w-]{16,64}
    | eyJ[\w-]{10,4000}\.eyJ[\w-]{10,4000}\.[\w-]{10,1000}          # JSON Web Token
    )(?![\w-])
    | -----BEGIN[ ](?:[A-Z]{1,12}[ ]){0,3}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----(?:[^-]{1,10000}+-----END[ ][A-Z ]{1,60}-----)?
    | (?i:(?<![a-z])(?:api[ _-]?key|access[ _-]?key|secret(?:[ _-]?key)?|(?:auth[ _-]?)?token|passw(?:or)?d|bearer)
      ["']?\s{0,3}[:=\s]\s{0,3}["']?)(?=[\w+/.=-]{0,40}\d)[\w+/.=-]{16,200}
"""


def _is_phone(match: re.Match) -> bool:
    number = match["number"]
    groups = re.findall(r"\d+", number)
    length = sum(map(len, groups))
    if number[0] == "+" or (number.startswith("00") and number[2:3] in "123456789"):
        return 8 <= length <= 17  # E.164 allows fifteen, after 00
    if "(" in number:
        return 7 <= length <= 12
    if len(groups) == 1:
        return (length in (10, 11) and number[0] == "0") or _NORTH_AMERICA.fullmatch(number) is not None
    gaps, trunk = set(re.findall(r"\D", number)), number[0] == "0"
    if not 7 <= length <= 11 or (len(gaps) > 1 and not trunk):
        return False
    layout = [*map(len, groups)]
    first_fits = layout[0] <= 4 or trunk or layout == [5, 5]
    if not first_fits or layout[-1] < 2 or max(layout[1:-1], default=0) > 4:
        return False
    if (
        layout == [3, 2, 4]  # ZIP code and house
        or (not trunk and layout in ([1, 3, 3], [1, 3, 3, 3]))  # thousands
        or (not trunk and len(layout) == 2 and gaps == {"."})  # a decimal
        or _DATE.fullmatch(number)
        or _NAMED.search(match.string, max(0, match.start() - 30), match.start())
    ):
        return False
    return (length >= 9 and layout != [5, 5]) or _CALLING.search(_near(match)) is not None


_NORTH_AMERICA = re.compile(r"[2-9]\d\d[2-9]\d{6}")
_DATE = re.compile(r"\d{4}(\D)\d{1,2}\1\d{1,2}|\d{1,2}(\D)\d{1,2}\2\d{4}|(?:19|20)\d\d\D(?:19|20)\d\d")  # or two years
_CALLING = re.compile(
    r"\b(?:(?:tele)?phones?|cell(?:phone)?|mobile|fax|call|dial|ring|text|sms|whatsapp|tel|numbers?|reach|contact|"
    r"answer|messag|voicemail|hotline)",
    re.IGNORECASE,
)
# What the text itself calls something else, right before it.
_NAMED = re.compile(
    r"\b(?:order|invoice|ticket|case|part|serial|tracking|product|model|reference|account|policy|claim|sku|isbn|po|ref|id)"
    r"(?: (?:number|no\.?|nr\.?|id|code))?[ :#]{1,3}\Z",
    re.IGNORECASE,
)
_GAP = r"[ \u00a0.\u2010-\u2013-]"
_PHONE = rf"""(?<![\w#$€£/+-])(?<!\d[.:])(?<!\b\d,)(?<!\b\d\d,)(?<!\b\d\d\d,)
    (?P<number>(?:(?:\+|00)\d{{1,3}}{_GAP}?)?(?:\(\d{{1,5}}\){_GAP}?|0\d{{2,4}}/)?\d{{1,5}}(?:{_GAP}\d{{2,5}}){{0,5}}\d*+)
    (?:\s?(?:x|ext\.?|extension)\s?\d{{1,6}})?(?![\w-]|\.\d|,\d{{1,3}}\b)"""

_EMAIL = r"(?<![\w.+%'-])[\w.+%'-]++@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,63}(?![^\W_])"

# In this order: a card may look like a phone number, never the other way round.
_FINDERS: dict[Kind, Finder] = {
    "api_key": Finder(re.compile(_KEY, re.VERBOSE)),
    "email_address": Finder(re.compile(_EMAIL)),
    "iban_code": Finder(re.compile(_IBAN, re.IGNORECASE), _iban),
    "credit_card": Finder(re.compile(_CARD, re.VERBOSE), _card),
    "us_ssn": Finder(re.compile(_SSN, re.IGNORECASE), _whole(_is_ssn)),
    "ip_address": Finder(re.compile(_IP, re.IGNORECASE), _whole(_is_address)),
    "phone_number": Finder(re.compile(_PHONE, re.VERBOSE | re.IGNORECASE), _whole(_is_phone)),
}
