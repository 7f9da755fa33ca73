"""Run one validator over many steps: the only way in for Postgres and for the worker.

One step's trouble is that step's result; it never stops the batch. What a validator prints goes to stderr.
"""

import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from functools import partial
from typing import NamedTuple

from .columns import decoding
from .confine import MEMORY_MB, confined
from .guard import Guard, Timeout
from .interrupt import Interrupted, Interrupts
from .registry import Validator, get
from .verdict import FAILED, PASSED, Result, result_of, result_of_exception

OUT_OF_MEMORY: Result = (None, None, f"needs more than {MEMORY_MB} MB of memory", None, "error")


class Results(NamedTuple):
    """Parallel lists, one entry per step, in their order; shorter when the batch's budget was spent.

    details: JSON text. status: 'ok', 'error', 'timeout' or 'abstained'; only 'ok' has passed or score.
    """

    passed: list[bool | None]
    score: list[float | None]
    reason: list[str | None]
    details: list[str | None]
    status: list[str]


def run(
    name: str,
    config: dict,
    columns: list[list[str | None]],
    step_budget_s: float = 1.0,
    batch_budget_s: float = 10.0,
) -> Results:
    """Validate n steps.

    columns: the validator's fields, in their order; each a list of n texts or None for NULL.
        Timestamps are ISO 8601; json, jsonb and arrays are JSON.
    step_budget_s: CPU seconds after which a step becomes a 'timeout' (up to twice as long, see guard).
    batch_budget_s: CPU seconds after which the batch ends, with the steps done so far, at least one. It is
        looked at every min(step_budget_s, batch_budget_s).
    Raises UnknownValidator, ConfigError, ValueError for columns that do not fit, and inside Postgres Interrupted.
    """
    validator = get(name)
    validator.check_config(config)  # before the clock runs: it also loads and compiles what the config needs
    n = _count(validator, columns)
    call = _bind(validator, config, columns)
    source = validator.function.__code__.co_filename
    width = len(Results._fields)
    done: list = []  # flat, width entries per step: tuples that live on would make the garbage collector run
    # The guard's own calls are among those that confined() forbids: it goes around.
    with redirect_stdout(sys.stderr), Interrupts(), Guard(done, step_budget_s, batch_budget_s) as guard, confined():
        while len(done) < n * width and not (done and guard.spent):
            try:
                rest = (column[len(done) // width :] for column in columns)
                _validate(call, zip(*rest, strict=True), done.extend, guard, source)
            except Timeout:
                done.extend((None, None, f"stopped after {step_budget_s:g} s of CPU", None, "timeout"))
    return Results(*(done[i::width] for i in range(width)))


def _validate(
    call: Callable, steps: Iterable[tuple], add: Callable[[Result], None], guard: Guard, source: str
) -> None:
    """The hot loop. Beyond the validator itself: 0.05 µs for a bool, 0.4 µs for a Verdict with a reason."""
    for step in steps:
        try:
            returned = call(*step)
            result = PASSED if returned is True else FAILED if returned is False else result_of(returned)
        except (Timeout, Interrupted):
            raise
        except MemoryError as error:
            # Nothing can be computed when it is the limit's: the traceback keeps alive what filled the memory.
            result = result_of_exception(error, source) if error.args else OUT_OF_MEMORY
        except BaseException as error:  # SystemExit and KeyboardInterrupt of a validator, too
            result = result_of_exception(error, source)
        add(result)
        if guard.spent:
            return


def _count(validator: Validator, columns: list[list[str | None]]) -> int:
    fields, lengths = validator.fields, [len(column) for column in columns]
    if len(lengths) != len(fields) or len(set(lengths)) > 1:
        raise ValueError(
            f"{validator.name} reads {', '.join(fields)}: expected {len(fields)} columns of equal length, "
            f"got columns of {lengths}"
        )
    return lengths[0]


def _bind(validator: Validator, config: dict, columns: list[list[str | None]]) -> Callable:
    """The validator as a function of the columns' texts; decoding costs nothing when there is none to do."""
    function = partial(validator.function, **config)
    as_is = all(field.decode is str for field in validator.inputs)
    if as_is and not any(None in column for column in columns):
        return function
    return decoding(function, validator.inputs)
