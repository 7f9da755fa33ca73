import pytest

from pyvalidators import batch, validator


def deep(n: int) -> int:
    return deep(n + 1)


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no")


TROUBLES = {
    "value": lambda: int("x"),
    "exit": lambda: exec("raise SystemExit(3)"),
    "interrupt": lambda: exec("raise KeyboardInterrupt"),
    "stop": lambda: next(iter([])),
    "recursion": lambda: deep(0),
    "memory": lambda: exec("raise MemoryError('too much')"),
    "unprintable": lambda: exec("raise error", {"error": Unprintable()}),
}


@pytest.fixture
def fragile():
    @validator
    def fragile(output: str) -> bool:
        if output in TROUBLES:
            TROUBLES[output]()
        return True


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("value", "ValueError: invalid literal for int() with base 10: 'x'"),
        ("exit", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt"),
        ("stop", "StopIteration"),
        ("recursion", "RecursionError: maximum recursion depth exceeded"),
        ("memory", "MemoryError: too much"),
        ("unprintable", "Unprintable"),
    ],
)
def test_the_error_says_what_and_where_and_stays_with_its_step(fragile, output, says):
    results = batch.run("fragile", {}, [["before", output, "after"]])
    assert results.status == ["ok", "error", "ok"]
    assert results.passed == [True, None, True]
    assert results.reason[1].startswith(says)
    assert "(test_a_step_that_raises_is_that_steps_error.py:" in results.reason[1]


def test_the_place_is_the_innermost_line_of_the_validators_file(fragile):
    reason = batch.run("fragile", {}, [["value"]]).reason[0]
    line = TROUBLES["value"].__code__.co_firstlineno
    assert reason.endswith(f"(test_a_step_that_raises_is_that_steps_error.py:{line})")


def test_a_long_message_keeps_its_place():
    @validator
    def verbose(output: str) -> bool:
        raise ValueError("x" * 5_000)

    reason = batch.run("verbose", {}, [["a"]]).reason[0]
    assert len(reason) == 1_000
    assert "(test_a_step_that_raises_is_that_steps_error.py:" in reason


def test_a_batch_of_nothing_but_errors_is_complete(fragile):
    results = batch.run("fragile", {}, [["value"] * 1_000])
    assert results.status == ["error"] * 1_000
