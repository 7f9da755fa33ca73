"""What goes wrong in Python validators. Takes the place of max_length, in the processes of a test only."""

import dataclasses
import os
import re
import signal
import sys
import time
from contextlib import suppress

from pyvalidators import VALIDATORS, Verdict


def loops():
    while True:
        pass


def loops_deaf_to_exceptions():
    while True:
        with suppress(Exception):
            loops()


def catastrophic_regex():
    return bool(re.search(r"(a|aa)+$", "a" * 60 + "!"))


def allocates():
    kept = []
    while True:
        kept.append("x" * 2**20)


def allocates_at_once():
    return len(bytearray(2**33)) > 0


def allocates_small():
    kept = []
    while True:
        kept.append(object())


def recurses():
    return recurses()


def raises_the_recursion_limit():
    sys.setrecursionlimit(10**9)
    return recurses()


def exits():
    os._exit(0)


def aborts():
    os.abort()


def sys_exits():
    sys.exit(1)


def forks():
    return os.fork() > 0


def uses_sigalrm():
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.alarm(1)


def prints():
    print("x" * 1_000_000)
    sys.stdout.flush()
    return True


def returns_garbage():
    return {"passed": object()}


def returns_a_bad_score():
    return Verdict(None, score=float("nan"))


def raises_what_cannot_be_printed():
    class Broken(Exception):
        def __str__(self):
            return self.missing

    raise Broken


def sleeps():
    time.sleep(3600)


def max_length(output, *, limit, unit="characters"):
    poison = globals().get(output) if output.isidentifier() else None
    return poison() if poison else len(output) <= limit


VALIDATORS["max_length"] = dataclasses.replace(VALIDATORS["max_length"], function=max_length)
