"""What a validator must not do to the process that runs it, by accident: a net, not a prison.

Inside Postgres the process is a backend, and one that ends without a good-bye restarts the whole server: os._exit,
os.abort, and a C stack that overflows after the recursion limit was raised all did (measured, Postgres 15). So does the
kernel's killer, which comes for memory without end. A forked copy would use the backend's connection, and SIGALRM is
what Postgres's timeouts are made of. The worker's processes do the same, so that a step has one verdict in both.
"""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY_MB = 512
"""What a batch may allocate beyond what the process had when it began."""

FORBIDDEN = {
    os: (
        *("_exit", "abort", "fork", "forkpty", "kill", "killpg", "closerange"),
        *("execl", "execle", "execlp", "execlpe", "execv", "execve", "execvp", "execvpe"),
    ),
    signal: ("alarm", "pthread_kill", "raise_signal", "setitimer", "signal"),
    sys: ("setrecursionlimit",),
}


class NotAllowed(RuntimeError):
    """A validator called what would end or disturb the process that runs it."""


@contextmanager
def confined() -> Iterator[None]:
    """While entered, the functions of FORBIDDEN raise NotAllowed, and memory beyond MEMORY_MB is a MemoryError."""
    originals = [(module, name, getattr(module, name)) for module, name in _FORBIDDEN]
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        for module, name in _FORBIDDEN:
            setattr(module, name, _refuse[module, name])
        _limit_memory(limits)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limits)
        for module, name, original in originals:
            setattr(module, name, original)


def _refusal(module, name: str):
    def refuse(*_, **__):
        raise NotAllowed(f"{module.__name__}.{name} is not for validators: it would disturb the process that runs them")

    return refuse


_FORBIDDEN = [(module, name) for module, names in FORBIDDEN.items() for name in names if hasattr(module, name)]
_refuse = {(module, name): _refusal(module, name) for module, name in _FORBIDDEN}


def _limit_memory(limits: tuple[int, int]) -> None:
    """RLIMIT_DATA, and not RLIMIT_AS: the stack has to be able to grow, or the process dies, and shared_buffers do not
    count. Linux only; elsewhere nothing limits memory."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[5])  # of data and stack
    except OSError:
        return
    most = pages * resource.getpagesize() + MEMORY_MB * 2**20
    tighter = [limit for limit in limits if limit != resource.RLIM_INFINITY and limit < most]
    if not tighter:
        resource.setrlimit(resource.RLIMIT_DATA, (most, limits[1]))
