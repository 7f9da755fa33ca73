"""flywheel.judge_version_diff: two versions of a judge on the same steps."""

import psycopg
import pytest

from tests.sql.alignment import judge_steps, label, say, split

OVERALL = "SELECT {} FROM flywheel.judge_version_diff('polite', 1, 2) LIMIT 1"


@pytest.fixture
def two(fw):
    """Two versions, the second asked of one step more, and 40 labelled steps of dev."""
    fw.first = fw.judge("polite")
    fw.second = fw.judge("polite", model="large")
    fw.steps = split(fw, "dev", fw.insert(*["x"] * 140, node="a"))[:40]
    return fw


def test_who_is_right_where_the_other_is_wrong(two):
    say(two, two.first, two.steps, [i % 2 == 0 for i in range(40)])  # 20 right
    say(two, two.second, two.steps, [i % 4 != 3 for i in range(40)])  # 30 right: 10 more, and none lost
    label(two, two.steps, [True] * 40)
    got = two.one(
        OVERALL.format(
            "labelled, only_a_right, only_b_right, accuracy_a, accuracy_b, accuracy_difference, mcnemar_p, got_worse"
        )
    )
    assert got == (40, 0, 10, 0.5, 0.75, 0.25, pytest.approx(2 * 0.5**10), False)
    lo, hi = two.one(OVERALL.format("accuracy_difference_lo, accuracy_difference_hi"))
    assert (lo, hi) == pytest.approx(two.one("SELECT -hi, -lo FROM flywheel.newcombe_paired(20, 0, 10, 10)"))
    assert 0 < lo < 0.25 < hi


def test_flips_need_no_labels(two):
    say(two, two.first, two.steps, [True] * 40)
    say(two, two.second, two.steps, [i >= 6 for i in range(40)])
    got = two.one(
        OVERALL.format(
            "labelled, mcnemar_p, got_worse, judged, only_a_passed, only_b_passed, pass_rate_difference, flips_p"
        )
    )
    assert got == (0, None, None, 40, 6, 0, pytest.approx(-0.15), pytest.approx(2 * 0.5**6))


def test_errors_are_compared_as_such(two):
    say(two, two.first, two.steps, [True] * 40)
    say(two, two.second, two.steps, [None] * 10 + [True] * 30)
    assert two.one(OVERALL.format("judged, invalid_a, invalid_b, pass_rate_difference")) == (30, 0, 0.25, 0)


def test_slices_that_got_worse_come_first(two):
    good = split(two, "dev", two.insert(*["x"] * 60, node="b"))
    for steps, old, new in ((two.steps, True, False), (good, False, True)):
        say(two, two.first, steps, [old] * len(steps))
        say(two, two.second, steps, [new] * len(steps))
        label(two, steps, [True] * len(steps))
    rows = two.rows("SELECT pipeline, node, got_worse FROM flywheel.judge_version_diff('polite', 1, 2)")
    assert rows[0][:2] == (None, None)
    assert rows[1:] == [("default", "a", True), ("default", "b", False)]


def test_newcombes_own_example(fw):
    # Newcombe (1998), Statistics in Medicine 17:2635, table III (a = 36, b = 12, c = 2, d = 0), method 10.
    got = fw.one("SELECT difference, lo, hi FROM flywheel.newcombe_paired(36, 12, 2, 0)")
    assert got == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


@pytest.mark.parametrize("call, problem", [
    ("'polite', 1, 9", '"polite" has no version 9'),
    ("'polite', NULL, 1", '"polite" has no version NULL'),
    ("'another', 1, 2", "validator another does not exist"),
    ("'polite', 1, 2, 'all'", 'there is no split "all"'),
])  # fmt: skip
def test_what_is_not_there_is_named(two, call, problem):
    with pytest.raises(psycopg.Error, match=problem) as error:
        two.execute(f"SELECT * FROM flywheel.judge_version_diff({call})")
    assert error.value.diag.message_hint


def test_a_judge_that_takes_examples_is_not_compared_on_them(two):
    two.judge("polite", few_shot=2)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="few_shot split in its prompt"):
        two.execute("SELECT * FROM flywheel.judge_version_diff('polite', 1, 3, 'few_shot')")


def test_the_same_version_twice_does_not_differ(two):
    judge_steps(two, two.first, [True, False] * 5)
    assert two.one("SELECT pass_rate_difference, flips_p FROM flywheel.judge_version_diff('polite', 1, 1) LIMIT 1") == (
        0,
        1,
    )
