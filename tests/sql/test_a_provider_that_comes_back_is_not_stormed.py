"""The breaker of a provider, over all workers: when it opens, the one call that probes it, and how calls grow again."""

import json

import pytest

PAST = "now() - interval '1 hour'"
SECONDS = "SELECT extract(epoch FROM paused_until - clock_timestamp())::float FROM flywheel.provider_state"
STATE = "SELECT failures, credits, probe IS NOT NULL, paused_until > now() FROM flywheel.provider_state"


def set_up(fw, steps: int = 1000) -> None:
    fw.judge("j")
    fw.insert(*["x"] * steps)
    fw.drain()


def fail(fw, claimed: list[dict], whose: str = "provider", at_once: bool = False, called: bool = True, **more) -> None:
    keys = ("msg_id", "step_id", "version_id", "attempt")
    what = {"whose": whose, "error": "oops", "at_once": at_once, "called": called, **more}
    failures = [{key: each[key] for key in keys} | what for each in claimed]
    fw.execute("SELECT flywheel.fail_judgements('default', %s)", (json.dumps(failures),))


def end_pause(fw) -> None:
    fw.execute(f"UPDATE flywheel.provider_state SET paused_until = {PAST}")


def end_waits(fw) -> None:
    fw.execute("UPDATE flywheel.deferrals SET until = now()")
    fw.execute("UPDATE pgmq.q_flywheel_judge_default SET vt = now()")


def open_breaker(fw) -> None:
    set_up(fw)
    fail(fw, fw.claim(qty=1), at_once=True)
    assert fw.claim() == []


def test_one_failure_among_answers_stops_nobody(fw):
    set_up(fw)
    for _ in range(10):
        good, bad = fw.claim(qty=2)
        fail(fw, [bad])
        fw.record([good])
    assert fw.one(STATE) == (0, None, False, None)
    assert fw.one("SELECT max(read_ct) FROM pgmq.q_flywheel_judge_default") == 0, "not counted"


def test_five_in_a_row_open_it(fw):
    set_up(fw)
    claimed = fw.claim(qty=5)
    fail(fw, claimed[:4])
    assert fw.one(STATE) == (0, None, False, None)
    fail(fw, claimed[4:])
    assert fw.one(STATE) == (1, None, False, True)
    assert fw.coverage("j") == {"deferred": 1000}


def test_one_call_probes_it_over_all_workers(fw, another):
    open_breaker(fw)
    end_pause(fw)
    [probe] = fw.claim()
    assert another(fw).claim() == fw.claim() == []
    assert fw.coverage("j") == {"deferred": 1000}
    fw.record([probe])
    assert len(another(fw).claim()) == 2


def test_a_lost_probe_is_replaced_when_its_time_is_over(fw):
    open_breaker(fw)
    end_pause(fw)
    [lost] = fw.claim()
    assert fw.claim() == []
    assert round(fw.one(SECONDS)) == 70, "60 + 10"
    end_pause(fw)
    [second] = fw.claim()
    assert second["step_id"] != lost["step_id"], "that one is still leased"
    fw.record([lost])
    assert fw.one(STATE)[2:] == (True, True), "not the answer that is waited for"
    fw.record([second])
    assert fw.one(STATE)[2:] == (False, None)


def test_a_probe_that_fails_doubles_the_pause(fw):
    open_breaker(fw)
    for pause in range(1, 5):
        end_pause(fw)
        end_waits(fw)
        fail(fw, fw.claim())
        assert fw.one(SECONDS) == pytest.approx(2**pause, abs=0.5)
    assert fw.one("SELECT max(read_ct) FROM pgmq.q_flywheel_judge_default") == 0


def test_a_probe_that_is_given_back_is_followed_by_another(fw):
    open_breaker(fw)
    end_pause(fw)
    [probe] = fw.claim()
    fw.execute("SELECT flywheel.give_back('default', %s)", ([probe["msg_id"]],))
    assert len(fw.claim()) == 1


def test_the_probe_is_any_step_so_that_none_blocks_the_queue(fw):
    open_breaker(fw)
    probed = set()
    for _ in range(60):
        end_pause(fw)
        [probe] = fw.claim()
        probed.add(probe["step_id"])
        fw.execute("SELECT flywheel.give_back('default', %s)", ([probe["msg_id"]],))
    assert len(probed) > 1


