"""Code in an answer: where it is, and whether it is fenced as it should be."""

import re
from typing import NamedTuple

from .registry import validator
from .verdict import Verdict


class Block(NamedTuple):
    """A fenced code block of Markdown. language: the first word after the fence, in lower case."""

    language: str
    code: str


# As in CommonMark: at most three spaces before it, and no backtick after one of backticks.
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})[ \t]*(\S*)[^\r\n]*[\r\n]*$")


def fenced_blocks(text: str) -> tuple[list[Block], bool, bool]:
    """The closed code blocks of a text; whether there is text outside of them; whether a fence stays open."""
    blocks: list[Block] = []
    inside: list[str] | None = None
    fence = language = ""
    outside = False
    if "```" in text or "~~~" in text:
        for line in text.splitlines(keepends=True):
            found = _FENCE.match(line)
            if inside is None:
                if found:
                    inside, fence, language = [], found[1], found[2].lower()
                else:
                    outside = outside or not line.isspace()
            elif found and not found[2] and found[1].startswith(fence):
                blocks.append(Block(language, "".join(inside)))
                inside = None
            else:
                inside.append(line)
    else:
        outside = bool(text) and not text.isspace()
    return blocks, outside, inside is not None


def code_of(output: str) -> list[str]:
    """The code in an answer: of each fenced block, without the text around; the whole answer where none is fenced."""
    return [block.code for block in fenced_blocks(output)[0]] or [output]


@validator
def code_fenced(output: str, *, language: str | None = None, only: bool = False) -> Verdict | bool:
    """Passes when the output has a fenced code block of Markdown, with something in it.

    Fails without one, and when a fence is left open, as in an answer that was cut off. Abstains when the output is
    NULL. What a fence is, CommonMark says (three or more backticks or tildes); those inside lists and quotations
    are not seen.
    language: such as "python": every block has to say so, in any case; default null: they may say anything or nothing.
    only: default false; true means that there must be exactly one block and no text around it.
    """
    blocks, outside, still_open = fenced_blocks(output)
    if still_open:
        return Verdict(False, reason="a code fence is not closed")
    if not any(block.code.strip() for block in blocks):
        return Verdict(False, reason="an empty code block" if blocks else "no fenced code block")
    other = next((block.language for block in blocks if language and block.language != language.lower()), None)
    if other is not None:
        return Verdict(False, reason=f"a code block of {other or 'no language'!r}, expected {language!r}")
    if only and (outside or len(blocks) > 1):
        return Verdict(False, reason="text beside the code block" if outside else f"{len(blocks)} code blocks")
    return True
