"""The queue's order: what users complained of, what fails for a new reason, what was labelled under another rubric."""

import pytest

from tests.sql.test_review_claims_are_shared_out import judge, label


@pytest.fixture
def judged(fw):
    fw.judge()
    fw.insert(*(f"output {i}" for i in range(40)), node="answer")
    judge(fw)
    return fw


def queue(fw):
    return [
        step for (step,) in fw.rows("SELECT step_id FROM flywheel.review_queue ORDER BY priority DESC, step_id DESC")
    ]


def test_failing_steps_are_in_it_and_passing_ones_are_not(judged):
    assert sorted(queue(judged)) == list(range(4, 41, 4))


def test_a_reason_that_nobody_has_seen_goes_first(judged):
    """Reasons are told apart without their numbers: 'step 4' and 'step 12' are one."""
    assert set(queue(judged)[:2]) == {36, 40}, "the newest of either reason"
    label(judged, 36, passed=False)
    assert queue(judged)[0] == 40
    assert 36 not in queue(judged)
    signals = judged.rows("SELECT step_id FROM flywheel.review_signals WHERE signal = 'new failure mode'")
    assert signals == [(40,)], "of the labelled reason no other is new"


@pytest.mark.parametrize("feedback", ["-1", '"negative"', '"thumbs_down"'])
def test_negative_feedback_counts_whatever_the_verdict(judged, feedback):
    judged.execute(
        "UPDATE flywheel.traces SET attributes = jsonb_build_object('feedback', %s::jsonb) WHERE id IN (1, 4)",
        (feedback,),
    )
    assert {1, 4} <= set(queue(judged)[:3])
    assert judged.one("SELECT why FROM flywheel.review_queue WHERE step_id = 1") == "negative feedback"
    assert judged.one("SELECT why FROM flywheel.review_queue WHERE step_id = 4") == "negative feedback"


def test_other_feedback_does_not(judged):
    judged.execute("""UPDATE flywheel.traces SET attributes = '{"feedback": 1}' WHERE id = 1""")
    assert 1 not in queue(judged)


def test_a_new_rubric_brings_labelled_steps_back_first_those_where_the_judge_differs(judged):
    for step in (1, 2, 3):
        label(judged, step, passed=step != 2)
    assert not {1, 2, 3} & set(queue(judged))
    judged.judge(rubric="Passes if it is very polite.")
    judge(judged)
    mine = [step for step in queue(judged) if step in (1, 2, 3)]
    assert mine == [2, 3, 1]
    label(judged, 2)
    assert 2 not in queue(judged)


def test_all_labels_of_an_earlier_rubric_come_back_in_turn(judged):
    steps = judged.insert(*["more"] * 210)
    judge(judged, f"t.id >= {steps[0]}")
    for step in steps:
        label(judged, step)
    judged.judge(rubric="Passes if it is very polite.")
    rounds = 0
    while waiting := queue(judged):
        judged.execute("INSERT INTO flywheel.labels (step_id, validator, passed) "
                       "SELECT unnest(%s::bigint[]), 'polite', true", (waiting,))  # fmt: skip
        rounds += 1
    assert rounds == 2
    assert judged.one("SELECT stale FROM flywheel.rubric_status WHERE validator = 'polite'") == 0


def test_a_code_validator_is_in_it_from_its_rubric_on(judged):
    judged.validator("short")
    judged.insert("much too long")
    judged.drain()
    asked = "SELECT count(*) FROM flywheel.review_queue WHERE validator = 'short'"
    assert judged.one(asked) == 0
    judged.execute("SELECT flywheel.set_rubric('short', 'Passes if it is short.')")
    assert judged.one(asked) == 1
