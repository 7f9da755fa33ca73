"""Lets pg_cancel_backend, statement_timeout and a shutdown reach Python inside Postgres.

Postgres's own handlers only set a flag, which nobody looks at while Python runs. Here Python takes the signals over for
the length of a batch, ends it, and then gives them to Postgres.
"""

import ctypes
import os
import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM)
IN_POSTGRES = "plpy" in sys.modules


class Interrupted(BaseException):
    """Somebody wants this session to stop what it does."""


class Interrupts:
    """While entered, inside Postgres: a cancel or a termination raises Interrupted. Elsewhere it does nothing."""

    def __init__(self) -> None:
        self._came: list[int] = []
        self._listening = False

    def __enter__(self) -> "Interrupts":
        if IN_POSTGRES:
            # Python's signal module cannot put back a handler that is not its own, hence struct sigaction as it is.
            self._own = [ctypes.create_string_buffer(512) for _ in SIGNALS]
            for number, action in zip(SIGNALS, self._own, strict=True):
                _libc.sigaction(number, None, action)
            self._listening = True
            for number in SIGNALS:
                signal.signal(number, self._note)
        return self

    def __exit__(self, *_) -> None:
        self._listening = False
        if IN_POSTGRES:
            for number, action in zip(SIGNALS, self._own, strict=True):
                _libc.sigaction(number, action, None)
            for number in self._came:
                os.kill(os.getpid(), number)

    def _note(self, number: int, frame) -> None:
        self._came.append(number)
        if self._listening:
            raise Interrupted


_libc = ctypes.CDLL(None) if IN_POSTGRES else None
