"""flywheel.rater_agreement and flywheel.rater_pairs: over the steps that more than one person labelled."""

import pytest

from tests.sql.alignment import label


@pytest.fixture
def rated(fw):
    fw.judge("polite")
    fw.steps = fw.insert(*["x"] * 20)
    label(fw, fw.steps, [True] * 20, rater="ann")
    label(fw, fw.steps[:10], [i > 0 for i in range(10)], rater="bob")
    return fw


def test_only_steps_with_several_raters_count(rated):
    assert rated.one("SELECT steps, raters, agreement FROM flywheel.rater_agreement") == (10, 2, 0.9)
    assert rated.one("SELECT rater_a, rater_b, steps, agreement, cohen_kappa FROM flywheel.rater_pairs") == (
        "ann",
        "bob",
        10,
        0.9,
        0,
    )


def test_chance_is_taken_out(rated):
    units, answers = rated.steps[:10] * 2, ["t"] * 10 + ["f"] + ["t"] * 9
    wanted = rated.one("SELECT flywheel.fleiss_kappa(u, a), flywheel.gwet_ac1(u, a), flywheel.krippendorff_alpha(u, a) "
                       "FROM (SELECT %s::bigint[], %s::text[]) x (u, a)", units, answers)  # fmt: skip
    got = rated.one("SELECT fleiss_kappa, gwet_ac1, krippendorff_alpha FROM flywheel.rater_agreement")
    assert got == pytest.approx(wanted)
    assert got[0] < 0 < 0.8 < got[1]  # nearly all pass: kappa collapses, AC1 does not


def test_scores_are_compared_as_grades_and_as_numbers(rated):
    query = "SELECT krippendorff_alpha_ordinal, krippendorff_alpha_interval FROM flywheel.rater_agreement"
    assert rated.one(query) == (None, None)
    rated.execute("UPDATE flywheel.labels SET score = step_id - (SELECT min(id) FROM flywheel.traces)")
    assert rated.one(query) == (1, 1)


def test_a_label_of_content_that_is_gone_does_not_count(rated):
    rated.execute("UPDATE flywheel.labels SET step_changed_at = now()")
    assert rated.rows("SELECT * FROM flywheel.rater_agreement") == []
