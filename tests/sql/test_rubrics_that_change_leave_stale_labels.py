"""After a change of the rubric: how many labels answer the old question, and which to look at first."""

import pytest

LABEL = "INSERT INTO flywheel.labels (step_id, validator, passed, rater) VALUES (%s, 'polite', %s, 'ann')"
STATUS = "SELECT rubric_version, labels, stale FROM flywheel.rubric_status WHERE validator = 'polite'"


@pytest.fixture
def changed(fw):
    """Three labels; the judge with the new rubric contradicts the first, and has not seen the last."""
    fw.execute("SELECT flywheel.set_split_shares(0, 1, 0)")
    fw.judge("polite")
    steps = fw.insert("one", "two", "three")
    for step, passed in zip(steps, (True, False, True), strict=True):
        fw.execute(LABEL, [step, passed])
    assert fw.one(STATUS) == (1, 3, 0)
    fw.judge("polite", rubric="Passes if it is very polite.")
    fw.execute("SELECT flywheel.backfill('polite')")
    fw.drain()
    fw.record([job for job in fw.claim() if job["step_id"] != steps[2]], passed=False)
    return fw, steps


def test_it_says_how_many_and_which_first(changed):
    fw, (one, two, three) = changed
    assert fw.one(STATUS) == (2, 0, 3)
    assert fw.rows("SELECT step_id, passed, judge_passed, priority, current_rubric_version FROM flywheel.stale_labels "
                   "ORDER BY priority DESC") == [
        (one, True, False, 7, 2), (two, False, False, 3, 2), (three, True, None, 1, 2)]  # fmt: skip


def test_a_new_label_settles_it_and_the_old_one_stays(changed):
    fw, (one, *_) = changed
    fw.execute(LABEL, [one, False])
    assert fw.one(STATUS) == (2, 1, 2)
    assert fw.rows("SELECT rubric_version, passed FROM flywheel.labels WHERE step_id = %s ORDER BY 1", one) == [
        (1, True), (2, False)]  # fmt: skip
    fw.judge("polite")
    assert fw.one(STATUS) == (1, 3, 0), "a wording that comes back finds its labels"


def test_an_old_label_is_not_changed_but_given_anew(changed):
    fw, (one, *_) = changed
    with pytest.raises(Exception, match="rubric version 1"):
        fw.execute("UPDATE flywheel.labels SET passed = false WHERE step_id = %s", [one])


def test_a_code_validator_has_a_rubric_in_words(fw):
    fw.validator("polite")
    (step,) = fw.insert("one")
    assert fw.one("SELECT rubric, rubric_version FROM flywheel.rubric_status") == (None, 1)
    fw.execute(LABEL, [step, True])
    assert fw.one("SELECT flywheel.set_rubric('polite', 'Passes if short.')") == 2
    assert fw.one(STATUS) == (2, 0, 1)
