"""flywheel.corrected_metrics: the estimator that the labels' sampling design allows, or NULL and why."""

import json
import random

import psycopg
import pytest

from tests.sql.alignment import judge_steps, label, say, split

ROW = "SELECT estimator, labels, left_out, why FROM flywheel.corrected_metrics WHERE version = %s"


@pytest.fixture
def judged(fw):
    """A judge that passes 60 of 100 steps; every tenth of its verdicts is wrong."""
    version = fw.judge("polite")
    fw.steps = judge_steps(fw, version, [i < 60 for i in range(100)], node="answer")
    fw.truth = [(i < 60) != (i % 10 == 0) for i in range(100)]
    return fw


def label_some(fw, indexes, **columns) -> None:
    label(fw, [fw.steps[i] for i in indexes], [fw.truth[i] for i in indexes], **columns)


@pytest.mark.parametrize("design", ["random", "verdict_balanced"])
def test_labels_that_know_the_verdicts_errors_are_post_stratified(judged, design):
    label_some(judged, range(0, 100, 3), sampling_design=design)
    got = judged.one("SELECT estimator, labels, why, naive_rate, rate, lo, hi FROM flywheel.corrected_metrics")
    wanted = judged.one("SELECT rate, lo, hi FROM flywheel.post_stratified(ARRAY[18, 2], ARRAY[20, 14], ARRAY[60, 40])")
    assert got[:4] == ("post_stratified", 34, None, 0.6)
    assert got[4:] == pytest.approx(wanted)


def test_labels_by_class_go_through_tpr_and_tnr(judged):
    passing, failing = [i for i in range(100) if judged.truth[i]], [i for i in range(100) if not judged.truth[i]]
    label_some(judged, passing[:20] + failing[:20], sampling_design="class_balanced")
    got = judged.one("SELECT estimator, labels, rate, lo, hi FROM flywheel.corrected_metrics")
    tp, tn = sum(i < 60 for i in passing[:20]), sum(i >= 60 for i in failing[:20])
    assert got[:2] == ("rogan_gladen", 40)
    assert got[2:] == pytest.approx(
        judged.one("SELECT rate, lo, hi FROM flywheel.rogan_gladen(60, 100, %s, 20, %s, 20)", tp, tn)
    )


def test_of_two_designs_the_one_with_more_labels(judged):
    label_some(judged, [0, 99], sampling_design="random")
    passing, failing = [i for i in range(1, 99) if judged.truth[i]], [i for i in range(1, 99) if not judged.truth[i]]
    label_some(judged, passing[:9] + failing[-9:], sampling_design="class_balanced")
    assert judged.one("SELECT estimator, labels, left_out FROM flywheel.corrected_metrics") == ("rogan_gladen", 20, 0)
    label_some(
        judged,
        [i for i in range(20, 80) if i not in (*passing[:9], *failing[-9:])],
        sampling_design="random",
        rater="bob",
    )
    assert judged.one("SELECT estimator FROM flywheel.corrected_metrics") == "post_stratified"


def test_labels_with_known_probabilities_are_weighed(judged):
    # A stratum where it is always right, labelled rarely, and one where it errs, labelled often.
    label_some(judged, [1, 11, 21, 31], sampling_design="stratified", inclusion_probability=0.1)
    label_some(judged, [0, 2, 10, 12], sampling_design="stratified", inclusion_probability=0.5)
    label_some(judged, range(61, 70, 2), sampling_design="stratified", inclusion_probability=0.2)
    rate, labels = judged.one("SELECT rate, labels FROM flywheel.corrected_metrics")
    passed = (40 * 1 + 8 * 0.5) / 48  # 4 / 0.1 and 4 / 0.5 steps stand behind the two strata of what it passes
    assert rate == pytest.approx(0.6 * passed + 0.4 * 0) and labels == 13


@pytest.mark.parametrize("columns", [
    {"sampling_design": "priority"}, {"sampling_design": "convenience"}, {"sampling_design": "stratified"},
    {"sampling_design": "priority", "inclusion_probability": 1}, {},
])  # fmt: skip
def test_labels_that_nobody_drew_are_left_out(judged, columns):
    label_some(judged, range(30), **columns)
    assert judged.one(ROW, 1) == (None, 0, 30, "none of the 30 labels was drawn at random")


def test_why_there_is_no_corrected_rate(judged):
    assert judged.one(ROW, 1) == (None, 0, 0, "no labels")
    label_some(judged, range(20), sampling_design="random")
    assert judged.one(ROW, 1) == (None, 0, 20, "no label drawn at random among the 40 steps that it fails")
    assert judged.one("SELECT post_stratified_rate, rate, lo, hi FROM flywheel.corrected_metrics") == (
        None,
        None,
        None,
        None,
    )


def test_why_a_judge_no_better_than_chance_cannot_be_corrected(judged):
    chosen = [*range(10), *range(60, 70)]
    label(judged, [judged.steps[i] for i in chosen], [i % 2 == 0 for i in chosen], sampling_design="class_balanced")
    estimator, labels, _, why = judged.one(ROW, 1)
    assert (estimator, labels) == (None, 0)
    assert why == "no better than chance: it passes 50 % of what people pass and 50 % of what they fail"


