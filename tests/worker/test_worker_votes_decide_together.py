"""A judge with votes is asked so many times: the majority is the verdict, all calls count, half a verdict is none."""

import json
from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pg_flywheel.prompt import Answer, Unreadable
from pg_flywheel.standin import Fault
from pg_flywheel.votes import NoMajority, tally

JUNK = "I'm sorry, but I can't assist with that."


def vote(passed: bool, score: float | None = None, reason: str = "so") -> dict:
    return {"reason": reason, "passed": passed, "score": score}


@pytest.fixture
def judged(flow, provider):
    """A judge of three votes, asked about one step: served in turn."""

    def judged(*served: object, **options: object) -> None:
        flow.set_provider(provider.base_url, **options)
        flow.value("SELECT flywheel.add_judge('helpful', 'Passes if true.', 'model-1', temperature => 0.7, votes => 3)")
        flow.insert(1)
        provider.faults.extend(served)

    return judged


def verdict(flow) -> dict:
    return flow.value("SELECT to_jsonb(v) FROM flywheel.verdicts v")


def test_the_majority_decides_and_the_mean_is_the_score(flow, judged, provider, run_once):
    judged(vote(True, 0.9), vote(False, 0.3, "no"), vote(True, 0.6))
    run_once(flow.dsn)
    row = verdict(flow)
    assert (row["status"], row["passed"], row["reason"]) == ("ok", True, "so")
    assert row["score"] == pytest.approx(0.6)
    assert sorted(row["details"].pop("votes")) == [False, True, True]
    assert row["details"] == {"margin": pytest.approx(1 / 3), "agreement": pytest.approx(2 / 3)}
    assert provider.n_calls == 3
    assert row["prompt_tokens"] % 3 == 0  # of three calls with the same prompt


def test_a_vote_that_cannot_be_read_is_left_out(flow, judged, provider, run_once):
    judged(vote(False, 0.2), JUNK, vote(False))
    run_once(flow.dsn)
    row = verdict(flow)
    assert (row["status"], row["passed"], row["score"]) == ("ok", False, 0.2)
    assert sorted(row["details"]["votes"], key=str) == [False, False, None]
    assert provider.n_calls == 3


def test_without_a_majority_the_step_is_an_error_after_a_second_round(flow, judged, provider, run_once):
    judged(*[vote(True), JUNK, vote(False)] * 2)
    run_once(flow.dsn)
    row = verdict(flow)
    assert (row["status"], row["passed"]) == ("error", None)
    assert "no majority among 3 votes: 1 passed, 1 failed, 1 unreadable" in row["reason"]
    assert JUNK[:10] in row["reason"]
    assert provider.n_calls == 6


