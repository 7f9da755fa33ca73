"""Whatever a Python validator does on one step is that step's error or timeout: all others arrive, the server stays up.

On the full profile that is inside Postgres, on the portable one in a process of the worker.
"""

import pytest

pytestmark = pytest.mark.faults

CPU = "stopped after 1 s of CPU"
MEMORY = "needs more than 512 MB of memory"
POISON = {
    "loops": ("timeout", CPU),
    "loops_deaf_to_exceptions": ("timeout", CPU),
    "catastrophic_regex": ("timeout", CPU),
    "allocates": ("error", MEMORY),
    "allocates_at_once": ("error", MEMORY),
    "allocates_small": ("error", MEMORY),
    "recurses": ("error", "RecursionError"),
    "raises_the_recursion_limit": ("error", "sys.setrecursionlimit is not for validators"),
    "exits": ("error", "os._exit is not for validators"),
    "aborts": ("error", "os.abort is not for validators"),
    "sys_exits": ("error", "SystemExit: 1"),
    "forks": ("error", "os.fork is not for validators"),
    "uses_sigalrm": ("error", "signal.signal is not for validators"),
    "prints": ("ok", None),
    "returns_garbage": ("error", "returned {'passed'"),
    "returns_a_bad_score": ("error", "returned Verdict"),
    "raises_what_cannot_be_printed": ("error", "Broken"),
}


@pytest.mark.parametrize("poison", POISON)
def test_it_has_its_cause_and_the_others_their_verdicts(fw, work_off, poison):
    fw.add_healthy()
    fw.execute("SELECT flywheel.add_validator('poisoned', 'py:max_length', '{\"limit\": 100}')")
    steps = fw.insert_around(poison)
    work_off()
    fw.assert_all_is_well_but("poisoned", steps)
    status, reason = fw.one("SELECT status, reason FROM flywheel.why(%s, 'poisoned')", steps[0])
    expected, cause = POISON[poison]
    assert status == expected, reason
    assert cause is None or cause in reason


def test_several_in_one_range_are_told_apart(fw, work_off):
    fw.add_healthy()
    fw.execute("SELECT flywheel.add_validator('poisoned', 'py:max_length', '{\"limit\": 100}')")
    poison = ["allocates", "loops", "exits", "allocates", "sys_exits"]
    steps = fw.insert_around(*poison)
    work_off()
    fw.assert_all_is_well_but("poisoned", steps)
    statuses = [fw.one("SELECT status FROM flywheel.why(%s, 'poisoned')", step) for step in steps]
    assert statuses == [POISON[each][0] for each in poison]
