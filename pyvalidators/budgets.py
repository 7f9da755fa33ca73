"""Budgets of one step: time, money, tokens. The score is what it took, so that metrics show the mean.

Budgets of a whole trace need its other steps: see flywheel.step_budget.
"""

import math
from datetime import datetime
from typing import Literal

from .registry import validator
from .verdict import Verdict


def _check_positive(**budget: float | str) -> None:
    for key, value in budget.items():
        if not isinstance(value, str) and value < 0:
            raise ValueError(f"{key} is {value}, expected 0 or more")


@validator(check=_check_positive)
def latency_budget(started_at: datetime, ended_at: datetime, *, seconds: float) -> Verdict:
    """Passes when the step took no longer than `seconds`. promptfoo's latency (there in milliseconds).

    Abstains when started_at or ended_at is NULL, and when it ended before it started.
    seconds: 0 or more. score: the seconds it took.
    """
    took = (ended_at - started_at).total_seconds()
    if took < 0:
        return Verdict(None, reason="ended_at is before started_at")
    return _within(took, seconds, "seconds")


@validator(check=_check_positive)
def cost_budget(cost_usd: float, *, usd: float) -> Verdict:
    """Passes when the step cost no more than `usd` US dollars. promptfoo's cost.

    Abstains when cost_usd is NULL or no finite number.
    usd: 0 or more. score: the cost.
    """
    if not math.isfinite(cost_usd):
        return Verdict(None, reason=f"cost_usd is {cost_usd}")
    return _within(cost_usd, usd, "US dollars")


@validator(check=_check_positive)
def token_budget(
    prompt_tokens: int | None,
    completion_tokens: int | None,
    *,
    limit: int,
    count: Literal["total", "prompt", "completion"] = "total",
) -> Verdict:
    """Passes when the step used no more than `limit` tokens.

    Abstains when a column that counts is NULL.
    limit: 0 or more, in tokens of the model. count: "total" (default) of prompt and completion, or one of them.
    score: the tokens.
    """
    counted = {"prompt": prompt_tokens, "completion": completion_tokens}
    tokens = [value for name, value in counted.items() if count in ("total", name)]
    if None in tokens:
        missing = next(name for name, value in counted.items() if value is None and count in ("total", name))
        return Verdict(None, reason=f"{missing}_tokens is NULL")
    return _within(sum(tokens), limit, "tokens")


def _within(used: float, budget: float, unit: str) -> Verdict:
    return Verdict(used <= budget, used, None if used <= budget else f"{used:.12g} {unit}, budget {budget:.12g}")
