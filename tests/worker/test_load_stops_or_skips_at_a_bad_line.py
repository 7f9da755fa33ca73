"""What `flywheel load` leaves in the database: every good line with `skip`, all or nothing with `stop`."""

import gzip
import io
import json
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pg_flywheel.demo.traffic import generate
from pg_flywheel.load import BATCH, LoadError, load, load_lines

END = datetime(2025, 3, 3, 12, tzinfo=UTC)


def as_lines(steps):
    return [json.dumps(step).encode() + b"\n" for step in steps]


def rows(db, columns):
    return db.execute(f"SELECT {columns} FROM flywheel.traces ORDER BY id").fetchall()


def test_the_demo_is_loaded_whole_and_in_order(db, tmp_path):
    steps = list(generate(traces=1000, end=END))
    (tmp_path / "demo.jsonl").write_bytes(b"".join(as_lines(steps)))
    seen = []
    report = load(db, tmp_path / "demo.jsonl", progress=lambda report: seen.append(report.loaded))
    assert (report.loaded, report.bad) == (len(steps), [])
    assert seen == [BATCH, len(steps)]
    assert rows(db, "node, span_id, output, context, tags, attributes, started_at, cost_usd::float") == [
        (
            step["node"],
            step["span_id"],
            step.get("output"),
            step.get("context"),
            step["tags"],
            step.get("attributes"),
            datetime.fromisoformat(step["started_at"]),
            step.get("cost_usd"),
        )
        for step in steps
    ]


def test_stop_loads_nothing_and_names_the_line(db):
    lines = [b'{"node": "a"}'] * (BATCH + 2) + [b'{"nod": "a"}', b'{"node": "a"}']
    with pytest.raises(LoadError, match=rf'^line {BATCH + 3}: unknown column "nod".*Nothing was loaded'):
        load_lines(db, lines)
    assert rows(db, "*") == []


def test_skip_loads_the_others_and_names_the_lines(db):
    lines = [b'{"node": "a"}', b"oops", b"", b'{"node": "b"}', b'{"tags": 1}']
    report = load_lines(db, lines, on_error="skip")
    assert rows(db, "node") == [("a",), ("b",)]
    assert (report.loaded, report.skipped, [line.number for line in report.bad]) == (2, 2, [2, 5])


def test_a_line_that_only_the_server_can_refuse_is_named_too(db):
    db.execute("ALTER TABLE flywheel.traces ADD CHECK (prompt_tokens >= 0)")
    lines = as_lines({"node": str(i), "prompt_tokens": -1 if i in (3, 700) else i} for i in range(1000))
    lines[4] = b"oops"
    with pytest.raises(LoadError, match=r"^line 4: the server refused it: .*check constraint"):
        load_lines(db, lines[:4])
    assert rows(db, "*") == []
    report = load_lines(db, lines, on_error="skip")
    assert [line.number for line in report.bad] == [4, 5, 701]
    assert rows(db, "node") == [(str(i),) for i in range(1000) if i not in (3, 4, 700)]


def test_left_out_and_null_columns_get_their_defaults(db):
    given = {"trace_id": "t", "pipeline": "p", "status": "late", "created_at": "2025-01-31T12:00:00Z"}
    load_lines(db, as_lines([given, {"node": "a"}, dict.fromkeys(given), given]))
    asked, default = ("p", "late", True), ("default", "ok", False)
    loaded = rows(db, "pipeline, status, created_at = '2025-01-31T12:00:00Z'")
    assert loaded == [asked, default, default, asked]
    assert len({trace_id for (trace_id,) in rows(db, "trace_id")}) == 3


def test_a_gzip_file_is_unpacked(db, tmp_path):
    (tmp_path / "steps.jsonl.gz").write_bytes(gzip.compress(b'{"node": "a"}\n{"node": "b"}\n'))
    assert load(db, tmp_path / "steps.jsonl.gz").loaded == 2
    assert rows(db, "node") == [("a",), ("b",)]


def test_a_dash_is_standard_input(db, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"node": "a"}\n')))
    assert load(db, "-").loaded == 1


_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(_text, st.lists(_text), st.dictionaries(_text, _text)), min_size=1))
def test_any_text_comes_back_as_it_was(db, steps):
    db.execute("TRUNCATE flywheel.traces CASCADE")
    load_lines(db, as_lines({"output": text, "tags": tags, "attributes": more} for text, tags, more in steps))
    assert rows(db, "output, tags, attributes") == steps
