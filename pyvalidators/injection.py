"""Attempts to take the model over: instructions hidden in an input, and a system prompt that comes out again."""

import re
import unicodedata
from functools import lru_cache

from .registry import validator
from .side import Side, side
from .verdict import Verdict


def _check_threshold(*, threshold: float, **_) -> None:
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold is {threshold:g}, expected more than 0, at most 1")


@validator(check=_check_threshold)
def prompt_injection(
    input: str | None, output: str | None, *, threshold: float = 0.8, field: Side = "input"
) -> Verdict:
    """Passes when the wording of the text is unlike a jailbreak or an injected instruction. Abstains when it is NULL.

    The score, 0 to 1, is how sure the signs together are, each by its weight and as if they were independent (noisy
    or): override (ignore previous instructions), leak (reveal your prompt), control (chat markup), named (DAN,
    developer mode), persona, model (it is spoken to), unbound (no restrictions), no_refusal (never say no), harm (no
    matter how illegal), policy (OpenAI's rules), two_answers, in_character, and orders (many sentences that tell the
    model what it will do). The families are those of OWASP LLM01 and of studies of jailbreaks in the wild (Shen et
    al. 2024). Words are compared after NFKD, without case, accents and invisible characters. What wording cannot
    show: other languages than English, encodings (base64, leetspeak), requests that are harmful but plainly put,
    instructions that read like the document they are in, and attacks made for this list. It is a filter for the
    common case, not a border: give the model no rights that its input's author must not have.

    threshold: score from which the text fails, default 0.8.
    field: "input" (default) or "output", for tools and retrievers, whose output is somebody else's text.
    score: 0 to 1; the higher, the more like an attack.
    details: {"signs": {family: weight}}.
    """
    text = side(field, input, output)
    if isinstance(text, Verdict):
        return text
    text = _plain(text)
    signs = {name: weight for name, (weight, pattern) in _SIGNS.items() if pattern.search(text)}
    innocent = 1.0
    for weight in signs.values():
        innocent *= 1 - weight
    score = round(1 - innocent, 3)
    if score < threshold:
        return Verdict(True, score, details={"signs": signs} if signs else None)
    return Verdict(False, score, reason=f"signs of an attack: {', '.join(signs)}", details={"signs": signs})


def _plain(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(each for each in text if unicodedata.category(each) not in ("Cf", "Mn"))
    return " ".join(text.casefold().replace("’", "'").split())


_RULES = (
    "(?:instruction|prompt|rule|guideline|direction|message|command|order|conversation|context|training|programming|policy"
    "|policies|constraint|restriction|protocol|safeguard|guardrail|ethic|moral|told|said)s?"
)
_MODEL = (
    "(?:chat ?gpt|gpt(?:-?[345])?|openai|claude|gemini|bard|llama|(?:large )?language model"
    "|ai(?: model| assistant| language model)?|chatbot|assistant|bot)"
)
_HARM = (
    "(?:illegal|unethical|immoral|dangerous|harmful|offensive|hateful|inappropriate|explicit|vulgar|violent|profan[a-z]+"
    "|curse|swear[a-z]*|nsfw|racist|sexist|controversial|derogatory|obscene|inhumane|dark|evil)"
)
_LIMITS = (
    "(?:restrictions?|limits|limitations?|filters?|filtering|censorship|censoring|boundaries|constraints|morals?|morality"
    "|ethics|rules|guidelines|consequences)"
)
_EACH = "(?:each|every|all|your|the|any)"
_MESSAGE = "(?:message|response|sentence|answer|reply|output|statement|post|line)s?"


def _sign(weight: float, *alternatives: str) -> tuple[float, re.Pattern]:
    """The pattern of any of the alternatives. Its repetitions are bounded: linear on hostile text."""
    return weight, re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})")


