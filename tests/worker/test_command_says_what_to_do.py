"""An error names what was given and what to do about it."""

import re
import subprocess
import sys

import psycopg
import pytest
from psycopg.conninfo import make_conninfo


def complaint(*arguments: object) -> str:
    command = [sys.executable, "-m", "pg_flywheel", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("command", ["status", "drain", "worker", "load"])
def test_a_database_without_pg_flywheel(empty_dsn, command, tmp_path):
    file = tmp_path / "steps.jsonl"
    file.write_text("{}\n")
    said = complaint(command, *([file] if command == "load" else []), "--dsn", empty_dsn)
    assert "no pg_flywheel" in said
    assert "flywheel install" in said


def test_a_database_that_does_not_exist(full_dsn):
    assert '"nowhere" does not exist' in complaint("status", "--dsn", make_conninfo(full_dsn, dbname="nowhere"))


@pytest.mark.parametrize("command", ["status", "drain", "worker", "load"])
def test_a_user_without_rights(full_db, full_dsn, command, tmp_path):
    file = tmp_path / "steps.jsonl"
    file.write_text("{}\n")
    nobody = f"flywheel_test_nobody_{command}"  # roles are the cluster's, and tests run side by side
    full_db.execute(f"DROP ROLE IF EXISTS {nobody}")
    full_db.execute(f"CREATE ROLE {nobody} LOGIN")
    try:
        dsn = make_conninfo(full_dsn, user=nobody)
        said = complaint(command, *([file] if command == "load" else []), "--dsn", dsn)
    finally:
        full_db.execute(f"DROP ROLE {nobody}")
    assert "permission denied" in said
    assert "flywheel_worker" in said


@pytest.mark.parametrize(("command", "role"), [("status", "reader"), ("drain", "worker"), ("load", "writer")])
def test_the_role_that_is_named_is_enough(full_db, full_dsn, command, role, tmp_path):
    file = tmp_path / "steps.jsonl"
    file.write_text('{"output": "a"}\n')
    name = f"flywheel_test_{role}"
    full_db.execute(f"DROP ROLE IF EXISTS {name}")
    full_db.execute(f"CREATE ROLE {name} LOGIN IN ROLE flywheel_{role}")
    try:
        dsn = make_conninfo(full_dsn, user=name)
        arguments = [command, *([file] if command == "load" else []), "--dsn", dsn]
        done = subprocess.run(
            [sys.executable, "-m", "pg_flywheel", *map(str, arguments)], capture_output=True, text=True
        )
    finally:
        full_db.execute(f"DROP ROLE {name}")
    assert done.returncode == 0, done.stderr


def test_a_database_of_another_version(full_db, full_dsn):
    full_db.execute("CREATE OR REPLACE FUNCTION flywheel.version() RETURNS text LANGUAGE sql RETURN '9.9.9'")
    said = complaint("install", "--dsn", full_dsn)
    assert "9.9.9" in said
    assert "0.1.0" in said


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("missing.jsonl", None, "No such file"),
        ("folder", "", "Is a directory"),
        ("steps.csv", "input,output\na,b\n", "line 1: not one JSON object"),
        ("steps.json", '[\n{"output": "a"}\n]\n', "line 1: not one JSON object"),
        (
            "steps.jsonl",
            '{"output": "a"}\n\n{"outptu": "a"}\n',
            'line 3: unknown column "outptu"; did you mean "output"?',
        ),
        ("cut.jsonl.gz", "", "not a whole gzip file"),
    ],
)
def test_a_file_that_is_not_jsonl(full_dsn, tmp_path, name, content, expected):
    file = tmp_path / name
    if name == "folder":
        file.mkdir()
    elif name == "cut.jsonl.gz":
        file.write_bytes(b"\x1f\x8b\x08\x00")
    elif content is not None:
        file.write_text(content)
    said = complaint("load", file, "--dsn", full_dsn)
    assert expected in said
    with psycopg.connect(full_dsn) as conn:
        assert conn.execute("SELECT count(*) FROM flywheel.traces").fetchone() == (0,)


def test_a_provider_that_is_not_configured(full_dsn):
    said = complaint("demo", "--provider", "openai", "--model", "gpt-4o", "--dsn", full_dsn)
    assert 'provider "openai" does not exist' in said
    assert "flywheel.set_provider" in said


def test_status_says_what_queue_health_warns_of(full_db, full_dsn):
    full_db.execute("UPDATE flywheel.maintenance SET last_run_at = now() - interval '1 hour' WHERE task = 'drain'")
    command = [sys.executable, "-m", "pg_flywheel", "status", "--dsn", full_dsn]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert re.search(r"no drain has run for 36\d\d s: start flywheel worker", " ".join(said.split()))