def test_calls_in_flight_double_until_the_breaker_closes(fw, another):
    """An outage of an hour: a thousand steps wait for two workers that would take all of them at once."""
    open_breaker(fw)
    end_pause(fw)
    waves = []
    while fw.one("SELECT failures FROM flywheel.provider_state"):
        claimed = fw.claim(qty=500) + another(fw).claim(qty=500)
        waves.append(len(claimed))
        fw.record(claimed)
    assert waves == [1, 2, 4, 8, 16, 32]
    assert fw.one(STATE) == (0, None, False, None)
    assert len(fw.claim(qty=500)) == 500
    assert fw.one("SELECT paused_reason FROM flywheel.provider_state") is None


def test_calls_that_were_lost_while_it_ramped_up_do_not_block_it(fw):
    open_breaker(fw)
    end_pause(fw)
    fw.record(fw.claim())
    assert len(fw.claim()) == 2  # by a worker that is killed now
    assert fw.claim() == []
    fw.execute(f"UPDATE flywheel.provider_state SET answered_at = {PAST}")
    assert len(fw.claim()) == 1
    assert fw.claim() == []


def test_what_was_begun_before_the_pause_does_not_end_it(fw):
    set_up(fw)
    early, late = fw.claim(qty=2)
    fail(fw, [late], at_once=True)
    fw.record([early])
    assert fw.one(STATE)[3]


def test_a_time_in_the_past_or_far_ahead_is_not_believed(fw):
    pause = "SELECT extract(epoch FROM flywheel.pause_provider('default', '429', %s) - clock_timestamp())::float"
    for said, seconds in ((0, 1), (-1e9, 1), (1e9, 3600)):
        fw.judge("j")
        fw.execute("UPDATE flywheel.provider_state SET failures = 0, paused_until = NULL")
        assert fw.one(pause, said) == pytest.approx(seconds, abs=0.5)


def test_a_timeout_is_the_steps_only_when_others_were_answered_since(fw):
    set_up(fw)
    slow, *others = fw.claim(qty=5)
    fw.record(others[:1])
    fail(fw, [slow], "unclear")
    attempts = "SELECT read_ct FROM pgmq.q_flywheel_judge_default WHERE msg_id = %s"
    assert fw.one(attempts, slow["msg_id"]) == 0, "its first"
    fail(fw, [slow], "unclear")
    assert fw.one(attempts, slow["msg_id"]) == 0, "nobody was answered since"
    fw.record(others[1:2])
    fw.execute("UPDATE flywheel.provider_state SET answered_at = answered_at - interval '31 s'")
    fw.execute("UPDATE flywheel.deferrals SET failed_at = failed_at - interval '1 min'")
    fail(fw, [slow], "unclear")
    assert fw.one(attempts, slow["msg_id"]) == 0, "others were, but not within the second half of this call"
    fw.record(others[2:3])
    end_waits(fw)
    [slow] = fw.claim(qty=1)
    fail(fw, [slow], "unclear")
    assert fw.one(attempts, slow["msg_id"]) == 1


def test_a_steps_own_failures_end_in_a_dead_letter(fw):
    set_up(fw, steps=3)
    bad, *others = fw.claim()
    fw.record(others)
    waits = []
    for attempt in range(1, 6):
        assert bad["attempt"] == attempt
        fail(fw, [bad], "step")
        if attempt < 5:
            assert fw.coverage("j") == {"verdicts": 2, "deferred": 1}
            waits.append(fw.one("SELECT extract(epoch FROM until - clock_timestamp())::float FROM flywheel.deferrals"))
            end_waits(fw)
            [bad] = fw.claim()
    assert all(2**n - 0.5 < wait <= 2 ** (n + 1) for n, wait in enumerate(waits, start=1)), waits
    assert fw.why(bad["step_id"], "j") == ("dead_letter", "given up after 5 attempts: oops")
    assert fw.messages("flywheel_judge_default") == 0
    assert fw.one("SELECT flywheel.redrive('j')") == 1


def test_failed_calls_are_spent(fw):
    set_up(fw, steps=3)
    fw.execute("INSERT INTO flywheel.prices VALUES ('default', 'small', 1000000, 1000000)")
    first, second, third = fw.claim()
    fail(fw, [first], "step", prompt_tokens=3, completion_tokens=4)
    fail(fw, [second], "unclear")
    fail(fw, [third], "step", called=False)
    assert fw.rows("SELECT provider, validator, calls, cost_usd FROM flywheel.spending") == [("default", "j", 2, 7)]
