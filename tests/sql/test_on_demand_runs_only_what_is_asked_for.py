"""A costly metric is paid for when somebody asks, for the sample they ask for, once."""

import pytest

SAMPLED = "SELECT count(*) FROM flywheel.traces WHERE flywheel.sample_point(trace_id, 'v') < %s"


def test_nothing_runs_until_it_is_asked_for(fw):
    fw.validator("v", mode="on_demand")
    [step] = fw.insert("x")
    fw.drain()
    assert fw.coverage("v") == {"not_requested": 1}
    assert fw.why(step, "v")[1].startswith("not requested: ")


def test_nested_samples_are_paid_for_once(fw):
    fw.judge("v", mode="on_demand")
    fw.execute("INSERT INTO flywheel.traces (output) SELECT 'x' FROM generate_series(1, 300)")
    few, many = fw.one(SAMPLED, 0.2), fw.one(SAMPLED, 0.5)
    assert fw.one("SELECT flywheel.evaluate('v', sample => 0.2)") == few
    assert fw.coverage("v") == {"pending": few, "sampled_out": 300 - few}
    fw.drain()
    assert fw.record(fw.claim(500)) == few

    assert fw.one("SELECT flywheel.evaluate('v', sample => 0.5)") == many - few
    fw.drain()
    assert fw.record(fw.claim(500)) == many - few
    assert fw.coverage("v") == {"verdicts": many, "sampled_out": 300 - many}
    assert fw.one("SELECT flywheel.evaluate('v', sample => 0.5)") == 0
    n, rate, low, high = fw.one("SELECT n, pass_rate, pass_rate_lo, pass_rate_hi FROM flywheel.metrics")
    assert (n, rate, high) == (many, 1, pytest.approx(1))
    assert 0.9 < low < 1


def test_a_time_range_is_kept_to(fw):
    fw.validator("v", mode="on_demand")
    old, new = fw.insert("x", created_at="2026-01-01T00:00Z")[0], fw.insert("x", created_at="2026-02-01T00:00Z")[0]
    assert fw.one("SELECT flywheel.evaluate('v', until => '2026-01-15T00:00Z')") == 1
    fw.drain()
    assert list(fw.verdicts("v")) == [old]
    assert fw.why(new, "v")[1].startswith("not requested: ")
