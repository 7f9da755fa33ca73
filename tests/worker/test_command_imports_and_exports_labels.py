"""`flywheel labels import|export`: all or nothing, bad lines by number, and what goes out comes in again."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pg_flywheel.labels import LabelError, Row, parse
from psycopg.conninfo import make_conninfo

COLUMNS = "step_id, validator, passed, score, category, critique, rater, sampling_design, inclusion_probability, split"
LABELS = f"SELECT {COLUMNS} FROM flywheel.labels ORDER BY step_id, rater"


def run(*arguments: object, stdin: str | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pg_flywheel", "labels", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, input=stdin)


@pytest.fixture
def labelled(flow):
    """Steps 1 to 3 in two traces, a judge and nothing said yet."""
    flow.add_judge("http://127.0.0.1:9/v1", "polite")
    flow.db.execute("INSERT INTO flywheel.traces (trace_id, node, output) VALUES "
                    "('a', 'plan', 'one'), ('a', 'answer', 'two'), ('b', 'answer', 'three')")  # fmt: skip
    return flow


def test_csv_with_every_column(labelled, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text(
        "trace_id,node,step_id,validator,passed,score,category,critique,rater,sampling_design,inclusion_probability\n"
        'a,answer,,polite,FAIL,,,"Rude, and\nlong.",ann,stratified,0.25\n'
        "b,,,polite,1,0.5,greeting,,bob,,\n"
        ",,1,polite,true,,,,ann,,\n"
    )
    done = run("import", file, "--dsn", labelled.dsn, "--json")
    assert json.loads(done.stdout) == {"imported": 3}, done.stderr
    assert [row[:-1] for row in labelled.db.execute(LABELS)] == [
        (1, "polite", True, None, None, None, "ann", "convenience", None),
        (2, "polite", False, None, None, "Rude, and\nlong.", "ann", "stratified", 0.25),
        (3, "polite", True, 0.5, "greeting", None, "bob", "convenience", None),
    ]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "-"])
def test_what_is_exported_can_be_imported(labelled, tmp_path, suffix):
    labelled.db.execute("INSERT INTO flywheel.labels (step_id, validator, passed, score, category, critique, rater) "
                        "VALUES (1, 'polite', true, 0.1, NULL, 'Says \"hello\", 你好', 'ann'), "
                        "(2, 'polite', NULL, NULL, 'tone, or\nnot', NULL, 'bob')")  # fmt: skip
    before = labelled.db.execute(LABELS).fetchall()
    file = "-" if suffix == "-" else tmp_path / f"labels.{suffix}"
    exported = run("export", file, "--dsn", labelled.dsn)
    assert exported.returncode == 0, exported.stderr
    labelled.db.execute("DELETE FROM flywheel.labels")
    assert run("import", file, "--dsn", labelled.dsn, stdin=exported.stdout).returncode == 0
    assert labelled.db.execute(LABELS).fetchall() == before
    assert labelled.value("SELECT count(*) FROM flywheel.test_reads") == len({row[-1] for row in before} & {"test"})


def test_an_export_is_limited_to_a_validator_and_a_split(labelled, tmp_path):
    labelled.add_judge("http://127.0.0.1:9/v1", "short")
    labelled.db.execute("SELECT flywheel.set_split_shares(0, 1, 0)")
    labelled.db.execute(
        "INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (1, 'polite', true), (1, 'short', true)"
    )
    file = tmp_path / "labels.csv"
    done = run("export", file, "--dsn", labelled.dsn, "--validator", "short", "--split", "dev", "--json")
    assert json.loads(done.stdout) == {"exported": 1}
    with file.open() as lines:
        assert [row["validator"] for row in csv.DictReader(lines)] == ["short"]
    assert "polight" in run("export", "--dsn", labelled.dsn, "--validator", "polight").stderr


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ({"step_id": 9}, "no step with step_id 9"),
        ({"trace_id": "z", "node": "answer"}, "no step with trace_id z node answer"),
        ({"trace_id": "a"}, "2 steps with trace_id a; name its node"),
        ({"step_id": 3, "trace_id": "a"}, "no step with step_id 3 trace_id a"),
        ({}, "which step?"),
        ({"step_id": 3, "validator": "polight"}, 'there is no validator "polight"; Known: polite'),
        ({"step_id": 3, "validator": None}, "which validator?"),
        ({"step_id": 3, "rubric_version": 7}, "rubric version 7"),
        ({"step_id": 3, "passed": "maybe"}, 'passed: expected pass or fail, got "maybe"'),
        ({"step_id": 3, "passed": None}, "what is the label?"),
        ({"step_id": 3, "inclusion_probability": 0}, "inclusion_probability: expected a probability over 0, up to 1"),
        ({"step_id": 3, "inclusion_probability": 1.5}, "inclusion_probability: expected a probability"),
        ({"step_id": 3, "sampling_design": "lucky"}, "sampling_design: expected one of random"),
        ({"step_id": 3, "critique": "\0"}, "critique: expected a text"),
        ({"step_id": 3, "verdict": True}, 'unknown column "verdict"; expected step_id'),
        ({"step_id": 1}, "this rater has labelled the step already"),
        ("[1]", "expected one JSON object"),
        ('{"score": NaN, "step_id": 3, "validator": "polite"}', "score: expected a number"),
        ("{", "not one JSON object"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(labelled, line, complaint):
    good = [json.dumps({"step_id": step, "validator": "polite", "passed": True, "rater": "ann"}) for step in (1, 2)]
    bad = line if isinstance(line, str) else json.dumps({"validator": "polite", "passed": True, "rater": "ann"} | line)
    done = run("import", "-", "--dsn", labelled.dsn, stdin="\n".join([*good, "", bad]))
    assert done.returncode == 1
    assert f"line 4: {complaint}" in done.stderr
    assert "Nothing was imported" in done.stderr
    assert labelled.value("SELECT count(*) FROM flywheel.labels") == 0


def test_a_rater_without_the_role_hears_which_one_it_takes(labelled):
    nobody = f"nobody_{labelled.db.info.dbname}"
    labelled.db.execute(f"CREATE ROLE {nobody} LOGIN IN ROLE flywheel_writer")
    try:
        dsn = make_conninfo(labelled.dsn, user=nobody)
        done = run("import", "-", "--dsn", dsn, stdin='{"step_id": 1, "validator": "polite", "passed": true}')
    finally:
        labelled.db.execute(f"DROP ROLE {nobody}")
    assert done.returncode == 1
    assert "permission denied" in done.stderr
    assert "labels and review flywheel_reviewer" in done.stderr


def test_a_file_of_another_kind(labelled, tmp_path):
    assert "Name it .csv or .jsonl" in run("import", tmp_path / "labels.xlsx", "--dsn", labelled.dsn).stderr
    latin = tmp_path / "labels.csv"
    latin.write_bytes("step_id,validator,passed,critique\n1,polite,pass,caf\xe9\n".encode("latin-1"))
    assert "line 2: not UTF-8" in run("import", latin, "--dsn", labelled.dsn).stderr


HEADER = "step_id,validator,passed,critique\n"


@pytest.mark.parametrize("path", ["csv", "-"])
def test_what_excel_saves(labelled, tmp_path, path):
    """A byte order mark, CRLF, TRUE and FALSE, quotes that are doubled; in whatever locale."""
    text = f'\ufeff{HEADER}1,polite,TRUE,"caf\xe9 ""x""\nand"\n\n2,polite,FALSE,\n'.replace("\n", "\r\n")
    file = "-" if path == "-" else tmp_path / "labels.csv"
    if path != "-":
        file.write_bytes(text.encode())
    command = [sys.executable, "-m", "pg_flywheel", "labels", "import", str(file), "--dsn", labelled.dsn]
    latin = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, input=text.encode(), env=latin, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert labelled.db.execute("SELECT step_id, passed, critique FROM flywheel.labels ORDER BY 1").fetchall() == [
        (1, True, 'caf\xe9 "x"\r\nand'),
        (2, False, None),
    ]


def test_a_long_critique_is_exported_and_imported(labelled, tmp_path):
    labelled.db.execute("INSERT INTO flywheel.labels (step_id, validator, passed, critique) "
                        "VALUES (1, 'polite', true, repeat('x', 200000))")  # fmt: skip
    file = tmp_path / "labels.csv"
    assert run("export", file, "--dsn", labelled.dsn).returncode == 0
    labelled.db.execute("DELETE FROM flywheel.labels")
    assert run("import", file, "--dsn", labelled.dsn).returncode == 0
    assert labelled.value("SELECT length(critique) FROM flywheel.labels") == 200_000


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"{HEADER}1,polite,pass,\n{9**30},polite,pass,\n", "line 3: step_id: expected an integer that Postgres"),
        (f"{HEADER}\n1,polite,pass,\n\n\n9,polite,pass,\n", "line 6: no step with step_id 9"),
        ("step_id,validator,passed,passed\n1,polite,pass,fail\n", 'line 1: column "passed" is there twice'),
    ],
)
def test_a_bad_line_of_csv_is_named(labelled, text, complaint):
    done = run("import", "-", "--dsn", labelled.dsn, stdin=text)
    assert done.returncode == 1
    assert complaint in done.stderr and "Nothing was imported" in done.stderr
    assert labelled.value("SELECT count(*) FROM flywheel.labels") == 0


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(st.lists(st.tuples(st.integers(1, 10**15), TEXTS, st.booleans())))
def test_any_text_survives_csv(rows):
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(["step_id", "critique", "passed", "validator"])
    table.writerows([step, critique, passed, "polite"] for step, critique, passed in rows)
    found = list(parse(io.StringIO(out.getvalue(), newline=""), "csv"))
    wanted = [
        {"step_id": step, "critique": critique, "passed": passed, "validator": "polite"}
        for step, critique, passed in rows
    ]
    assert [row.values for row in found] == wanted


@given(st.lists(st.text()))
def test_no_line_crashes_the_parser(lines):
    for kind in ("csv", "jsonl", None):
        try:
            for row in parse(iter([f"{line}\n" for line in lines]), kind):
                assert isinstance(row, Row)
        except LabelError as error:
            assert error.line >= 1
