"""Retry-After says the past, nothing, an hour ten million times over: nobody is paused for ever, and nobody hammers."""

import itertools
import time

import pytest
from pg_flywheel.standin import Fault

pytestmark = pytest.mark.faults

NOW = ["Thu, 01 Jan 1970 00:00:00 GMT", "0", "-5", "NaN"]
LONG = ["soon", "", "1e12", "Fri, 31 Dec 9999 23:59:59 GMT", "1" * 400, "inf"]
PAUSED_S = "SELECT extract(epoch FROM paused_until - now())::float FROM flywheel.provider_state"
END_PAUSE = "UPDATE flywheel.provider_state SET paused_until = now()"


def test_retry_after_of_any_kind(cell):
    with cell("Retry-After: past, absurd") as load:
        served = load.provider.answer
        before = load.provider.n_calls
        refuse(load, NOW)
        seconds = len(load.times(6, 30))
        time.sleep(seconds)
        calls = load.provider.n_calls - before
        assert load.value(PAUSED_S) < 60
        assert calls < 16 * (3 + seconds / 2), "no faster than its pauses of a second and more allow"

        refuse(load, LONG)
        load.wait_for(lambda: (load.value(PAUSED_S) or 0) > 3000 or load.run(END_PAUSE))
        load.wait_for(lambda: load.provider.in_flight == 0)
        assert load.value(PAUSED_S) <= 3600
        load.provider.answer = served
        calls = load.provider.n_calls
        load.wait_for(lambda: load.run(END_PAUSE) or load.provider.n_calls > calls)  # as an operator would


def refuse(load, retry_after: list[str]) -> None:
    values = itertools.cycle(retry_after)
    load.provider.answer = lambda request: Fault("status", 429, retry_after=next(values))
