"""flywheel.consensus: one row per step, by majority, of the labels that count."""

import pytest


@pytest.fixture
def labelled(fw):
    fw.judge("polite")
    return fw, fw.insert("one", "two", "three", session_id="s")


def label(fw, step, passed, rater, **more):
    columns = {"step_id": step, "validator": "polite", "passed": passed, "rater": rater, **more}
    return fw.one(
        f"INSERT INTO flywheel.labels ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) RETURNING id",
        *columns.values(),
    )


def test_the_majority_decides_and_a_tie_is_null(labelled):
    fw, (one, two, three) = labelled
    for step, passed in [(one, [True, True, False]), (two, [True, False]), (three, [False])]:
        for rater, each in enumerate(passed):
            label(fw, step, each, f"rater {rater}")
    assert fw.rows("SELECT step_id, passed, raters, agreeing, is_current FROM flywheel.consensus ORDER BY 1") == [
        (one, True, 3, 2, True), (two, None, 2, 1, True), (three, False, 1, 1, True)]  # fmt: skip


def test_the_design_is_that_of_the_first_label(labelled):
    fw, (one, *_) = labelled
    label(fw, one, True, "ann", sampling_design="stratified", inclusion_probability=0.5)
    design = "SELECT sampling_design, inclusion_probability FROM flywheel.consensus"
    assert fw.one(design) == ("stratified", 0.5)
    label(fw, one, True, "bob", sampling_design="convenience", inclusion_probability=0.1)
    assert fw.one(design) == ("stratified", 0.5)


def test_a_label_that_came_between_the_draw_and_its_label_does_not_undo_the_draw(labelled):
    """Else steps that get labels anyway, which differ from the others, would be missing among the random ones."""
    fw, (one, *_) = labelled
    label(fw, one, True, "ann")
    label(fw, one, True, "bob", sampling_design="random", inclusion_probability=0.25)
    label(fw, one, True, "cem", sampling_design="stratified", inclusion_probability=0.5)
    assert fw.one("SELECT sampling_design, inclusion_probability FROM flywheel.consensus") == ("random", 0.25)


def test_labels_of_an_old_rubric_stand_apart(labelled):
    fw, (one, *_) = labelled
    label(fw, one, True, "ann")
    fw.judge("polite", rubric="Passes if it is very polite.")
    label(fw, one, False, "ann")
    assert fw.rows("SELECT rubric_version, is_current, passed FROM flywheel.consensus ORDER BY 1") == [
        (1, False, True), (2, True, False)]  # fmt: skip


def test_a_label_without_an_answer_to_pass_or_fail_is_left_out(labelled):
    fw, (one, *_) = labelled
    label(fw, one, None, "ann", category="refusal")
    assert fw.rows("SELECT * FROM flywheel.consensus") == []