def test_a_version_is_not_measured_by_what_it_may_have_been_made_with(judged):
    label_some(judged, range(100), sampling_design="random")
    second = judged.judge("polite", model="large")
    say(judged, second, judged.steps, judged.truth)
    test = len(split(judged, "test", judged.steps))
    assert judged.one("SELECT labels, left_out FROM flywheel.corrected_metrics WHERE version = 1") == (100, 0)
    assert judged.one("SELECT labels, left_out FROM flywheel.corrected_metrics WHERE version = 2") == (test, 100 - test)
    judged.execute("DELETE FROM flywheel.labels WHERE split = 'test'")
    assert judged.one(ROW, 2)[3].startswith(f"none of the {100 - test} labels is fit")


def test_errors_are_in_no_rate(judged):
    version = judged.one("SELECT version_id FROM flywheel.validators")
    broken = judge_steps(judged, version, [None] * 10, node="answer")
    label(judged, broken, [False] * 10, sampling_design="random")
    label_some(judged, range(0, 100, 3), sampling_design="random")
    assert judged.one("SELECT judged, labels, left_out FROM flywheel.corrected_metrics") == (100, 34, 10)


def test_per_slice_per_version_and_between(judged):
    version = judged.one("SELECT version_id FROM flywheel.validators")
    old = judge_steps(judged, version, [True] * 20, node="answer", created_at="2026-01-05 12:00+00")
    other = judge_steps(judged, version, [True] * 30, node=None)
    for steps in (old, other):
        label(judged, steps[:10], [True] * 10, sampling_design="random")
    label_some(judged, range(0, 100, 3), sampling_design="random")
    slices = "SELECT node, judged, labels FROM flywheel.corrected_metrics ORDER BY 1 NULLS LAST"
    assert judged.rows(slices) == [("answer", 120, 44), (None, 30, 10)]
    between = "SELECT judged, labels FROM flywheel.corrected_metrics_between(%s, %s, 'version')"
    assert judged.rows(between, None, None) == [(150, 54)]
    assert judged.rows(between, "2026-01-05 20:00+00", "2026-01-05 21:00+00") == [(20, 10)]  # whole days
    assert judged.rows(between, "2026-01-05", "2026-01-05 06:00+00") == [(20, 10)]
    assert judged.rows(between, "2026-01-06", None) == [(130, 44)]
    assert judged.rows(between, None, "2026-01-05") == []
    judged.execute("SELECT flywheel.merge_rollup(), flywheel.tend_alignment()")
    assert judged.rows(slices) == [("answer", 120, 44), (None, 30, 10)]
    assert judged.rows(between, "2026-01-06", None) == [(130, 44)]


def test_validators_without_labels_are_listed_if_they_are_judges(fw):
    fw.judge("polite")
    fw.validator("short")
    fw.insert("a")
    fw.drain()
    assert fw.rows("SELECT validator FROM flywheel.corrected_metrics") == []  # the judge has said nothing yet
    fw.record(fw.claim())
    assert fw.rows("SELECT validator, why FROM flywheel.corrected_metrics") == [("polite", "no labels")]


def test_an_unknown_grouping_is_refused(fw):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="not per week") as error:
        fw.execute("SELECT * FROM flywheel.corrected_metrics_between(per => 'week')")
    assert "'slice'" in error.value.diag.message_hint


@pytest.fixture
def xstest(full_fw, shared) -> dict[str, list[tuple[int, bool]]]:
    """GPT-4 as a judge of five models, its junk answers errors; model: steps with what people say."""
    version = full_fw.judge("complied")
    rows = [json.loads(line) for line in (shared / "data/xstest.jsonl").open()]
    insert = (
        "INSERT INTO flywheel.traces (trace_id, pipeline, node, variant) "
        "SELECT r ->> 'trace_id', 'xstest', 'answer', r ->> 'variant' FROM jsonb_array_elements(%s) AS r RETURNING id"
    )
    columns = [{key: row[key] for key in ("trace_id", "variant")} for row in rows]
    steps = [id for (id,) in full_fw.rows(insert, json.dumps(columns))]
    said = [r["attributes"]["judge_label"] for r in rows]
    say(full_fw, version, steps, [s.startswith("1_") if s[:2] in ("1_", "2_", "3_") else None for s in said])
    found: dict[str, list[tuple[int, bool]]] = {}
    for step, row in zip(steps, rows, strict=True):
        found.setdefault(row["variant"], []).append((step, row["attributes"]["human_label"].startswith("1_")))
    return found


def test_on_real_judgements_the_corrected_rate_is_nearer_than_the_judges(full_fw, xstest):
    dice = random.Random(7)
    for labelled in (dice.sample(steps, 100) for steps in xstest.values()):
        label(full_fw, [s for s, _ in labelled], [h for _, h in labelled], "complied", sampling_design="random")
    assert full_fw.one("SELECT count(*) FROM flywheel.verdicts WHERE status = 'error'") == 11
    rows = {
        variant: row
        for variant, *row in full_fw.rows("SELECT variant, naive_rate, lo, rate, hi FROM flywheel.corrected_metrics")
    }
    errors, covered = [], 0
    for variant, (naive, lo, rate, hi) in rows.items():
        truth = sum(human for _, human in xstest[variant]) / len(xstest[variant])
        errors.append((abs(naive - truth), abs(rate - truth)))
        covered += lo <= truth <= hi
        assert hi - lo < 0.16
    assert covered == len(rows) == 5
    assert sum(r for _, r in errors) < sum(n for n, _ in errors) / 3
