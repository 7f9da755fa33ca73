"""A daily budget, of a provider or of a judge, is kept over all workers; what is over it waits."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

QUEUE = "flywheel_judge_default"
YESTERDAY = "UPDATE flywheel.spending SET day = day - 1"


def set_up(fw, steps: int = 10, judges: tuple = ("j",), price: bool = True, **provider) -> None:
    names = "".join(f", {name} => %s" for name in provider)
    fw.execute(f"SELECT flywheel.set_provider('default', 'http://localhost:1/v1'{names})", [*provider.values()])
    if price:
        fw.execute("INSERT INTO flywheel.prices VALUES ('default', 'small', 1000000, 0)")  # a dollar a token
    for judge in judges:
        fw.judge(judge)
    fw.insert(*["x"] * steps)
    fw.drain()


def midnight() -> datetime:
    return (datetime.now(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def test_calls_are_never_more_than_the_budget(fw, another):
    set_up(fw, daily_calls=7)
    first, second = fw.claim(qty=5), another(fw).claim(qty=5)
    assert (len(first), len(second)) == (5, 2)
    assert fw.claim() == []
    fw.record(first + second, prompt_tokens=1)
    assert fw.claim() == []
    assert fw.one("SELECT calls, reserved, cost_usd, calls_left FROM flywheel.budgets") == (7, 0, 7, 0)
    assert fw.coverage("j") == {"verdicts": 7, "deferred": 3}
    reason, until = fw.one("SELECT reason, until FROM flywheel.why(10, 'j')")
    assert "the daily budget of provider default is spent: 7 calls, 7.0000 USD" in reason
    assert until == midnight()
    fw.drain()
    assert fw.one("SELECT paused_until FROM flywheel.queue_health WHERE queue = %s", QUEUE) == midnight()

    fw.execute(YESTERDAY)
    assert fw.coverage("j") == {"verdicts": 7, "pending": 3}
    assert len(fw.claim()) == 3


def test_what_is_given_back_is_not_spent(fw):
    set_up(fw, daily_calls=4)
    claimed = fw.claim()
    assert fw.coverage("j") == {"deferred": 10}
    fw.execute("SELECT flywheel.give_back('default', %s)", ([each["msg_id"] for each in claimed],))
    assert fw.coverage("j") == {"pending": 10}
    assert len(fw.claim()) == 4


def test_an_answer_that_was_paid_before_is_free(fw):
    set_up(fw, daily_calls=4)
    fw.record(fw.claim(), details={"reused": True}, prompt_tokens=0)
    assert len(fw.claim()) == 4


def test_a_raised_budget_releases_at_once(fw):
    set_up(fw, daily_calls=2)
    fw.record(fw.claim())
    fw.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1', daily_calls => 5)")
    assert len(fw.claim()) == 3
    fw.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1')")
    assert len(fw.claim()) == 5


def test_a_judge_without_budget_left_does_not_stand_in_the_way_of_others(fw):
    set_up(fw, steps=50, judges=("j", "k"))
    fw.execute("SELECT flywheel.set_budget('j', daily_calls => 3)")
    versions = dict(fw.rows("SELECT name, version_id FROM flywheel.validators"))
    claimed = []
    while batch := fw.claim(qty=8):
        claimed += batch
    counts = {name: sum(each["version_id"] == version for each in claimed) for name, version in versions.items()}
    assert counts == {"j": 3, "k": 50}
    fw.record(claimed)
    assert fw.coverage("j") == {"verdicts": 3, "deferred": 47}
    assert "the daily budget of judge j is spent: 3 calls" in fw.why(50, "j")[1]
    assert fw.one("SELECT until FROM flywheel.why(50, 'j')") == midnight()
    assert not fw.one("SELECT flywheel.judgements_waiting('default')"), "nothing is polled"
    assert fw.one("SELECT count(*) FROM pgmq.q_flywheel_judge_default WHERE vt = %s", midnight()) == 47

    fw.execute("SELECT flywheel.set_budget('j', daily_calls => 10)")
    assert len(fw.claim()) == 7
    fw.execute("SELECT flywheel.set_budget('j')")
    assert len(fw.claim()) == 40
    assert fw.one("SELECT count(*) FROM flywheel.validator_versions") == 2, "a budget makes no version"


def test_the_next_day_brings_back_what_was_set_aside(fw):
    set_up(fw)
    fw.execute("SELECT flywheel.set_budget('j', daily_calls => 6)")
    fw.record(fw.claim())
    fw.execute(YESTERDAY)
    fw.record(fw.claim())
    assert fw.coverage("j") == {"verdicts": 10}
    assert fw.messages(QUEUE) == 0


def test_dollars_are_exceeded_by_no_more_than_one_call(fw, another):
    set_up(fw, steps=100, daily_usd=20)
    first = fw.claim()
    assert len(first) == 1, "what a call costs is not known yet: one at a time"
    assert another(fw).claim() == []
    fw.record(first, prompt_tokens=3)
    batch = fw.claim(qty=256)
    assert len(batch) == 6, "(20 - 3) / 3, rounded up"
    assert another(fw).claim() == []
    fw.record(batch, prompt_tokens=3)
    assert fw.one("SELECT cost_usd FROM flywheel.budgets") == 21
    assert fw.claim() == []
    assert fw.coverage("j") == {"verdicts": 7, "deferred": 93}


def test_a_model_without_a_price_is_not_asked_on_a_budget_in_dollars(fw):
    set_up(fw, price=False, daily_usd=20)
    assert fw.claim() == []
    assert "flywheel.prices has no price of model small" in fw.why(1, "j")[1]
    fw.execute("INSERT INTO flywheel.prices VALUES ('default', 'small', 1, 1)")
    assert len(fw.claim()) == 1


def test_a_lost_workers_calls_stay_counted(fw):
    set_up(fw, daily_calls=6)
    fw.claim(qty=4, lease_seconds=0)
    assert len(fw.claim()) == 2
    assert fw.claim() == []


def test_a_bad_budget_is_refused(fw):
    set_up(fw)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="bad budget"):
        fw.execute("SELECT flywheel.set_budget('j', daily_usd => -1)")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="bad budget"):
        fw.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1', daily_calls => -1)")
    fw.validator("code")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="is no judge"):
        fw.execute("SELECT flywheel.set_budget('code', daily_calls => 1)")
