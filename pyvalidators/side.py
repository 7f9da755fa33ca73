"""Validators that look at the input or at the output: which one is their config key `field`."""

from typing import Literal

from .verdict import Verdict

Side = Literal["input", "output"]


def side(field: Side, input: str | None, output: str | None) -> str | Verdict:
    """The text that `field` names; where it is NULL, the verdict that abstains."""
    text = input if field == "input" else output
    return Verdict(None, reason=f"{field} is NULL") if text is None else text
