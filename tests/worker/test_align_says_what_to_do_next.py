"""`flywheel align`: what the numbers say of a judge, and the next thing to do."""

import io
import json
import subprocess
import sys

import pytest
from pg_flywheel.align import read, table
from psycopg.conninfo import make_conninfo
from rich.console import Console

from tests.sql.alignment import judge_steps, label, say, split
from tests.sql.conftest import Flywheel


def align(dsn: str, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "pg_flywheel", "align", *arguments, "--dsn", dsn]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done
    return done.stdout + done.stderr


@pytest.fixture
def fw(full_db) -> Flywheel:
    return Flywheel(full_db)


@pytest.fixture
def judged(fw) -> list[int]:
    """100 steps; the judge passes 80, of which people fail 20."""
    return judge_steps(fw, fw.judge("polite"), [i < 80 for i in range(100)])


def truth(steps: list[int]) -> list[bool]:
    return [i < 60 for i, _ in enumerate(steps)]


def test_before_and_after_the_verdicts(fw, full_dsn):
    version = fw.judge("polite")
    assert "run flywheel worker" in align(full_dsn, "polite")
    judge_steps(fw, version, [True] * 80 + [False] * 20)
    said = align(full_dsn, "polite")
    assert "80.0 % of 100 steps pass" in said
    assert "No corrected rate: no labels" in said and "flywheel review polite --design random --n 100" in said


def test_a_code_validator_without_labels_has_its_rate(fw, full_dsn):
    fw.validator("short", "SELECT length(step.output) <= 5")
    fw.validator("asked", mode="on_demand")
    fw.insert("short", "too long")
    fw.drain()
    said = align(full_dsn, "short")
    assert "short (version 1) says that 50.0 % of 2 steps pass." in said
    assert "No corrected rate: no labels" in said
    assert "has no verdicts yet: SELECT flywheel.evaluate('asked')" in align(full_dsn, "asked")


def test_a_judge_that_never_decides(fw, full_dsn):
    judge_steps(fw, fw.judge("polite"), [None] * 7)
    said = align(full_dsn, "polite")
    assert "polite (version 1) gave 7 verdicts, none of which passes or fails." in said
    assert "100.0 % of its verdicts are invalid" in said and "run flywheel worker" not in said


def test_what_it_advises_changes_what_it_says(fw, full_dsn, judged):
    label(fw, judged[::5], truth(judged)[::5], sampling_design="random")
    advice = next(said for said in json.loads(align(full_dsn, "polite", "--json"))["next"] if "more labels" in said)
    command = advice.split(": flywheel ")[1].split()
    call = [sys.executable, "-m", "pg_flywheel", *command, "--dsn", full_dsn]
    assert subprocess.run(call, input="p\n" * 1000, text=True, capture_output=True, timeout=120).returncode == 0
    now = json.loads(align(full_dsn, "polite", "--json"))
    assert now["versions"][0]["labels"] == 100
    assert not [said for said in now["next"] if "more labels" in said], "there is none left to give"


def test_it_fits_80_columns(fw, full_dsn, judged):
    label(fw, judged, truth(judged), sampling_design="random")
    found = read(fw.conn, "polite")
    found["versions"][0] |= {"judged": 1_234_567, "labels": 12_345, "dev_labels": 5_000}
    out = Console(width=80, file=io.StringIO())
    out.print(table(found, wide=False))
    assert "1,234,567" in out.file.getvalue() and "12,345" in out.file.getvalue() and "…" not in out.file.getvalue()


def test_a_biased_judge_and_its_errors(fw, full_dsn, judged):
    label(fw, judged, truth(judged), sampling_design="random")
    said = align(full_dsn, "polite")
    assert "polite (version 1) says that 80.0 % of 100 steps pass. By 100 labels, people would pass 60.0 %" in said
    dev = set(split(fw, "dev", judged))
    wrong = [step for step in judged[60:80] if step in dev]
    right = [step for step in judged[80:] if step in dev]
    assert f"It passes {len(wrong)} of {len(wrong) + len(right)} steps that people fail" in said
    assert f"read steps {', '.join(map(str, sorted(wrong, reverse=True)[:5]))}" in " ".join(said.split())
    assert fw.one("SELECT count(*) FROM flywheel.test_reads") == 0


def test_few_labels_ask_for_more(fw, full_dsn, judged):
    label(fw, judged[::5], truth(judged)[::5], sampling_design="random")
    found = json.loads(align(full_dsn, "polite", "--json"))
    now = found["versions"][0]
    half = (now["hi"] - now["lo"]) / 2
    assert now["labels"] == 20 and half > 0.05
    assert f"{-(-20 * ((half / 0.05) ** 2 - 1) // 1):.0f} more labels make it ± 5 points" in found["next"][0]


def test_a_better_version(fw, full_dsn, judged):
    label(fw, judged, truth(judged), sampling_design="random")
    say(fw, fw.judge("polite", model="large"), judged, truth(judged))
    said = align(full_dsn, "polite")
    assert "Version 2 is better than 1" in said and "p = " in said
    found = json.loads(align(full_dsn, "polite", "--json"))
    assert [version["version"] for version in found["versions"]] == [2, 1]
    assert found["diff"]["old"] == 1 and found["diff"]["mcnemar_p"] < 0.05


def test_stale_labels_are_counted(fw, full_dsn, judged):
    label(fw, judged[:7], [True] * 7)
    judge_steps(fw, fw.judge("polite", rubric="Another."), [True] * 5)
    assert json.loads(align(full_dsn, "polite", "--json"))["stale"] == 7
    assert "7 labels are stale" in align(full_dsn, "polite")
    label(fw, judged[:5], [True] * 5)
    assert "2 labels are stale" in align(full_dsn, "polite")


def test_a_reader_may_ask(fw, full_dsn, judged):
    label(fw, judged, truth(judged), sampling_design="random")
    name = "flywheel_test_aligner"
    fw.execute(f"DROP ROLE IF EXISTS {name}")
    fw.execute(f"CREATE ROLE {name} LOGIN IN ROLE flywheel_reader")
    try:
        assert "people would pass" in align(make_conninfo(full_dsn, user=name), "polite")
    finally:
        fw.execute(f"DROP ROLE {name}")


def test_an_unknown_judge(fw, full_dsn):
    fw.judge("polite")
    said = align(full_dsn, "rude", code=1)
    assert "validator rude does not exist" in said and "Known: polite" in said
