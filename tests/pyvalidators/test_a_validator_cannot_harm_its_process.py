import resource
import signal
import sys
from pathlib import Path

import pytest

from pyvalidators import batch, validator
from pyvalidators.confine import FORBIDDEN

NAMES = [(module, name) for module, names in FORBIDDEN.items() for name in names if hasattr(module, name)]


@pytest.fixture
def behaves():
    """A validator that does what its step says, and passes where that is possible."""

    @validator
    def behaves(output: str) -> bool:
        if output == "all memory":
            kept = []
            while True:
                kept.append(bytearray(2**20))
        if output == "400 MB":
            return len(bytearray(400 * 2**20)) > 0
        if output == "swallowed":
            try:
                bytearray(2**40)
            except MemoryError:
                return True
        if output.startswith("call "):
            module, _, name = output.removeprefix("call ").partition(".")
            getattr(sys.modules[module], name)()
        return True


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_what_would_end_or_disturb_it_is_an_error_of_the_step(behaves, module, name):
    original = getattr(module, name)
    results = batch.run("behaves", {}, [["a", f"call {module.__name__}.{name}", "b"]])
    assert results.status == ["ok", "error", "ok"]
    assert results.reason[1].startswith(f"NotAllowed: {module.__name__}.{name} is not for validators")
    assert getattr(module, name) is original


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing limits memory there")
def test_memory_without_end_is_an_error_of_the_step(behaves):
    before = resource.getrlimit(resource.RLIMIT_DATA)
    results = batch.run("behaves", {}, [["400 MB", "all memory", "swallowed", "all memory", "400 MB"]], 10.0, 60.0)
    assert results.status == ["ok", "error", "ok", "error", "ok"]
    assert results.reason[1] == results.reason[3] == "needs more than 512 MB of memory"
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing limits memory there")
def test_what_the_batch_itself_holds_does_not_count(behaves):
    held = bytearray(600 * 2**20)
    assert batch.run("behaves", {}, [["a", "x" * 2**20 * 100]]).status == ["ok", "ok"]
    assert held


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing limits memory there")
def test_a_tighter_limit_of_the_machine_stays():
    @validator
    def limit(output: str) -> bool:
        return resource.getrlimit(resource.RLIMIT_DATA)[0] == int(output)

    before = resource.getrlimit(resource.RLIMIT_DATA)
    pages = int(Path("/proc/self/statm").read_text().split()[5])
    tight = pages * resource.getpagesize() + 100 * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (tight, before[1]))
    try:
        assert batch.run("limit", {}, [[str(tight)]]).passed == [True]
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def test_interrupts_outside_postgres_are_not_touched(behaves):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    batch.run("behaves", {}, [["a"]])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