def test_calls_that_brought_nothing_are_counted_too(flow, judged, provider, run_once):
    flow.set_provider(provider.base_url)
    flow.db.execute("INSERT INTO flywheel.prices VALUES ('default', 'model-1', 1000000, 0)")  # a dollar a token
    judged(Fault("status", 400), vote(True), vote(True), daily_calls=100)
    run_once(flow.dsn)  # deferred: the step's own failure
    assert flow.coverage() == {"deferred": 1}
    assert flow.value("SELECT calls FROM flywheel.spending") == 3
    flow.hurry()
    run_once(flow.dsn)
    row = verdict(flow)
    assert row["details"]["votes"] == [True, True, True]
    spent = flow.db.execute("SELECT calls, reserved, cost_usd FROM flywheel.spending").fetchone()
    assert spent == (6, 0, row["prompt_tokens"] + 2 * row["prompt_tokens"] // 3)


def test_daily_calls_are_never_exceeded(flow, provider, run_once):
    flow.set_provider(provider.base_url, daily_calls=8, max_in_flight=4)
    flow.value("SELECT flywheel.add_judge('helpful', 'Passes if true.', 'model-1', temperature => 0.7, votes => 3)")
    flow.insert(5)
    run_once(flow.dsn)
    assert provider.n_calls == 6
    assert flow.coverage() == {"verdicts": 2, "deferred": 3}
    assert "less than the 3 calls of one judgement" in flow.value("SELECT reason FROM flywheel.holds")
    flow.set_provider(provider.base_url, daily_calls=15, max_in_flight=4)
    run_once(flow.dsn)
    assert provider.n_calls == 15
    assert flow.coverage() == {"verdicts": 5}


def test_a_rate_limit_under_the_number_of_votes_is_kept_on_average(flow, provider, start_worker, wait_for):
    """The bucket of a second holds one call: what a judgement takes beyond it is made up for by the next wait."""
    flow.set_provider(provider.base_url, requests_per_minute=60)
    flow.value("SELECT flywheel.add_judge('helpful', 'Passes if true.', 'model-1', temperature => 0.7, votes => 3)")
    flow.insert(2)
    start_worker(flow.dsn)
    wait_for(lambda: flow.coverage() == {"verdicts": 2})
    assert provider.arrivals[3] - provider.arrivals[0] > 2.5


def test_votes_share_the_slots_of_the_provider(flow, provider, run_once):
    flow.set_provider(provider.base_url, max_in_flight=4)
    flow.value("SELECT flywheel.add_judge('helpful', 'Passes if true.', 'model-1', temperature => 0.7, votes => 3)")
    flow.insert(20)
    provider.latency_s = 0.02
    run_once(flow.dsn)
    assert flow.statuses() == {"ok": 20}
    assert provider.n_calls == 60
    assert 2 <= provider.peak <= 4


def test_a_lost_worker_leaves_no_half_verdict(flow, provider, start_worker, run_once, wait_for):
    flow.set_provider(provider.base_url, max_in_flight=8)
    flow.value("SELECT flywheel.add_judge('helpful', 'Passes if true.', 'model-1', temperature => 0.7, votes => 3)")
    flow.insert(6)
    asked: dict[str, int] = defaultdict(int)

    def answer(request: dict) -> dict | Fault:
        asked[json.loads(request["messages"][-1]["content"])["input"]] += 1
        return vote(True) if asked[json.loads(request["messages"][-1]["content"])["input"]] % 3 else Fault("hang")

    provider.answer = answer
    worker = start_worker(flow.dsn)
    wait_for(lambda: sum(asked.values()) >= 8)
    worker.kill()
    assert flow.verdicts() == 0
    provider.answer = lambda request: vote(True)
    flow.expire_leases()
    run_once(flow.dsn)
    assert flow.coverage() == {"verdicts": 6}
    assert flow.value("SELECT bool_and(details -> 'votes' = '[true, true, true]') FROM flywheel.verdicts")


def test_the_same_prompt_is_asked_for_once_and_keeps_its_votes(flow, judged, provider, run_once):
    judged(vote(True), vote(False), vote(True))
    flow.db.execute("INSERT INTO flywheel.traces (input, output) SELECT input, output FROM flywheel.traces")
    run_once(flow.dsn)
    assert provider.n_calls == 3
    margins = flow.db.execute("SELECT passed, (details ->> 'margin')::float8 FROM flywheel.verdicts").fetchall()
    assert margins == [(True, pytest.approx(1 / 3))] * 2


ANSWERS = st.builds(Answer, st.booleans(), st.none() | st.floats(0, 1), st.none() | st.text())
VOTES = st.sampled_from([1, 3, 5, 7, 9]).flatmap(
    lambda n: st.lists(ANSWERS | st.builds(Unreadable, st.just("no"), st.text()), min_size=n, max_size=n)
)


@given(VOTES)
def test_a_verdict_is_what_more_than_half_of_all_votes_say(votes):
    said = [vote.passed for vote in votes if isinstance(vote, Answer)]
    majority = [passed for passed in (True, False) if 2 * said.count(passed) > len(votes)]
    try:
        decided = tally(votes)
    except NoMajority:
        assert not majority
        return
    assert [decided.answer.passed] == majority
    scores = [vote.score for vote in votes if isinstance(vote, Answer) and vote.score is not None]
    assert (decided.answer.score is None) == (not scores)
    if scores:
        assert min(scores) - 1e-12 <= decided.answer.score <= max(scores) + 1e-12


@pytest.mark.parametrize("votes", list(product([True, False], repeat=3)))
def test_three_readable_votes_always_decide(votes):
    decided = tally([Answer(passed, None, None) for passed in votes])
    assert decided.details["agreement"] == max(votes.count(True), votes.count(False)) / 3
