"""Python validators in the database: whatever a step holds, it gets a status of its own and the queue goes on."""

import json

MEGABYTE = 2**20


def statuses(fw, name: str, config: dict, *outputs: str | None) -> list[tuple]:
    """(status, passed) per output, with a short good neighbour on both sides."""
    fw.execute("SELECT flywheel.add_validator('v', %s, %s)", (f"py:{name}", json.dumps(config)))
    fw.insert("{}", *outputs, "{}")
    fw.drain()
    assert fw.messages("flywheel_code") == 0
    rows = fw.rows("SELECT status, passed FROM flywheel.verdicts ORDER BY step_id")
    assert len(rows) == len(outputs) + 2
    assert rows[0] == rows[-1] == ("ok", True)
    return rows[1:-1]


def test_a_pattern_that_backtracks_forever_times_out_that_step_only(full_fw):
    outputs = ["x" * 90, "b"]
    assert statuses(full_fw, "matches", {"pattern": "(x|xx)+y", "negate": True}, *outputs) == [
        ("timeout", None), ("ok", True)]  # fmt: skip
    assert full_fw.one("SELECT timeouts, errors, passed FROM flywheel.metrics") == (1, 0, 3)


def test_ten_megabytes(full_fw):
    assert statuses(full_fw, "max_length", {"limit": 100}, "x" * 10 * MEGABYTE) == [("ok", False)]


def test_more_than_one_array_can_hold(full_fw):
    full_fw.execute("""SELECT flywheel.add_validator('v', 'py:max_length', '{"limit": 100}')""")
    full_fw.execute("INSERT INTO flywheel.traces (output) SELECT repeat('x', %s) FROM generate_series(1, 30)",
                    (40 * MEGABYTE,))  # fmt: skip
    full_fw.drain()
    assert full_fw.rows("SELECT status, passed, count(*) FROM flywheel.verdicts GROUP BY 1, 2") == [("ok", False, 30)]


def test_empty_null_and_not_json(full_fw):
    outputs = ["", None, "not json", '{"a": 1}', "\U0001f600"]
    assert statuses(full_fw, "max_length", {"limit": 8}, *outputs) == [
        ("ok", True), ("abstained", None), ("ok", True), ("ok", True), ("ok", True)]  # fmt: skip


def test_json_where_json_is_expected(full_fw):
    outputs = ["", None, "not json", "[" * 100_000, '{"a": NaN}', "[]"]
    found = statuses(full_fw, "json_schema", {"schema": {"type": "object"}}, *outputs)
    assert found[1] == ("abstained", None)
    assert found[0] == found[2] == found[5] == ("ok", False)
    assert all(passed is not True for _, passed in found)
