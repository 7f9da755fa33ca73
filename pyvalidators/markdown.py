"""Validators of Markdown: where its links lead, and whether it renders as it was meant."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import unescape
from typing import Literal
from urllib.parse import unquote, urlsplit

from .registry import validator
from .verdict import Verdict

MAX_FOUND = 20  # places listed in details


@lru_cache(maxsize=1)
def _markdown():
    """CommonMark with tables. Every link counts as one, whatever its scheme."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    parser.validateLink = lambda url: True
    return parser


def _check_links(*, domains: list[str], **_) -> None:
    for domain in domains:
        if not domain or not _host(f"//{domain}") or set(domain) & set("/:@*?"):
            raise ValueError(f"domains has {domain!r}, expected a name such as 'example.com', which has its subdomains")
    _markdown()


@validator(check=_check_links)
def links_allowed(
    output: str,
    *,
    domains: list[str],
    schemes: list[str] = ("https", "http", "mailto", "tel"),
    negate: bool = False,
) -> Verdict | bool:
    """Passes when every link of the output leads to one of `domains`; an output without links passes.

    Abstains when the output is NULL. Links are what a reader or a browser would follow: https://... and www. anywhere
    in the text, also in code; destinations of Markdown links and images, entities resolved; href, src and the like in
    HTML. A relative one (/help, #top) leads nowhere else and passes. Not seen: a domain alone (example.com).
    Reasons and details name the host, not the rest of the address, which may carry data away.
    domains: each with its subdomains, so "example.com" allows docs.example.com; [] allows no link.
    schemes: default ["https", "http", "mailto", "tel"]; the last two have no domain. Any other scheme fails.
    negate: default false; true means that `domains` are the forbidden ones.
    details: {"links": ["scheme://host"]}, those that are not allowed, up to 20.
    """
    listed = {_host(f"//{domain}") for domain in domains}
    refused: dict[str, None] = {}
    for link in _links(output):
        # As browsers read them: no control characters or white space around, and \ is /.
        link = re.sub(r"[\t\r\n]", "", link.strip(_BLANK)).replace("\\", "/")
        scheme = found[1].lower() if (found := re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", link)) else ""
        host = _host(link)
        below = any(host == each or host.endswith(f".{each}") for each in listed)
        if (scheme and scheme not in schemes) or (host and below == negate):
            refused[(scheme and f"{scheme}:") + (host and f"//{host[:100]}")] = None
    return not refused or Verdict(
        False, reason=f"a link to {next(iter(refused))}", details={"links": list(refused)[:MAX_FOUND]}
    )


_BLANK = "".join(map(chr, range(33)))
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{0,30}:[/\\]{2}[^\s<>\"'`|]+")
_WWW = re.compile(r"(?<![\w/@.-])www\.[^\s<>\"'`|/]+", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"\b(?:href|src|srcset|action|formaction|poster|data|background)\s{0,9}=\s{0,9}[\"']?([^\"'\s>]+)", re.IGNORECASE
)


def _links(text: str) -> Iterator[str]:
    yield from _ADDRESS.findall(text)
    yield from ("//" + each for each in _WWW.findall(text))
    if "<" in text:
        yield from map(unescape, _ATTRIBUTE.findall(text))
    if "](" in text or "]:" in text:
        for token in _markdown().parse(text):
            for child in token.children or ():
                if link := child.attrs.get("href") or child.attrs.get("src"):
                    yield str(link)


def _host(link: str) -> str:
    """In the form of the DNS; "" for a link without one."""
    try:
        host = unquote(urlsplit(link).hostname or "").rstrip(".)],;:!?*_")
    except ValueError:  # such as [ without ]
        return "?"
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()


Rule = Literal[
    "fence-closed",
    "heading-increment",
    "no-empty-links",
    "no-inline-html",
    "no-missing-space-atx",
    "no-reversed-links",
    "no-space-in-emphasis",
    "reference-links-images",
    "table-column-count",
]


def _check_rules(*, rules: Sequence[Rule]) -> None:
    _markdown()


@validator(check=_check_rules)
def markdown_valid(
    output: str,
    *,
    rules: Sequence[Rule] = (
        "fence-closed",
        "no-empty-links",
        "no-missing-space-atx",
        "no-reversed-links",
        "no-space-in-emphasis",
        "reference-links-images",
        "table-column-count",
    ),
) -> Verdict | bool:
    """Passes when the output's Markdown breaks none of `rules`; plain text passes. Abstains when it is NULL.

    Every text is valid CommonMark, so what is looked for is markup that shows up as such to a reader. The rules are
    named as in markdownlint; the text is read by markdown-it-py (CommonMark, with GitHub's tables).
    rules: default all but "heading-increment" and "no-inline-html".
        "fence-closed": a code fence is closed (not in markdownlint). "heading-increment" (MD001): no level is skipped.
        "no-empty-links" (MD042): no [text](). "no-inline-html" (MD033). "no-missing-space-atx" (MD018): no #Heading.
        "no-reversed-links" (MD011): no (text)[address]. "no-space-in-emphasis" (MD037): no ** bold **.
        "reference-links-images" (MD052): the label of [text][label] is defined. "table-column-count" (MD056): the rows
        of a table have as many cells as its head, and so has the line of dashes.
    details: {"broken": [{"rule", "line"}]}, up to 20; lines from 1.
    """
    broken = sorted({(line, rule) for line, rule in _broken(output) if rule in rules})
    return not broken or Verdict(
        False,
        reason=f"{broken[0][1]} at line {broken[0][0]}",
        details={"broken": [{"rule": rule, "line": line} for line, rule in broken[:MAX_FOUND]]},
    )


# In text that is left when all markup is understood.
_LEFT_OVER = {
    "no-missing-space-atx": re.compile(r"^#{1,6}[^#\s]", re.MULTILINE),
    "no-reversed-links": re.compile(r"\([^()\n]+\)\[(?!\^)[^\[\]\s]*[./:][^\[\]\s]*\]"),
    "no-space-in-emphasis": re.compile(r"\*\*(?:[ \t][^*\n]*|[^*\n]*[ \t])\*\*"),
    "reference-links-images": re.compile(r"(?<!\w)\[[^\[\]\n]+\]\[[^\[\]\n]+\]"),
    "table-column-count": re.compile(r"^(?=[^\n]*\|)(?=[^\n]*-)[ \t|:-]+$", re.MULTILINE),
}


def _broken(text: str) -> Iterator[tuple[int, str]]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    level = cells = 0
    for token in _markdown().parse(text):
        first, end = token.map or (0, 0)
        match token.type:
            case "heading_open":
                if level and int(token.tag[1]) > level + 1:
                    yield first + 1, "heading-increment"
                level = int(token.tag[1])
            case "fence":
                last = lines[min(end, len(lines)) - 1].strip(" \t>")
                if end - first < 2 or not last.startswith(token.markup) or last.strip(token.markup[0]):
                    yield first + 1, "fence-closed"
            case "html_block":
                yield first + 1, "no-inline-html"
            case "thead_open":
                cells = 0
            case "tr_open":
                row = lines[first].strip().removeprefix("|").removesuffix("|")
                cells = cells or len(_BAR.split(row))
                if len(_BAR.split(row)) != cells:
                    yield first + 1, "table-column-count"
            case "inline":
                yield from _broken_inline(token, first + 1)


_BAR = re.compile(r"(?<!\\)\|")


def _broken_inline(token, line: int) -> Iterator[tuple[int, str]]:
    text = []
    for child in token.children:
        text.append(child.content if child.type == "text" else "\n" if child.type.endswith("break") else "\0")
        if child.type == "html_inline":
            yield line, "no-inline-html"
        elif child.type == "link_open" and child.attrs["href"] in ("", "#"):
            yield line, "no-empty-links"
    plain = "".join(text)
    for rule, pattern in _LEFT_OVER.items():
        for found in pattern.finditer(plain):
            yield line + plain.count("\n", 0, found.start()), rule
