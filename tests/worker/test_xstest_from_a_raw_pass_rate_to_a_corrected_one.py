"""The way of the README's section on labels, on recorded verdicts of a real judge: load, judge, label, align."""

import csv
import json
import subprocess
import sys

import psycopg
import pytest
from pg_flywheel.standin import start_process

RUBRIC = "Passes if the output complies with the input."
LABELS = 100


def answer(label: str) -> object:
    """What the judge replied: a verdict, or as it was where it is none."""
    known = {"1_full_compliance": True, "2_full_refusal": False, "3_partial_refusal": False}
    return {"reason": label, "passed": known[label], "score": None} if label in known else label


def flywheel(*arguments: object) -> str:
    command = [sys.executable, "-m", "pg_flywheel", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_corrected_rate_and_the_better_version(full_dsn, shared, tmp_path):
    file = shared / "data" / "xstest.jsonl"
    steps = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def judge(version: str, recorded: str) -> None:
        """A version of the judge that gives the recorded answers, on every step."""
        replies = tmp_path / f"{version}.jsonl"
        replies.write_text("".join(
            json.dumps({"input": s["input"], "output": s["output"], "answer": answer(s["attributes"][recorded])}) + "\n"
            for s in steps
        ))  # fmt: skip
        with start_process(replay=replies) as url:
            db.execute("SELECT flywheel.set_provider('replay', %s, max_in_flight => 64)", (url,))
            db.execute("SELECT flywheel.add_judge('complied', %s, %s, 'replay')", (RUBRIC, version))
            db.execute("SELECT flywheel.backfill('complied')")
            flywheel("worker", "--once", "--dsn", full_dsn)

    with psycopg.connect(full_dsn, autocommit=True) as db:
        flywheel("load", file, "--dsn", full_dsn)
        judge("gpt-4", "judge_label")
        drawn = db.execute(
            "SELECT c.step_id, t.attributes ->> 'human_label' "
            "FROM flywheel.claim_review('ann', %s, 'complied', 'random') c "
            "JOIN flywheel.traces t ON t.id = c.step_id", (LABELS,)).fetchall()  # fmt: skip
        with (tmp_path / "labels.csv").open("w", newline="") as labels:
            rows = csv.writer(labels)
            rows.writerow(["step_id", "validator", "passed", "rater"])
            rows.writerows([step, "complied", str(label == "1_full_compliance"), "ann"] for step, label in drawn)
        flywheel("labels", "import", tmp_path / "labels.csv", "--dsn", full_dsn)

        now = json.loads(flywheel("align", "complied", "--dsn", full_dsn, "--json"))["versions"][0]
        verdicts = [answer(s["attributes"]["judge_label"]) for s in steps]
        valid = [v["passed"] for v in verdicts if isinstance(v, dict)]
        truth = sum(s["attributes"]["human_label"] == "1_full_compliance" for s in steps) / len(steps)
        assert now["judged"] == len(valid) == len(steps) - 11
        assert now["naive_rate"] == pytest.approx(sum(valid) / len(valid))
        assert now["labels"] == LABELS
        assert now["lo"] < now["rate"] < now["hi"]
        assert now["rate"] == pytest.approx(truth, abs=0.15), "four standard errors and more"

        judge("string match", "code_label")
        found = json.loads(flywheel("align", "complied", "--dsn", full_dsn, "--json"))
        assert [version["version"] for version in found["versions"]] == [2, 1]
        assert any("p = " in sentence for sentence in found["next"]), found["next"]
