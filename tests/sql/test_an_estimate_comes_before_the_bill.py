"""flywheel.estimate says what a backfill or an evaluation would cost; they say it themselves when they start."""

import pytest


def set_up(fw, steps: int = 100) -> None:
    fw.insert(*["x" * 4000] * steps, input="y" * 4000)
    fw.judge("j", mode="on_demand")


def estimate(fw, name: str = "j", **options) -> dict:
    names = "".join(f", {name} => %s" for name in options)
    columns = ("steps", "prompt_tokens", "completion_tokens", "cost_usd", "days", "basis")
    values = fw.one(f"SELECT * FROM flywheel.estimate(%s{names})", name, *options.values())
    return dict(zip(columns, values, strict=True))


def test_a_guess_from_the_steps_before_the_first_verdict(fw):
    set_up(fw)
    fw.execute("INSERT INTO flywheel.prices VALUES ('default', 'small', 1, 10)")
    found = estimate(fw)
    assert found["steps"] == 100
    assert found["prompt_tokens"] == pytest.approx(100 * (350 + 8000 / 4), rel=0.01)
    assert found["cost_usd"] * 1_000_000 == found["prompt_tokens"] + 10 * found["completion_tokens"]
    assert found["days"] == 1
    assert "guess" in found["basis"]
    assert 0 < estimate(fw, sample=0.5)["steps"] < 100
    assert estimate(fw, since="2099-01-01")["steps"] == 0
    assert fw.rows("SELECT * FROM flywheel.activations WHERE kind <> 'live'") == [], "it starts nothing"


def test_what_earlier_calls_took_is_better(fw):
    set_up(fw)
    fw.execute("INSERT INTO flywheel.prices VALUES ('default', 'small', 1, 10)")
    fw.one("SELECT flywheel.evaluate('j')")
    fw.drain()
    fw.record(fw.claim(qty=10), prompt_tokens=1000, completion_tokens=20)
    found = estimate(fw)
    assert (found["steps"], found["prompt_tokens"], found["completion_tokens"]) == (90, 90_000, 1800)
    assert float(found["cost_usd"]) == pytest.approx(0.108)
    assert "last 10 judgements" in found["basis"]


def test_votes_and_examples_make_it_dearer(fw):
    set_up(fw)
    fw.one("SELECT flywheel.evaluate('j')")
    fw.drain()
    fw.record(fw.claim(qty=10), prompt_tokens=1000, completion_tokens=20)
    fw.judge("j", mode="on_demand", few_shot=2, votes=3, temperature=1)
    fw.execute("SELECT flywheel.set_budget('j', daily_calls => 30)")
    found = estimate(fw)
    assert found["prompt_tokens"] == pytest.approx(100 * 3 * (350 + 3 * 8000 / 4), rel=0.01)
    assert found["completion_tokens"] == 100 * 3 * 80
    assert found["days"] == 10


def test_a_budget_spreads_it_over_days(fw):
    set_up(fw)
    fw.execute("SELECT flywheel.set_budget('j', daily_calls => 30)")
    assert estimate(fw)["days"] == 4
    fw.execute("SELECT flywheel.set_budget('j', daily_calls => 0)")
    assert estimate(fw)["days"] is None


def test_without_a_price_it_says_how_to_give_one(fw):
    set_up(fw)
    found = estimate(fw)
    assert found["cost_usd"] is None
    assert "INSERT INTO flywheel.prices VALUES ('default', 'small'" in found["basis"]


def test_backfill_and_evaluate_say_it_when_they_start(fw):
    notices = []
    fw.conn.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    set_up(fw)
    fw.one("SELECT flywheel.evaluate('j', sample => 1)")
    assert [notice for notice in notices if notice.startswith('100 steps for judge "j": about ')]
    fw.validator("code")
    notices.clear()
    fw.one("SELECT flywheel.backfill('code')")
    assert notices == []


def test_code_costs_nothing(fw):
    fw.insert("x")
    fw.validator("code")
    found = estimate(fw, "code")
    assert (found["steps"], found["cost_usd"]) == (1, 0)