_SIGNS = {
    "override": _sign(
        0.8,
        r"(?:ignore|disregard|forget|override|bypass|discard|neglect|overlook|(?:do not|don't) follow|stop following) "
        r"(?:\w+ ){0,4}?"
        r"(?:prev(?:ious)?|prior|above|preceding|earlier|all|any|every|your|initial|original|everything)\b"
        rf"[^.!?]{{0,40}}?\b{_RULES}\b",
        r"(?:ignore|disregard|forget|override|bypass|(?:do not|don't) (?:follow|obey)) (?:\w+ ){0,4}?system prompt\b",
        r"(?:ignore|disregard|forget) everything (?:\w+ ){0,3}?(?:above|before|previously|so far|until now)\b",
        r"(?:your|content|safety|ethical) (?:\w+ )?(?:guideline|rule|polic|filter|restriction|safeguard|protocol)\w* "
        r"(?:is|are|has been|have been) (?:now )?(?:no longer|disabled|lifted|removed|suspended|deactivated|off)\b",
        r"new (?:instructions|rules) (?:are|follow|:)",
    ),
    "leak": _sign(
        0.8,
        r"(?:reveal|print|repeat|show|output|display|tell me|give me|what (?:is|are|was|were)|copy|leak|summarize|say) "
        r"(?:\w+ ){0,4}?(?:your|the|all|full|above|previous) (?:\w+ ){0,2}?"
        r"(?:(?:system|initial|original|hidden|secret|pre|first) ?-?(?:prompts?|instructions?|messages?)"
        r"|(?:prompts?|instructions?) (?:above|before|verbatim|prior))",
        r"(?:reveal|print|repeat|show|output|display|copy|leak|say) (?:\w+ ){0,4}?"
        r"(?:(?:text|words|sentences|everything) (?:\w+ ){0,4}?(?:above|before this|verbatim|in your context)"
        r"|(?:above|previous|preceding|prior) (?:prompts?|instructions?|directions?))\b",
        r"(?:reveal|print|repeat|show|output|display|copy|leak|tell|give|gimme|what (?:is|are|was|were)) (?:me |us )?"
        r"(?:your|ur|you were given) (?:\w+ ){0,2}?(?:prompt|instructions)\b(?! (?:for|to|on|about|regarding|of)\b)",
        r"(?:text|contents?|wording) of (?:your|the) (?:system )?(?:prompt|message|instructions)\b",
    ),
    "control": _sign(
        0.8,
        r"<\|(?:im_start|im_end|system|endoftext|assistant|user)",
        r"\[/?inst\]",
        r"<</?sys>>",
        r"#{2,} ?(?:system|instructions?)\b",
    ),
    "named": _sign(
        0.7,
        r"dan(?:'s)?(?= (?:mode|can|is|will|has|stands|means|as|should|would)\b)",
        r"(?:do anything now|(?:developer|dev|debug(?:ging)?|god|evil|dude|sudo|maintenance|aim|opposite) mode)\b",
        # Of a phone it is a topic.
        r"jail ?(?:break|broke)\w*+(?! (?:\w+ )?(?:i?phones?|ipads?|ios|android|devices?|consoles?|kindle|tvs?)\b)",
        r"(?:evil ?(?:bot|confidant)|anti-?(?:gpt|dan)|(?!chatgpt)\w{1,20}gpt)\b",
    ),
    "persona": _sign(
        0.3,
        r"you(?:'re|'ll| are| will| shall)?(?: now| going to| about to| to| be| only){1,3} "
        r"(?:act|be|play|become|pretend|immerse|imitate|role|in the role|an?|the|known|called|named)\b",
        r"(?:act|behave|respond|reply|answer|speak|write|function|work|operate) (?:to me |only |exactly |just )?"
        r"(?:as if you|as though you|as an?|as the|like an?|as my|like the)\b",
        r"pretend(?:ing)? (?:to be|that you|you|as)\b",
        r"(?:take on|play|assume) the (?:role|part|character|persona)\b",
        r"(?:role ?-?play|simulat\w+|imitate|impersonate|immerse yourself|from now on|your (?:new )?name is)\b",
        r"(?:you are (?:an?|called)|alter ego|a character (?:named|called|who))\b",
    ),
    "unbound": _sign(
        0.5,
        rf"(?:no|without|any|zero|free (?:from|of)|bypass\w*|remove|lift\w*) (?:\w+ ){{0,3}}?{_LIMITS}\b",
        r"(?:unrestricted|uncensored|unfiltered|unethical|amoral|immoral|unlimited|unhinged|br(?:oken|eaks?) free)\b",
        r"(?:not|never|longer) (?:be )?(?:bound|limited|restricted|constrained|censored|confined)\b",
        r"(?:not|\w+n't|never|longer) (?:\w+ )?(?:have to )?(?:follow|abide|adhere|comply|obey|conform|care)\b"
        r"[^.!?]{0,40}?(?:rules|polic|guidelines|law|ethic|moral|restriction|content|terms|consequence|principles|norms)",
    ),
    "no_refusal": _sign(
        0.5,
        r"(?:never|not|\w+n't|cannot|without) (?:ever )?(?:refus\w+|declin\w+|reject\w*"
        r"|say(?:ing)? (?:no|that|you|i|it)|apologi\w+|warn\w*|censor\w*|sanitize|morali[sz]\w+|lectur\w+|deny)\b",
        r"(?:never|not|\w+n't|cannot|without) (?:ever )?(?:add|include|mention|give|provide|use|adding) (?:any )?"
        r"(?:warning|disclaimer|note|ethic|moral|caution|apolog)",
        r"(?:answers?|respond(?:s)? to|fulfill?s?|complete|compl(?:y|ies) with|generate|provide|grants?|obeys?|follows?"
        r"|do(?:es)?) (?:\w+ )?(?:any|every|all|anything|everything|whatever)\b[^.!?]{0,30}?"
        r"(?:questions?|requests?|prompts?|content|asks?|tasks?|commands?|orders?|i say|instructions?|kinds?|types?)\b",
        r"(?:no (?:warnings?|disclaimers?|apolog\w+|refusals?)|no matter what)\b",
        r"i can(?:'t|not) (?:do|fulfill|answer|assist)\b",
        r"(?:must|always|should|will) (?:comply|obey|accept|agree|answer|respond|fulfill)\b",
    ),
    "harm": _sign(
        0.4,
        r"(?:no matter (?:how|if|what)|regardless|even (?:if|when|though)|whether|including|or|and|any|is|are|be) "
        rf"(?:\w+,? ){{0,4}}?{_HARM}\b",
    ),
    "policy": _sign(
        0.4,
        r"openai(?:'s)?\b",
        r"(?:content|(?:use|usage)[- ]case) polic(?:y|ies)\b",
        r"(?:ethical|moral|safety|community) (?:guidelines|guardrails|filters?|restrictions|protocols|policies)\b",
        r"(?:your|its|the) (?:programming|filters|guardrails|restrictions|safeguards)\b",
    ),
    "two_answers": _sign(
        0.5,
        r"(?:two|2|both) (?:\w+ ){0,3}?(?:ways|responses|answers|replies|outputs|paragraphs|versions|personalities)\b",
        r"\[(?:gpt|chatgpt|classic|🔒|🔓|normal|jailbreak|\w{2,12}(?: output| response)?)\]",
        r"(?:chat)?gpt: ?[\[\"]",
    ),
    "in_character": _sign(
        0.4,
        r"(?:stay|remain|keep|be|break\w*|out of|exit|leave) (?:in |your |the )?(?:character|role)\b",
        rf"(?:begin|start|end|prefix|preface|precede|finish) (?:\w+ ){{0,2}}?{_EACH} (?:\w+ )?{_MESSAGE}\b",
        r"(?:if|when|whenever) i (?:say|type|write|ask|put|enter)\b",
        r"(?:say|reply|respond|answer)(?: only)?(?: with)? [\"'“]",
        r"(?:understood|confirm|acknowledge)\b[^.!?]{0,30}?\b(?:respond|reply|say|by|with)\b",
    ),
    "model": _sign(0.3, rf"{_MODEL}\b"),
    "orders": _sign(
        0.45,
        r"(?:\b(?:you (?:will|must|should|are|can|cannot|can't|may|have to|need to|shall|do not|don't|always|never)"
        r"|your (?:responses?|answers?|task|goal|job|role|first|next|output)"
        r"|i want you|i will|do not|don't|always|never|please|only)\b.{0,400}?){5}",
    ),
}


