"""Time, money and tokens of a stored step reach the Python validators as what they are."""

import pytest

STEP = {
    "started_at": "2026-01-02 12:00:00+00",
    "ended_at": "2026-01-02 14:00:01.25+02",
    "cost_usd": "0.0123",
    "prompt_tokens": 1_000,
    "completion_tokens": 234,
}


@pytest.mark.parametrize(
    ("name", "config", "passed", "score"),
    [
        ("latency_budget", '{"seconds": 1.25}', True, 1.25),
        ("latency_budget", '{"seconds": 1}', False, 1.25),
        ("cost_budget", '{"usd": 0.01}', False, 0.0123),
        ("token_budget", '{"limit": 1234}', True, 1234),
    ],
)
def test_a_budget_is_compared_with_the_step(full_fw, name, config, passed, score):
    full_fw.one("SELECT flywheel.add_validator('v', %s, %s)", f"py:{name}", config)
    full_fw.insert("x", **STEP)
    full_fw.insert("x")
    full_fw.drain()
    assert full_fw.rows("SELECT passed, score, status FROM flywheel.verdicts ORDER BY step_id") == [
        (passed, score, "ok"), (None, None, "abstained")]  # fmt: skip
