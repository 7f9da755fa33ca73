"""A step that jsonb cannot hold, or only just, must not stop the claims of all others."""

import json

import psycopg
import pytest

CHANGED = {
    "bigint": "-1", "text": "'another'", "jsonb": "'[1]'", "integer": "17", "numeric": "17.5",
    "timestamp with time zone": "'2020-02-02'", "text[]": "ARRAY['another']",
}  # fmt: skip
COLUMNS = (
    "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
    "WHERE attrelid = 'flywheel.traces'::regclass AND attnum > 0 AND NOT attisdropped"
)
CLAIMED = "SELECT length(output) FROM flywheel.claim_judgements('default', 100, 60) ORDER BY 1"


def test_a_change_of_any_column_that_is_read_is_noticed(fw):
    fw.insert("a")
    for column, kind in fw.rows(COLUMNS):
        content = f"SELECT flywheel.content_hash(t, ARRAY['{column}']) FROM flywheel.traces t"
        before = fw.one(content)
        assert fw.one(content) == before
        fw.execute(f"UPDATE flywheel.traces SET {column} = {CHANGED[kind]}")
        assert fw.one(content) != before, column


def test_a_context_as_deep_as_the_column_takes_is_claimed(fw):
    fw.judge()
    accepted, refused = 1000, 200_000
    while refused - accepted > 10:
        depth = (accepted + refused) // 2
        try:
            fw.insert("deep", context="[" * depth + "]" * depth)
            accepted = depth
        except psycopg.errors.StatementTooComplex:
            refused = depth
    fw.drain()
    steps = fw.one("SELECT count(*) FROM flywheel.traces")
    assert len(fw.rows(CLAIMED)) == steps > 1


def test_a_text_that_jsonb_does_not_take_is_claimed(full_fw):
    full_fw.judge()
    full_fw.execute("INSERT INTO flywheel.traces (output) VALUES (repeat('x', 270000000)), ('small')")
    full_fw.drain()
    assert full_fw.rows(CLAIMED) == [(5,), (270_000_000,)]


def test_a_range_that_jsonb_does_not_take_is_claimed_in_parts(fw):
    """Where the worker runs Python validators, it gets a range of steps as one jsonb."""
    if fw.one("SELECT flywheel.has_python()"):
        pytest.skip("Python validators run in this database")
    fw.execute("SELECT flywheel.add_validator('short', 'py:max_length', '{\"limit\": 9}')")
    fw.execute("INSERT INTO flywheel.traces (output) VALUES ('a'), ('b'), (repeat('x', 270000000))")
    fw.drain()
    assert claim_and_record(fw) == [1, 2]
    assert claim_and_record(fw) == []
    assert fw.verdicts("short") == {1: [1, "ok", True], 2: [1, "ok", True], 3: [1, "error", None]}
    assert "string too long" in fw.why(3, "short")[1]
    assert fw.messages("flywheel_python") == 0


def claim_and_record(fw) -> list[int]:
    """As a worker does; the steps that it got."""
    message, version, ids, content = fw.one("SELECT msg_id, version_id, ids, content FROM flywheel.claim_python(60)")
    results = [
        {"id": step, "content": hash, "status": "ok", "passed": True} for step, hash in zip(ids, content, strict=True)
    ]
    fw.execute("SELECT flywheel.record_python(%s, %s, 1::real, %s)", (message, version, json.dumps(results)))
    return ids
