"""Steps of 50 MB among small ones: all get their verdicts, also where together they are more than a message takes."""

import pytest

from tests.faults.poison.conftest import HEALTHY

pytestmark = pytest.mark.faults

MB = 2**20


def test_fifty_megabytes_among_small_steps(fw, work_off):
    fw.add_healthy()
    fw.execute("SELECT flywheel.add_validator('short', 'py:max_length', '{\"limit\": 100}')")
    steps = fw.insert_around(*["huge"] * 3)
    # Together they are beyond what a message of the portable profile holds.
    fw.execute("UPDATE flywheel.traces SET output = repeat('x', %s) WHERE id = ANY (%s)", (50 * MB, steps))
    work_off()
    fw.assert_all_is_well_but("short", steps)
    assert [fw.verdicts("short")[step] for step in steps] == [[1, "ok", False]] * 3


def test_one_that_no_message_can_hold_is_an_error_of_its_own(fw, work_off):
    """A jsonb string holds 256 MB, which concerns Python in the worker only."""
    fw.add_healthy()
    fw.execute("SELECT flywheel.add_validator('short', 'py:max_length', '{\"limit\": 100}')")
    steps = fw.insert_around("huge")
    fw.execute("UPDATE flywheel.traces SET output = repeat('x', %s) WHERE id = %s", (300 * MB, steps[0]))
    work_off()
    status = fw.one("SELECT status FROM flywheel.why(%s, 'short')", steps[0])
    assert status == ("ok" if fw.one("SELECT flywheel.has_python()") else "error")
    assert fw.coverage("short") == fw.coverage("healthy_sql") == {"verdicts": HEALTHY + 1}
    assert fw.messages("flywheel_python") == 0