def _check_prompt(*, prompt: str, words: int) -> None:
    if words < 1:
        raise ValueError(f"words is {words}, expected 1 or more")
    if not _runs(prompt, words):
        raise ValueError(f"prompt has fewer than {words} words, so no run of {words} can leak: lower words")


@validator(check=_check_prompt)
def no_prompt_leak(output: str, *, prompt: str, words: int = 8) -> Verdict | bool:
    """Passes when no run of `words` consecutive words of the system prompt stands in the output.

    Abstains when the output is NULL. Words are letters and digits; case, punctuation, line breaks and Markdown
    between them make no difference. What is paraphrased, translated or encoded is not seen.

    prompt: the system prompt, or the part of it that is nobody's business.
    words: default 8. Fewer also finds common phrases.
    score: the share of the prompt's runs that are in the output, 0 to 1.
    details: {"start", "end"} of the first run, in characters of the output, end excluded.
    """
    runs = _runs(prompt, words)
    places = [(match[0].casefold(), match.start(), match.end()) for match in _WORD.finditer(output)]
    keys = [word for word, _, _ in places]
    starts = {}
    for i in range(len(keys) - words + 1):
        run = tuple(keys[i : i + words])
        if run in runs:
            starts.setdefault(run, i)
    if not starts:
        return Verdict(True, 0.0)
    first = min(starts.values())
    start, end = places[first][1], places[first + words - 1][2]
    return Verdict(
        False,
        len(starts) / len(runs),
        reason=f"{len(starts)} of {len(runs)} runs of {words} words of the prompt, the first at character {start}",
        details={"start": start, "end": end},
    )


_WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=64)
def _runs(prompt: str, words: int) -> frozenset[tuple[str, ...]]:
    keys = [word.casefold() for word in _WORD.findall(prompt)]
    return frozenset(tuple(keys[i : i + words]) for i in range(len(keys) - words + 1))
