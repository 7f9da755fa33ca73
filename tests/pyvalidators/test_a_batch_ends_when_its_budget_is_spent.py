import pytest

from pyvalidators import batch, validator


@pytest.fixture
def works():
    @validator
    def works(output: str) -> bool:
        return sum(range(200_000)) > 0


@pytest.mark.parametrize(("step_budget", "batch_budget"), [(0.05, 0.1), (1.0, 0.05)])
def test_the_steps_done_so_far_are_returned(works, step_budget, batch_budget):
    results = batch.run("works", {}, [["a"] * 100_000], step_budget, batch_budget)
    assert 1 <= len(results.status) < 100_000
    assert {len(column) for column in results} == {len(results.status)}
    assert set(results.status) == {"ok"}


def test_at_least_one_step_is_done(works):
    @validator
    def long_work(output: str) -> bool:
        return sum(range(10_000_000)) > 0

    assert batch.run("long_work", {}, [["a", "b", "c"]], 10.0, 0.001).status == ["ok"]


def test_a_caller_that_requeues_the_rest_gets_every_step(works):
    steps, statuses = ["a"] * 300, []
    while len(statuses) < len(steps):
        statuses += batch.run("works", {}, [steps[len(statuses) :]], 0.05, 0.05).status
    assert statuses == ["ok"] * 300


def test_steps_that_time_out_use_up_the_batch():
    @validator
    def endless(output: str) -> bool:
        while True:
            pass

    results = batch.run("endless", {}, [["a"] * 100], 0.05, 0.2)
    assert 1 <= len(results.status) < 100
    assert set(results.status) == {"timeout"}
