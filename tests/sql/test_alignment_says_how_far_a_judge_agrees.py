"""flywheel.alignment: a judge's confusion matrix against people, per version and split."""

import pytest

from tests.sql.alignment import judge_steps, label, say, split

COLUMNS = "n, tp, fp, tn, fn, invalid"


def test_a_confusion_matrix_per_version_and_split(fw):
    version = fw.judge("polite")
    steps = judge_steps(fw, version, [True] * 60)
    dev, test = split(fw, "dev", steps), split(fw, "test", steps)
    label(fw, dev, [True] * (len(dev) - 2) + [False] * 2)
    label(fw, test, [True] * len(test))
    assert fw.one(f"SELECT {COLUMNS} FROM flywheel.alignment WHERE split = 'dev'") == (
        len(dev),
        len(dev) - 2,
        2,
        0,
        0,
        0,
    )
    assert fw.one("SELECT tpr, tnr, accuracy FROM flywheel.alignment WHERE split = 'test'") == (1, None, 1)


def test_an_error_is_neither_right_nor_wrong(fw):
    version = fw.judge("polite")
    steps = split(fw, "dev", judge_steps(fw, version, [None] * 20))
    label(fw, steps, [True] * len(steps))
    assert fw.one(f"SELECT {COLUMNS}, accuracy FROM flywheel.alignment WHERE split = 'dev'") == (
        len(steps),
        0,
        0,
        0,
        0,
        len(steps),
        None,
    )


def test_raters_decide_by_majority_and_a_tie_is_no_answer(fw):
    version = fw.judge("polite")
    one, two, *_ = split(fw, "dev", judge_steps(fw, version, [True] * 20))
    for rater, answers in {"ann": [True, True], "bob": [False, False], "eve": [False, True]}.items():
        label(fw, [one, two], answers, rater=rater)
    assert fw.rows("SELECT step_id, human FROM flywheel.aligned ORDER BY 1") == [(one, False), (two, True)]
    fw.execute("DELETE FROM flywheel.labels WHERE rater = 'eve'")
    assert fw.rows("SELECT step_id FROM flywheel.aligned") == []


def test_the_few_shot_split_does_not_measure_a_judge_that_learns_from_it(fw):
    plain, taught = fw.judge("polite"), fw.judge("polite", few_shot=3)
    steps = split(fw, "few_shot", judge_steps(fw, plain, [True] * 60))
    say(fw, taught, steps, [True] * len(steps))
    label(fw, steps, [True] * len(steps))
    assert fw.rows("SELECT version, n FROM flywheel.alignment WHERE split = 'few_shot'") == [(1, len(steps))]
    assert fw.rows("SELECT DISTINCT version_id, held_out FROM flywheel.aligned ORDER BY 1") == [
        (plain, True),
        (taught, False),
    ]


def test_a_label_older_than_the_version_is_held_out_on_test_only(fw):
    first = fw.judge("polite")
    steps = judge_steps(fw, first, [True] * 60)
    label(fw, steps, [True] * len(steps))
    second = fw.judge("polite", model="large")
    say(fw, second, steps, [True] * len(steps))
    held_out = "SELECT split, bool_and(held_out) FROM flywheel.aligned WHERE version_id = %s GROUP BY 1 ORDER BY 1"
    assert fw.rows(held_out, second) == [("dev", False), ("few_shot", False), ("test", True)]
    fw.execute("UPDATE flywheel.labels SET passed = passed, critique = 'The same, in other words.'")
    assert fw.rows(held_out, second) == [("dev", False), ("few_shot", False), ("test", True)]
    assert fw.rows(held_out, first) == [("dev", True), ("few_shot", True), ("test", True)]


def test_a_score_alone_decides_nothing(fw):
    function = fw.function("scored", "SELECT (NULL, 0.5, NULL, NULL)::flywheel.verdict", "flywheel.verdict")
    fw.execute("SELECT flywheel.add_validator('scored', %s)", (function,))
    steps = fw.insert("a")
    fw.drain()
    label(fw, steps, [True], "scored")
    assert fw.one("SELECT count(*) FROM flywheel.aligned") == 0


def test_by_week(fw):
    version = fw.judge("polite")
    old = split(fw, "dev", judge_steps(fw, version, [True] * 30, created_at="2026-01-05 12:00+00"))
    new = split(fw, "dev", judge_steps(fw, version, [True] * 30, created_at="2026-01-18 23:00+00"))
    label(fw, old, [True] * len(old))
    label(fw, new, [False] * len(new))
    rows = fw.rows(
        "SELECT (week AT TIME ZONE 'UTC')::date::text, n, tpr, tnr FROM flywheel.alignment_weekly ORDER BY 1"
    )
    assert rows == [("2026-01-05", len(old), 1, None), ("2026-01-12", len(new), None, 0)]


def test_merging_changes_nothing_that_is_read(fw):
    version = fw.judge("polite")
    steps = judge_steps(fw, version, [True, False] * 20)
    for step in steps[:30]:
        label(fw, [step], [step % 3 > 0])
    before = (
        fw.rows("SELECT * FROM flywheel.alignment WHERE split = 'dev'"),
        fw.rows("SELECT * FROM flywheel.corrected_metrics"),
    )
    fw.execute("SELECT flywheel.tend_alignment()")
    assert fw.one("SELECT bool_and(merged) FROM flywheel.alignment_rollup")
    assert before == (
        fw.rows("SELECT * FROM flywheel.alignment WHERE split = 'dev'"),
        fw.rows("SELECT * FROM flywheel.corrected_metrics"),
    )


@pytest.mark.parametrize("role", ["reader", "reviewer"])
def test_dashboards_may_read_it(fw, member_of, role):
    version = fw.judge("polite")
    steps = judge_steps(fw, version, [True] * 30)
    label(fw, steps, [True] * len(steps))
    conn = member_of(role)
    assert conn.execute("SELECT count(*) FROM flywheel.alignment").fetchone() == (3,)
    for view in ("alignment_weekly", "corrected_metrics", "test_reads", "judge_version_diff('polite', 1, 1)"):
        assert conn.execute(f"SELECT count(*) FROM flywheel.{view}").fetchone()[0] > 0, view


def test_a_team_sees_its_own_pipelines_only(fw, member_of):
    version = fw.judge("polite")
    for pipeline in ("red", "blue"):
        steps = split(fw, "dev", judge_steps(fw, version, [True] * 40, pipeline=pipeline))
        label(fw, steps, [True] * len(steps))
    team = f"{fw.conn.info.dbname}_red"
    conn = member_of("reader", teams=[team])
    fw.execute("INSERT INTO flywheel.team_pipelines VALUES (%s, 'red')", (team,))
    total, own = (fw.one("SELECT n FROM flywheel.alignment WHERE split = 'dev'"),
                  conn.execute("SELECT n FROM flywheel.alignment WHERE split = 'dev'").fetchone()[0])  # fmt: skip
    assert 0 < own < total
    assert conn.execute("SELECT DISTINCT pipeline FROM flywheel.corrected_metrics").fetchall() == [("red",)]
    fw.execute("DELETE FROM flywheel.team_pipelines")
