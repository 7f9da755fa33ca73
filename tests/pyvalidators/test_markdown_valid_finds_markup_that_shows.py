import json
from typing import get_args

import pytest

from pyvalidators import ConfigError, get
from pyvalidators.markdown import Rule

ALL = get_args(Rule)


def broken(verdict, output, rules=ALL):
    result = verdict("markdown_valid", {"rules": list(rules)}, output)
    assert result.status == "ok"
    rows = json.loads(result.details)["broken"] if result.details else []
    assert result.passed == (not rows)
    assert not rows or result.reason == f"{rows[0]['rule']} at line {rows[0]['line']}"
    return [(row["rule"], row["line"]) for row in rows]


@pytest.mark.parametrize(
    "output",
    [
        "",
        "plain text, 2 * 3 * 4, a[0][1]",
        "# One\n## Two\n\n**bold** and [text][ref]\n\n[ref]: /x\n\n---\n",
        "```python\nx = '** a **' #Heading\n```\n",
        "> ~~~\n> code\n> ~~~",
        "- item\n  ```\n  code\n  ```",
        "````\n```\n````",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "a | b\n--|--\n1 | `x\\|y`",
        "| a |\n|---|\n| 1 |\n\ntext\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        "`** x **` and `[a][b]`",
        "漢字 **太字** 😀",
    ],
)
def test_what_renders_passes(verdict, output):
    assert broken(verdict, output) == []


@pytest.mark.parametrize(
    ("output", "rule", "line"),
    [
        ("text\n\n```sql\nselect 1", "fence-closed", 3),
        ("```", "fence-closed", 1),
        ("~~~\n```", "fence-closed", 1),
        ("# One\n### Three", "heading-increment", 2),
        ("see [text]()", "no-empty-links", 1),
        ("a <b>b</b>", "no-inline-html", 1),
        ("<div>\nx\n</div>", "no-inline-html", 1),
        ("text\n#Heading", "no-missing-space-atx", 2),
        ("a\n(docs)[https://x.org]", "no-reversed-links", 2),
        ("a ** bold ** b", "no-space-in-emphasis", 1),
        ("one\n\n[text][nowhere]", "reference-links-images", 3),
        ("| a | b |\n|---|---|\n| 1 | 2 | 3 |", "table-column-count", 3),
        ("| a | b |\n|---|---|\n| 1 |", "table-column-count", 3),
        ("| a | b |\n|---|\n| 1 | 2 |", "table-column-count", 2),
    ],
)
def test_what_does_not_render_fails_with_its_rule_and_line(verdict, output, rule, line):
    assert (rule, line) in broken(verdict, output)
    assert broken(verdict, output, set(ALL) - {rule}) == []


def test_html_and_skipped_levels_are_fine_by_default(verdict):
    assert verdict("markdown_valid", {}, "# a\n### b\n<b>c</b>").passed is True


def test_null_abstains_and_an_unknown_rule_is_refused(verdict):
    assert verdict("markdown_valid", {}, None).status == "abstained"
    with pytest.raises(ConfigError, match="MD001"):
        get("markdown_valid").check_config({"rules": ["MD001"]})
