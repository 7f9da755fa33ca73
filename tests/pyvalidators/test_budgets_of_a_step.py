import pytest

from pyvalidators import ConfigError, get

NOON = "2026-01-02T12:00:00+00:00"


@pytest.mark.parametrize(
    ("name", "config", "columns", "passed", "score", "reason"),
    [
        ("latency_budget", {"seconds": 2}, (NOON, "2026-01-02T12:00:02+00:00"), True, 2, None),
        ("latency_budget", {"seconds": 2}, (NOON, "2026-01-02T14:00:02.5+02:00"), False, 2.5,
         "2.5 seconds, budget 2"),
        ("latency_budget", {"seconds": 0}, (NOON, NOON), True, 0, None),
        ("cost_budget", {"usd": 0.01}, ("0.01",), True, 0.01, None),
        ("cost_budget", {"usd": 0.01}, ("0.0100001",), False, 0.0100001, "0.0100001 US dollars, budget 0.01"),
        ("token_budget", {"limit": 30}, ("10", "20"), True, 30, None),
        ("token_budget", {"limit": 29}, ("10", "20"), False, 30, "30 tokens, budget 29"),
        ("token_budget", {"limit": 10, "count": "prompt"}, ("10", None), True, 10, None),
        ("token_budget", {"limit": 10, "count": "completion"}, ("10", "20"), False, 20, "20 tokens, budget 10"),
    ],
)  # fmt: skip
def test_at_the_budget_passes_and_the_score_is_what_it_took(verdict, name, config, columns, passed, score, reason):
    assert verdict(name, config, *columns) == (passed, score, reason, None, "ok")


@pytest.mark.parametrize(
    ("name", "config", "columns", "reason"),
    [
        ("latency_budget", {"seconds": 2}, (NOON, None), "ended_at is NULL"),
        ("latency_budget", {"seconds": 2}, (NOON, "2026-01-02T11:00:00+00:00"), "ended_at is before started_at"),
        ("cost_budget", {"usd": 1}, (None,), "cost_usd is NULL"),
        ("cost_budget", {"usd": 1}, ("NaN",), "cost_usd is nan"),
        ("token_budget", {"limit": 1}, ("10", None), "completion_tokens is NULL"),
        ("token_budget", {"limit": 1, "count": "prompt"}, (None, "10"), "prompt_tokens is NULL"),
    ],
)
def test_what_was_not_measured_abstains(verdict, name, config, columns, reason):
    result = verdict(name, config, *columns)
    assert (result.status, result.reason) == ("abstained", reason)


@pytest.mark.parametrize(
    ("name", "config"),
    [("latency_budget", {"seconds": -1}), ("cost_budget", {"usd": -0.1}), ("token_budget", {"limit": -1})],
)
def test_a_negative_budget_is_refused(name, config):
    with pytest.raises(ConfigError, match="expected 0 or more"):
        get(name).check_config(config)


