"""The audit of the splits finds what was arranged behind their back."""

import json

import pytest

PROBLEMS = "SELECT problem, step_id, other_label_id FROM flywheel.leakage ORDER BY 1"
TEXT = "this text has more than a handful of words in it"


@pytest.fixture
def labelled(fw):
    """An example and a label of the test split."""
    fw.judge("polite")
    made = {}
    for split, shares in (("few_shot", "1, 0, 0"), ("test", "0, 0, 1")):
        fw.execute(f"SELECT flywheel.set_split_shares({shares})")
        (step,) = fw.insert(f"{split} {split} {TEXT if split == 'test' else ''}", trace_id=split)
        label = fw.one(
            "INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (%s, 'polite', true) RETURNING id", step
        )
        made[split] = (step, label)
    fw.drain()
    assert fw.rows(PROBLEMS) == []
    return fw, made


def judge_with(fw, step: int, examples: object) -> None:
    fw.record([job for job in fw.claim() if job["step_id"] == step])
    fw.execute(
        "UPDATE flywheel.verdicts SET details = %s WHERE step_id = %s", [json.dumps({"example_ids": examples}), step]
    )


def test_prompts_that_quote_examples_are_right(labelled):
    fw, made = labelled
    judge_with(fw, made["test"][0], [made["few_shot"][1], 999])
    assert fw.rows(PROBLEMS) == []


def test_a_prompt_that_quotes_a_label_of_the_test_split(labelled):
    fw, made = labelled
    (step, label) = made["test"]
    judge_with(fw, step, [label])
    assert fw.rows(PROBLEMS) == [("example is not of the few_shot split", step, label)]


def test_a_prompt_that_quotes_the_steps_own_group(labelled):
    fw, made = labelled
    (step, label) = made["few_shot"]
    judge_with(fw, step, [label])
    assert fw.rows(PROBLEMS) == [("example of the step's own trace group", step, label)]


@pytest.mark.parametrize("examples", [None, "x", {}, []])
def test_odd_details_are_none(labelled, examples):
    fw, made = labelled
    judge_with(fw, made["test"][0], examples)
    assert fw.rows(PROBLEMS) == []


def test_a_step_that_moves_to_another_session(labelled):
    fw, made = labelled
    fw.execute("UPDATE flywheel.traces SET session_id = 'few_shot' WHERE id = %s", [made["test"][0]])
    assert fw.rows(PROBLEMS) == [("trace group in two splits", made["test"][0], None)]


def test_a_text_that_was_labelled_unseen(labelled):
    fw, made = labelled
    (copy,) = fw.insert(f"test test {TEXT}", trace_id="few_shot")
    label = fw.one(
        "INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (%s, 'polite', true) RETURNING id", copy
    )
    assert fw.rows(PROBLEMS) == []
    fw.execute("UPDATE flywheel.labels SET duplicate_of = NULL WHERE id = %s", [label])
    assert fw.rows(PROBLEMS) == [("same text in two splits", copy, made["test"][1])]


def test_reading_test_labels_is_logged_and_counted(labelled, member_of):
    fw, _ = labelled
    ann = member_of("reviewer")
    reads = "SELECT validator, reader, what, count(*) FROM flywheel.test_reads GROUP BY 1, 2, 3"
    assert [split for (split,) in ann.execute("SELECT split FROM flywheel.read_labels('polite', 'few_shot')")] == [
        "few_shot"
    ]
    assert fw.rows(reads) == []
    for _ in range(2):
        assert len(ann.execute("SELECT * FROM flywheel.read_labels('polite', 'test')").fetchall()) == 1
    assert len(ann.execute("SELECT * FROM flywheel.read_labels()").fetchall()) == 2
    assert fw.rows(reads) == [("polite", ann.info.user, "labels", 3)]
    for arguments, error in [("'polight', 'dev'", "polight"), ("'polite', 'train'", 'no split "train"')]:
        with pytest.raises(Exception, match=error):
            ann.execute(f"SELECT * FROM flywheel.read_labels({arguments})")
