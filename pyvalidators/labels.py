"""Validators of classifiers: the label in the output, alone or as a member of a JSON object."""

import json
from collections.abc import Sequence

from .expected import Form, normalized
from .registry import validator
from .structured import NotJSON, decode
from .text import SEARCH_TIMEOUT_S, check_pattern, compile_pattern
from .verdict import Verdict


def _check_labels(*, labels: list[str], **_) -> None:
    if not labels:
        raise ValueError("labels is empty, expected at least one label")


@validator(check=_check_labels)
def label_allowed(
    output: str, *, labels: list[str], field: str | None = None, normalize: Sequence[Form] = (), negate: bool = False
) -> Verdict | bool:
    """Passes when the output is one of `labels`. Abstains when it is NULL; an empty one is a label, too.

    labels: at least one.
    field: the member of the output that holds the label, when the output is a JSON object such as {"label": "refund"};
        without it the output fails. Numbers and true are their JSON text. Default null: the output is the label.
    normalize: default [], as in equals_expected, on both sides.
    negate: default false; true means that it must be none of them, such as "other".
    details: {"label"}: the label as it was compared.
    """
    label = _label(output, field, normalize)
    if isinstance(label, Verdict):
        return label
    known = {normalized(each, normalize) for each in labels}
    if (label in known) != negate:
        return True
    reason = "is a label that is not allowed" if negate else f"is none of {len(known)} labels"
    return Verdict(False, reason=f"{label[:100]!r} {reason}", details={"label": label[:100]})


@validator
def label_expected(
    output: str, expected: str, *, field: str | None = None, normalize: Sequence[Form] = ()
) -> Verdict:
    """Passes when the output is the expected label. Abstains when either is NULL.

    field, normalize: as in label_allowed; `field` applies to `expected` where that is a JSON object, too.
    details: {"label", "expected"}, as they were compared, up to 100 characters each: the cells of a confusion matrix.
        An output without the field has the label null.
    """
    wanted = _label(expected, field, normalize)
    if isinstance(wanted, Verdict):
        wanted = normalized(expected, normalize)
    label = _label(output, field, normalize)
    if isinstance(label, Verdict):
        return label._replace(details={"label": None, "expected": wanted[:100]})
    details = {"label": label[:100], "expected": wanted[:100]}
    if label == wanted:
        return Verdict(True, details=details)
    return Verdict(False, reason=f"{label[:100]!r}, expected {wanted[:100]!r}", details=details)


def _check_rules(*, rules: list[dict], ignore_case: bool, **_) -> None:
    if not rules:
        raise ValueError('rules is empty, expected at least one such as {"if": "refund", "then": ["refund"]}')
    for at, rule in enumerate(rules):
        then = rule.get("then")
        if rule.keys() - {"if", "then", "negate"} or not isinstance(rule.get("if"), str) or not isinstance(then, list):
            raise ValueError(f'rules[{at}]: expected {{"if": pattern, "then": [labels], "negate": true or false}}')
        if not then or not all(isinstance(each, str) for each in then) or type(rule.get("negate", False)) is not bool:
            raise ValueError(f'rules[{at}]: expected "then" to be labels and "negate" true or false')
        check_pattern(pattern=rule["if"], ignore_case=ignore_case)


@validator(check=_check_rules)
def label_implied(
    input: str,
    output: str,
    *,
    rules: list[dict],
    field: str | None = None,
    normalize: Sequence[Form] = (),
    ignore_case: bool = True,
) -> Verdict | bool:
    """Passes when the output's label is what each rule that applies to the input asks for.

    Abstains when input or output is NULL and when no rule applies. Status timeout when a search takes over a second.
    rules: each {"if": pattern, "then": [labels]}: where the pattern (as in matches) is found in the input, the label
        has to be one of these; with "negate": true, none of these. Such as {"if": "invoice", "then": ["billing"]}.
    field, normalize: as in label_allowed.
    ignore_case: of the patterns, default true.
    details: {"label", "rules": [place]}: the rules that are broken, from 0.
    """
    applying = [
        at for at, rule in enumerate(rules)
        if compile_pattern(rule["if"], ignore_case).search(input, timeout=SEARCH_TIMEOUT_S)
    ]  # fmt: skip
    if not applying:
        return Verdict(None, reason="no rule applies to the input")
    label = _label(output, field, normalize)
    if isinstance(label, Verdict):
        return label
    broken = []
    for at in applying:
        then = [normalized(each, normalize) for each in rules[at]["then"]]
        if (label in then) == rules[at].get("negate", False):
            broken.append(at)
    if not broken:
        return True
    rule = rules[broken[0]]
    wanted = ("none of " if rule.get("negate") else "") + ", ".join(map(repr, rule["then"][:5]))
    return Verdict(
        False,
        reason=f"{label[:100]!r}, but the input matches {rule['if'][:100]!r}: expected {wanted}",
        details={"label": label[:100], "rules": broken},
    )


def _label(text: str, field: str | None, normalize: Sequence[Form]) -> str | Verdict:
    """The label, normalized; a failing verdict when the field is not there."""
    if field is not None:
        try:
            value = decode(text)
        except NotJSON as error:
            return Verdict(False, reason=f"not JSON: {error}")
        if not isinstance(value, dict) or field not in value:
            return Verdict(False, reason=f"no member {field!r}")
        value = value[field]
        text = value if isinstance(value, str) else json.dumps(value)
    return normalized(text, normalize)
