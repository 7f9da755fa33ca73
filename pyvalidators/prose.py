"""How a text reads: how much of it there is, how hard it is, and which tone its words set."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from .registry import validator
from .side import Side, side
from .verdict import Verdict


def _check_limits(*, field: Side, **limits: int | None) -> None:
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if not given:
        raise ValueError(f"expected at least one limit: {', '.join(limits)}")
    for name, limit in given.items():
        if limit < 0:
            raise ValueError(f"{name} is {limit}, expected 0 or more")


@validator(check=_check_limits)
def complexity(
    input: str | None,
    output: str | None,
    *,
    max_characters: int | None = None,
    max_words: int | None = None,
    max_sentences: int | None = None,
    max_tokens: int | None = None,
    field: Side = "input",
) -> Verdict:
    """Passes when the text is within all limits given; an empty one is. Abstains when it is NULL.

    max_characters: Unicode code points.
    max_words: runs between whitespace, so a Chinese or Thai sentence is one word.
    max_sentences: ends of sentences (such as . and ! before whitespace, Chinese ones anywhere), and text after the last
        one. The dot of an abbreviation counts as one.
    max_tokens: about: bytes of UTF-8, by four. OpenAI's rule of thumb is four characters of English a token; scripts of
        three bytes a character come to three quarters of one.
    field: "input" (default) or "output".
    details: {"characters", "words", "sentences", "tokens"}.
    """
    text = side(field, input, output)
    if isinstance(text, Verdict):
        return text
    limits = {"characters": max_characters, "words": max_words, "sentences": max_sentences, "tokens": max_tokens}
    sizes = {
        "characters": len(text),
        "words": len(text.split()),
        "sentences": _sentences(text),
        "tokens": -(-len(text.encode(errors="surrogatepass")) // 4),
    }
    over = [
        f"{sizes[unit]} {unit}, limit {limit}"
        for unit, limit in limits.items()
        if limit is not None and sizes[unit] > limit
    ]
    return Verdict(not over, reason="; ".join(over) or None, details=sizes)


_SENTENCE_END = re.compile(r"[.!?…]++[\"'”’)\]]{0,3}(?=\s|\Z)|[。！？]++")


def _sentences(text: str) -> int:
    end, count = 0, 0
    for match in _SENTENCE_END.finditer(text):
        end, count = match.end(), count + 1
    return count + bool(text[end:].strip())


FEW_WORDS = 20


def _check_ease(*, min_ease: float) -> None:
    if not 0 <= min_ease <= 100:
        raise ValueError(f"min_ease is {min_ease:g}, expected 0 to 100")


@validator(check=_check_ease)
def readability(output: str, *, min_ease: float) -> Verdict:
    """Passes when the output's Flesch reading ease is at least `min_ease`. English only.

    Abstains when it is NULL or has fewer than 20 words, too few for a mean.
    206.835 - 1.015 * words per sentence - 84.6 * syllables per word (Flesch 1948). Syllables are counted by spelling:
    groups of vowels, but for a silent e at the end. Lines count as sentences, so a list is no long sentence.

    min_ease: 0 to 100. 60 and more is plain English, 30 and less an academic paper.
    score: the reading ease.
    details: {"words", "sentences", "syllables"}.
    """
    text = output.casefold()  # of ß it makes letters that are Latin
    words = _LATIN.findall(text)
    if len(words) < FEW_WORDS:
        return Verdict(None, reason=f"{len(words)} words are too few to tell, expected {FEW_WORDS}")
    sentences = sum(map(_sentences, filter(_LATIN.search, text.splitlines())))
    syllables = sum(map(_syllables, words))
    ease = 206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words)
    return Verdict(
        ease >= min_ease,
        ease,
        reason=None if ease >= min_ease else f"reading ease {ease:.0f}, expected {min_ease:g} or more",
        details={"words": len(words), "sentences": sentences, "syllables": syllables},
    )


_LATIN = re.compile(r"[a-z]++(?:['’][a-z]++)?+", re.IGNORECASE)
_SILENT = re.compile(r"[^le]e$|[^td]ed$|[^aeioulscxz]es$")
_VOWELS = re.compile(r"[aeiouy]++")


@lru_cache(maxsize=4096)
def _syllables(word: str) -> int:
    word = word.partition("'")[0]
    groups = len(_VOWELS.findall(word))
    return max(1, groups - bool(_SILENT.search(word)))


# Kinds of words that an answer to a customer is often asked to do without: the usual lists of style guides.
TONES = {
    "apologetic": "sorry apologies apologize apologise apology regret unfortunately forgive pardon",
    "filler": "actually basically literally simply just really very quite honestly obviously clearly essentially",
    "hedging": "maybe perhaps possibly probably might could seems seemingly apparently presumably likely somewhat",
    "hype": "amazing awesome incredible revolutionary groundbreaking unbelievable best-in-class world-class "
    "cutting-edge game-changing game-changer seamless unparalleled unrivaled ultimate",
    "rude": "stupid idiot idiotic dumb moron ridiculous pathetic nonsense rubbish crap damn hell shut-up lazy",
}
Tone = Literal["apologetic", "filler", "hedging", "hype", "rude"]


def _check_tones(*, tones: list[str], words: list[str], max_per_100_words: float) -> None:
    if not tones and not any(words):
        raise ValueError(f"expected tones or words; tones are {', '.join(TONES)}")
    if max_per_100_words < 0:
        raise ValueError(f"max_per_100_words is {max_per_100_words:g}, expected 0 or more")


@validator(check=_check_tones)
def tone_words(
    output: str, *, tones: Sequence[Tone] = (), words: Sequence[str] = (), max_per_100_words: float = 0
) -> Verdict:
    """Passes when words of the unwanted tones are at most `max_per_100_words` of each hundred; an empty output passes.

    Abstains when the output is NULL. It counts words, whatever they mean there: "just" is also an adjective.

    tones: apologetic, filler, hedging, hype, rude: short English lists.
    words: words of your own, any language; whole words, any case.
    max_per_100_words: default 0: none at all.
    score: tone words per hundred words.
    details: {"words": {word: times}}.
    """
    unwanted = _unwanted(tuple(tones), tuple(words))
    all_words = _TOKEN.findall(output.casefold())
    found = Counter(word for word in all_words if word in unwanted)
    rate = 100 * found.total() / len(all_words) if all_words else 0.0
    if rate <= max_per_100_words:
        return Verdict(True, rate, details={"words": dict(found)} if found else None)
    worst = ", ".join(repr(word) for word, _ in found.most_common(5))
    return Verdict(
        False,
        rate,
        reason=f"{rate:.1f} tone words per 100, limit {max_per_100_words:g}: {worst}",
        details={"words": dict(found)},
    )


_TOKEN = re.compile(r"\w++(?:['’-]\w++)*+")


@lru_cache(maxsize=64)
def _unwanted(tones: tuple[str, ...], words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(each for tone in tones for each in TONES[tone].split()) | {each.casefold() for each in words}
