"""Steps that come while a validator is off are accounted for, and a backfill catches up on them."""


def test_steps_while_disabled_are_paused_until_a_backfill(fw):
    fw.validator("v")
    [first] = fw.insert("a")
    fw.execute("SELECT flywheel.set_validator('v', enabled => false)")
    [second] = fw.insert("b")
    fw.drain()
    assert list(fw.verdicts("v")) == [first], "what was queued still runs"
    assert fw.coverage("v") == {"verdicts": 1, "paused": 1}
    assert fw.why(second, "v")[1].startswith("paused: ")

    fw.execute("SELECT flywheel.set_validator('v', enabled => true)")
    [third] = fw.insert("c")
    fw.drain()
    assert list(fw.verdicts("v")) == [first, third]
    assert fw.one("SELECT flywheel.backfill('v')") == 1
    fw.drain()
    assert list(fw.verdicts("v")) == [first, second, third]


def test_a_validator_that_starts_disabled_tells_before_from_paused(fw):
    [old] = fw.insert("a")
    fw.validator("v", enabled=False)
    [new] = fw.insert("b")
    assert fw.coverage("v") == {"before": 1, "paused": 1}
    assert fw.why(old, "v")[1].startswith("inserted before the validator existed")
    assert fw.why(new, "v")[1].startswith("paused: ")


def test_a_backfill_takes_the_time_range_it_was_given(fw):
    days = [fw.insert("x", created_at=f"2026-01-0{day}T00:00Z")[0] for day in (1, 2, 3)]
    fw.validator("v")
    assert fw.one("SELECT flywheel.backfill('v', '2026-01-02T00:00Z', '2026-01-03T00:00Z')") == 1
    fw.drain()
    assert list(fw.verdicts("v")) == [days[1]]
    assert fw.coverage("v") == {"verdicts": 1, "before": 2}
    assert fw.one("SELECT flywheel.backfill('v', '2027-01-01T00:00Z')") == 0
