"""A trace is in a sample or not by a hash that anybody can compute, so nothing has to be stored to explain it."""

from hashlib import md5


def point(validator: str, trace: str) -> float:
    return int(md5(f"{validator}:{trace}".encode()).hexdigest()[:13], 16) / 2**52


def add_traces(fw, name: str, n: int, steps: int = 1) -> None:
    fw.execute("INSERT INTO flywheel.traces (trace_id, output) SELECT %s || i, 'x' "
               "FROM generate_series(1, %s) AS i, generate_series(1, %s)", (name, n, steps))  # fmt: skip


def sampled(fw, like: str = "%") -> set[str]:
    return {trace for (trace,) in fw.rows(
        "SELECT t.trace_id FROM flywheel.verdicts v JOIN flywheel.traces t ON t.id = v.step_id "
        "WHERE t.trace_id LIKE %s", like)}  # fmt: skip


def test_all_steps_of_a_trace_or_none_as_python_computes_it(fw):
    fw.validator("v", sample_rate=0.3)
    add_traces(fw, "trace-ü-", 1000, steps=3)
    fw.drain()
    expected = {name for i in range(1, 1001) if point("v", name := f"trace-ü-{i}") < 0.3}
    assert sampled(fw) == expected
    assert 250 < len(expected) < 350
    assert fw.coverage("v") == {"verdicts": 3 * len(expected), "sampled_out": 3000 - 3 * len(expected)}


def test_why_says_where_a_trace_falls(fw):
    fw.validator("v", sample_rate=0.3)
    trace = next(name for i in range(100) if point("v", name := f"t{i}") >= 0.3)
    [step] = fw.insert("x", trace_id=trace)
    fw.drain()
    answer, reason = fw.why(step, "v")
    assert answer == "not_eligible"
    assert f"sampled out: the trace falls at {point('v', trace):.4f}" in reason


def test_a_new_rate_holds_for_later_steps(fw):
    version = fw.validator("v", sample_rate=0)
    add_traces(fw, "a", 50)
    fw.execute("SELECT flywheel.set_validator('v', sample_rate => 1)")
    add_traces(fw, "b", 50)
    fw.execute("SELECT flywheel.set_validator('v', sample_rate => 0.5)")
    add_traces(fw, "c", 50)
    fw.drain()
    assert not sampled(fw, "a%")
    assert len(sampled(fw, "b%")) == 50
    assert sampled(fw, "c%") == {name for i in range(1, 51) if point("v", name := f"c{i}") < 0.5}
    assert fw.one("SELECT version_id FROM flywheel.validators") == version
    assert fw.coverage("v")["sampled_out"] == 100 - len(sampled(fw, "c%"))


def test_a_backfill_keeps_to_the_sample(fw):
    add_traces(fw, "a", 100)
    fw.validator("v", sample_rate=0.4)
    assert fw.coverage("v") == {"before": 100}
    expected = {name for i in range(1, 101) if point("v", name := f"a{i}") < 0.4}
    assert fw.one("SELECT flywheel.backfill('v')") == len(expected)
    fw.drain()
    assert sampled(fw) == expected
