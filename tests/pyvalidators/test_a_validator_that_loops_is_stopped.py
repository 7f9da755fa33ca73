import json
import signal
from contextlib import suppress

import pytest

from pyvalidators import Verdict, batch, validator
from pyvalidators.guard import Guard, Timeout

BUDGET = 0.05  # seconds of CPU


def spin():
    while True:
        pass


def spin_in_calls():
    while True:
        len("x")


def swallow():
    while True:
        with suppress(Exception):
            spin()


def nested():
    json.loads(Endless())


class Endless(str):
    def startswith(self, *_):
        spin()


class Unprintable(Exception):
    def __str__(self):
        spin()


def fail_without_end():
    raise Unprintable


LOOPS = {each.__name__: each for each in (spin, spin_in_calls, swallow, nested, fail_without_end)}


@pytest.fixture
def loops():
    @validator
    def loops(output: str) -> Verdict | bool:
        if output in LOOPS:
            LOOPS[output]()
        return Verdict(True, reason=output)


@pytest.mark.parametrize("kind", LOOPS)
def test_the_step_times_out_and_its_neighbours_get_their_verdicts(loops, kind):
    results = batch.run("loops", {}, [["a", kind, "b"]], BUDGET)
    assert results.status == ["ok", "timeout", "ok"]
    assert results.passed == [True, None, True]
    assert results.reason == ["a", "stopped after 0.05 s of CPU", "b"]


def test_several_loops_in_one_batch_are_told_apart(loops):
    outputs = ["spin", "a", "swallow", "spin", "b", "spin_in_calls"]
    results = batch.run("loops", {}, [outputs], BUDGET)
    assert results.status == ["ok" if len(each) == 1 else "timeout" for each in outputs]
    assert results.reason[1] == "a"
    assert results.reason[4] == "b"


@pytest.mark.parametrize(
    ("pattern", "output"),
    [(r"(x|xx)+y", "x" * 90), (r"x+y", "x" * 3_000_000)],
)
def test_a_catastrophic_pattern_is_stopped(pattern, output):
    results = batch.run("matches", {"pattern": pattern}, [["!", output, "!"]], BUDGET)
    assert results.status == ["ok", "timeout", "ok"]


def test_many_short_steps_are_not_mistaken_for_a_long_one(loops):
    @validator
    def short_work(output: str) -> bool:
        return sum(range(2_000)) > 0

    results = batch.run("short_work", {}, [["a"] * 20_000], BUDGET)
    assert results.status == ["ok"] * 20_000


def test_whatever_the_ticks_hit_every_step_keeps_its_own_result():
    @validator
    def uneven(output: str) -> Verdict:
        sum(range(int(output) % 7 * 50_000))
        for _ in range(int(output) % 5 * 100_000):
            pass
        return Verdict(True, reason=output)

    outputs = [str(i) for i in range(200)]
    results = batch.run("uneven", {}, [outputs], 0.004, 60.0)
    assert len(results.status) == len(outputs)
    for output, status, reason in zip(outputs, results.status, results.reason, strict=True):
        assert (status, reason) in [("ok", output), ("timeout", "stopped after 0.004 s of CPU")]


def test_an_error_after_a_swallowed_timeout_is_the_validators_answer(loops):
    @validator
    def recovers(output: str) -> bool:
        try:
            spin()
        except Timeout:
            raise ValueError("gave up") from None

    results = batch.run("recovers", {}, [["a"]], BUDGET)
    assert results.status == ["error"]
    assert results.reason[0].startswith("ValueError: gave up")


@pytest.mark.parametrize("outcome", ["a", "spin"])
def test_timer_and_handler_are_put_back(loops, outcome):
    def mine(signum, frame): ...

    before = signal.signal(signal.SIGVTALRM, mine)
    try:
        batch.run("loops", {}, [[outcome]], BUDGET)
        assert signal.getsignal(signal.SIGVTALRM) is mine
        assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGVTALRM, before)


def test_sigalrm_is_left_to_postgres(loops):
    def mine(signum, frame): ...

    before = signal.signal(signal.SIGALRM, mine)
    try:
        batch.run("loops", {}, [["spin"]], BUDGET)
        assert signal.getsignal(signal.SIGALRM) is mine
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("budgets", [(0, 1), (1, 0), (-1, 1), (float("nan"), 1)])
def test_a_budget_that_would_never_end_is_refused(budgets):
    with pytest.raises(ValueError, match="expected more than 0"):
        Guard([], *budgets)
