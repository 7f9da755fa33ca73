"""CPU budgets for a batch of steps, without a system call per step.

Inside Postgres nothing else stops Python: statement_timeout and pg_terminate_backend wait for it. SIGALRM
belongs to Postgres, so the guard uses ITIMER_VIRTUAL and SIGVTALRM: user CPU time of the process, not sleep.
"""

import math
import signal
import time
from collections.abc import Sized


class Timeout(BaseException):
    """The step's CPU budget is spent. Not an Exception: a validator's `except Exception` lets it pass."""


class Guard:
    """While entered: raises Timeout in a step that uses up step_s, and sets `spent` after batch_s.

    `done` is a list that grows, in one call, by every finished step: its length tells one step from another.
    A timer ticks every step_s of CPU; a step seen by two ticks is stopped, that is, after between one and two
    budgets. A validator that swallows Timeout gets it again at every further tick; a bare `except:` inside an
    endless loop, or a long call into C, is beyond this guard: the worker kills its process.

    A tick between two steps harms neither: CPython runs signal handlers after calls and backward jumps only,
    so the next one after a step's last is after `done` has grown, and sees another step.

    Main thread only (signal.signal raises ValueError elsewhere). Budgets are seconds > 0.
    """

    def __init__(self, done: Sized, step_s: float, batch_s: float):
        if not (step_s > 0 and batch_s > 0):
            raise ValueError(f"step budget {step_s} s and batch budget {batch_s} s: expected more than 0")
        self.spent = False
        self._done = done
        self._seen = -1  # len(done) at the last tick
        self._again = 0  # ticks since then that saw the same
        self._batch_s = batch_s
        self._interval = min(step_s, batch_s)
        self._patience = math.ceil(step_s / self._interval)

    def __enter__(self) -> "Guard":
        self._ends = time.process_time() + self._batch_s
        self._previous = signal.signal(signal.SIGVTALRM, self._tick)
        signal.setitimer(signal.ITIMER_VIRTUAL, self._interval, self._interval)
        return self

    def __exit__(self, *_) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        # None: a handler that was not set from Python; it cannot be put back from here.
        signal.signal(signal.SIGVTALRM, self._previous or signal.SIG_DFL)

    def _tick(self, signum, frame) -> None:
        self.spent = time.process_time() >= self._ends
        if len(self._done) != self._seen:
            self._seen, self._again = len(self._done), 0
        else:
            self._again += 1
            if self._again >= self._patience:
                raise Timeout
