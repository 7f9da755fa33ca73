"""Every block of the README is executed: SQL in psql with its printed output, commands in a shell."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parent.parent

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def statements(block: str) -> list[tuple[str, str]]:
    """(statement, expected output or '') pairs; a paragraph holds statements, the last one perhaps with its output."""
    found = []
    for paragraph in re.split(r"\n\n", block.strip() + "\n"):
        parts = re.split(r";[ ]*(?:--.*)?\n", paragraph + "\n")
        *heads, last = parts
        for head in heads:
            found.append((head + ";", ""))
        if last.strip():
            found[-1] = (found[-1][0], last.rstrip("\n"))
    return found


def test_the_readme_has_no_block_that_is_not_executed():
    assert {kind for kind, _ in BLOCKS} <= {"sh", "psql", "text"}


def test_the_session_prints_what_the_readme_says(full_dsn):
    psql = shutil.which("psql") or pytest.skip("no psql on this machine")
    for block in blocks("psql"):
        for statement, expected in statements(block):
            done = subprocess.run(
                [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-P", "footer=off", "-d", full_dsn, "-c", statement],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{statement}\n{done.stderr}"
            if expected:
                assert trimmed(done.stdout) == trimmed(expected), statement


def test_the_readme_names_every_validator(full_dsn):
    library = ("SELECT 'py:' || name FROM flywheel.python_validators UNION ALL "
               "SELECT 'flywheel.' || proname FROM pg_proc WHERE prorettype = 'flywheel.verdict'::regtype "
               "AND pronamespace = 'flywheel'::regnamespace AND oidvectortypes(proargtypes) = 'flywheel.traces, jsonb'")
    with psycopg.connect(full_dsn) as conn:
        conn.execute("SELECT flywheel.py_sync()")
        named = set(re.findall(r"`([\w.:]+)`", (ROOT / "README.md").read_text()))
        assert {name for (name,) in conn.execute(library)} <= named


def trimmed(output: str) -> list[str]:
    return [line.rstrip() for line in output.strip("\n").splitlines()]


@pytest.mark.parametrize("command", [line for block in blocks("sh") for line in block.splitlines() if line.strip()])
def test_the_commands_run(command: str, full_dsn: str, tmp_path: Path):
    if command.startswith("make test"):
        pytest.skip("this test is a part of it")
    if command.startswith(("make install", "make db", "make bench", "make faults")):
        command = command.replace("make", "make --dry-run", 1)
    environment = {**os.environ, "DSN": full_dsn, "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}
    shell = ["bash", "-euo", "pipefail", "-c", command]
    done = subprocess.run(shell, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
