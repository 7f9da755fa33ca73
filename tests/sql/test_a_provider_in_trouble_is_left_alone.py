"""A paused provider is not called by anybody, its judgements are deferred, and a rate limit holds over all workers."""

import pytest

PAUSE = "SELECT extract(epoch FROM flywheel.pause_provider('default', %s, %s) - clock_timestamp())::float"


def set_up(fw, steps: int = 1, requests_per_minute: int | None = None) -> None:
    fw.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1', requests_per_minute => %s)",
               (requests_per_minute,))  # fmt: skip
    fw.judge("j")
    fw.insert(*["x"] * steps)
    fw.drain()


def end_pause(fw) -> None:
    fw.execute("UPDATE flywheel.provider_state SET paused_until = clock_timestamp()")


def test_a_pause_defers_and_a_success_ends_it(fw):
    set_up(fw)
    fw.execute(PAUSE, ("502 Bad Gateway", 600))
    assert fw.claim() == []
    assert fw.coverage("j") == {"deferred": 1}
    answer, reason, until = fw.one("SELECT answer, reason, until FROM flywheel.why(1, 'j')")
    assert (answer, reason) == ("deferred", "provider default is paused: 502 Bad Gateway")
    assert until == fw.one("SELECT paused_until FROM flywheel.provider_state")

    end_pause(fw)
    assert fw.coverage("j") == {"pending": 1}
    assert fw.record(fw.claim()) == 1
    assert fw.one("SELECT paused_until IS NULL AND probe IS NULL FROM flywheel.provider_state")


def test_each_failure_doubles_the_pause_up_to_five_minutes(fw):
    set_up(fw)
    pauses = []
    for _ in range(11):
        pauses.append(fw.one(PAUSE, "502", None))
        end_pause(fw)
    assert pauses == pytest.approx([*(2**i for i in range(9)), 300, 300], abs=0.5)


def test_workers_that_fail_within_one_pause_count_once(fw):
    set_up(fw)
    for _ in range(5):
        fw.execute(PAUSE, ("502", None))
    assert fw.one("SELECT failures FROM flywheel.provider_state") == 1


def test_what_the_provider_asks_for_is_kept_to_an_hour_at_most(fw):
    set_up(fw)
    assert fw.one(PAUSE, "429", 120) == pytest.approx(120, abs=1)
    assert fw.one(PAUSE, "429", 10**9) == pytest.approx(3600, abs=1)


def test_a_rate_limit_holds_over_all_workers(fw, another):
    set_up(fw, steps=10, requests_per_minute=1)
    assert len(fw.claim()) == 1
    assert fw.claim() == another(fw).claim() == []
    fw.execute("UPDATE flywheel.provider_state SET refilled_at = refilled_at - interval '1 hour'")
    assert len(another(fw).claim()) == 1, "an idle hour is not saved up"
    assert fw.claim() == []


def test_a_fast_limit_allows_a_second_at_once(fw):
    set_up(fw, steps=50, requests_per_minute=1200)
    fw.claim()
    fw.execute("UPDATE flywheel.provider_state SET refilled_at = refilled_at - interval '1 minute'")
    assert len(fw.claim()) == 20


def test_without_a_limit_there_is_none(fw):
    set_up(fw, steps=50)
    assert len(fw.claim(qty=40)) == 40
