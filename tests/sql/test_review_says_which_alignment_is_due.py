"""alignment_due: which validators need labels, how many, and why."""

import pytest


@pytest.fixture
def judged(fw):
    """400 steps of the last days, nine in ten pass."""
    fw.judge()
    fw.insert(*["x"] * 400)
    judge(fw)
    return fw


def judge(fw, passed="t.id % 10 > 0"):
    fw.execute(f"""
        INSERT INTO flywheel.verdicts (step_id, version_id, passed, status, step_created_at, pipeline)
        SELECT t.id, d.version_id, {passed}, 'ok', t.created_at, t.pipeline
        FROM flywheel.traces t, flywheel.validators d WHERE d.kind = 'judge' ON CONFLICT DO NOTHING""")


def label(fw, n, passed="v.passed", design="random"):
    """n more steps."""
    fw.execute(f"""
        INSERT INTO flywheel.labels (step_id, validator, passed, sampling_design)
        SELECT v.step_id, 'polite', {passed}, '{design}'
        FROM flywheel.verdicts v WHERE NOT EXISTS (SELECT FROM flywheel.labels l WHERE l.step_id = v.step_id)
        ORDER BY v.step_id LIMIT {n}""")


def due(fw):
    return fw.one("SELECT labels, labels_needed, why FROM flywheel.alignment_due WHERE validator = 'polite'")


def test_a_judge_without_labels_needs_fifty(judged):
    assert due(judged) == (0, 50, "0 of 50 labels in dev and test under the current rubric")


def test_labels_for_few_shot_do_not_count_and_a_good_judge_needs_no_more(judged):
    label(judged, 200)
    assert judged.one("SELECT count(*) FROM flywheel.labels WHERE split <> 'few_shot'") > 100
    assert due(judged) is None


def test_a_judge_that_is_often_wrong_needs_more_for_the_same_width(judged):
    label(judged, 200, "v.step_id % 4 < 2")
    labels, needed, why = due(judged)
    assert 340 < labels + needed <= 385, "a coin's takes 385"
    assert "± 5 points" in why
    assert judged.one("SELECT half_width FROM flywheel.alignment_due") > 0.05


def test_labels_that_chance_did_not_choose_give_no_rate(judged):
    label(judged, 200, design="convenience")
    labels, needed, why = due(judged)
    assert labels > 100 and 0 < needed < 50
    assert why == f"{needed} labels drawn by chance would give a corrected rate to ± 5 points"
    assert judged.one("SELECT half_width FROM flywheel.alignment_due") is None
    assert judged.one("SELECT rate FROM flywheel.corrected_metrics") is None


def test_a_new_rubric_begins_anew(judged):
    label(judged, 200)
    judged.judge(rubric="Passes if it is very polite.")
    judge(judged)
    assert due(judged)[:2] == (0, 50)


def test_old_labels_are_renewed_while_there_is_traffic(judged):
    label(judged, 200)
    judged.execute("UPDATE flywheel.labels SET created_at = now() - interval '40 days'")
    _, needed, why = due(judged)
    assert (needed, why) == (20, "the newest label is 40 days old")


def test_a_pass_rate_that_moves_asks_for_labels_of_this_week(judged):
    judged.execute("UPDATE flywheel.traces SET created_at = now() - interval '20 days' WHERE id <= 250")
    judge(judged, "true")
    judged.execute("UPDATE flywheel.verdicts SET passed = step_id % 2 = 0 WHERE step_id > 250")
    label(judged, 200)
    judged.execute("UPDATE flywheel.labels SET created_at = now() - interval '10 days'")
    _, needed, why = due(judged)
    assert needed == 30
    assert "passed 50 % this week and 100 % in the four before" in why


def test_who_is_switched_off_or_has_no_rubric_needs_none(judged):
    judged.validator("short")
    judged.drain()
    judged.execute("SELECT flywheel.set_validator('polite', enabled => false)")
    assert judged.rows("SELECT validator FROM flywheel.alignment_due") == []
