"""flywheel.aligned and its rollup, after any sequence of labels and verdicts that come, change and go, in any order."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PAIRS = """
    WITH said AS (
        SELECT step_id, validator, rubric_version, avg(passed::int) AS share, min(split) AS split
        FROM flywheel.labels WHERE passed IS NOT NULL AND step_changed_at IS NULL GROUP BY 1, 2, 3
    )
    SELECT s.step_id, w.id, s.share > 0.5, v.passed, s.split, v.pipeline, v.node, v.variant
    FROM said s
    JOIN flywheel.validator_versions w USING (validator, rubric_version)
    JOIN flywheel.verdicts v ON v.step_id = s.step_id AND v.version_id = w.id
    WHERE s.share <> 0.5 AND (v.passed IS NOT NULL OR v.status <> 'ok')"""
KEPT = "SELECT step_id, version_id, human, passed, split, pipeline, node, variant FROM flywheel.aligned"
COUNTED = """
    SELECT date_trunc('day', step_created_at, 'UTC'), version_id, pipeline, node, variant, split,
           held_out, sampling_design, inclusion_probability, human, passed, count(*)
    FROM flywheel.aligned GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"""
ROLLUP = """
    SELECT day, version_id, pipeline, node, variant, split, held_out, sampling_design, inclusion_probability, human,
           passed, sum(n)
    FROM flywheel.alignment_rollup GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 HAVING sum(n) <> 0"""


# Not at once: a transaction in another database of the cluster can keep steps waiting, too.
TENDED = "SELECT flywheel.tend_alignment() IS NOT NULL AND NOT EXISTS (SELECT FROM flywheel.align_again)"
OTHER_VERDICT = """
    UPDATE flywheel.verdicts
    SET passed = %(passed)s, status = CASE WHEN %(passed)s::boolean IS NULL THEN 'error' ELSE 'ok' END
    WHERE step_id = %(step)s"""


def wrong(fw) -> list[tuple]:
    return [
        row
        for one, other in ((PAIRS, KEPT), (COUNTED, ROLLUP))
        for row in fw.rows(f"(({one}) EXCEPT ({other})) UNION ALL (({other}) EXCEPT ({one}))")
    ]


def verdict(fw, step: int, version: int, passed: bool | None) -> None:
    fw.execute(
        "INSERT INTO flywheel.verdicts (step_id, version_id, passed, status, pipeline, node, variant, step_created_at) "
        "SELECT id, %s, %s, CASE WHEN %s::boolean IS NULL THEN 'error' ELSE 'ok' END, "
        "pipeline, node, variant, created_at "
        "FROM flywheel.traces WHERE id = %s ON CONFLICT DO NOTHING",
        (version, passed, passed, step),
    )


def label(fw, step: int, validator: str, passed: bool | None, rater: str = "ann", design: str = "random") -> None:
    fw.execute(
        "INSERT INTO flywheel.labels (step_id, validator, passed, score, rater, sampling_design) "
        "VALUES (%s, %s, %s, 1, %s, %s) "
        "ON CONFLICT (step_id, validator, rubric_version, rater) DO UPDATE SET passed = excluded.passed",
        (step, validator, passed, rater, design),
    )


step, answer = st.integers(0, 3), st.sampled_from([True, False, None])
event = st.one_of(
    st.tuples(st.just("label"), step, answer, st.sampled_from(["ann", "bob", "eve"])),
    st.tuples(st.just("verdict"), step, answer, st.sampled_from([1, 2])),
    st.tuples(st.just("no label"), step),
    st.tuples(st.just("no verdict"), step),
    st.tuples(st.just("other verdict"), step, answer),
    st.tuples(st.just("changed"), step),
    st.tuples(st.just("drain")),
)


@pytest.fixture
def judged(full_fw):
    full_fw.judge("polite")
    full_fw.judge("polite", model="large")
    return full_fw


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(event, min_size=1, max_size=14))
def test_after_any_sequence(judged, events):
    judged.execute("DELETE FROM flywheel.labels")
    judged.execute("DELETE FROM flywheel.traces")
    steps = judged.insert("a", "b", "c", "d", node="n")
    versions = [id for (id,) in judged.rows("SELECT id FROM flywheel.validator_versions ORDER BY id")]
    for kind, *of in events:
        at = steps[of[0]] if of else None
        if kind == "label":
            label(judged, at, "polite", *of[1:])
        elif kind == "verdict":
            verdict(judged, at, versions[of[2] - 1], of[1])
        elif kind == "no label":
            judged.execute("DELETE FROM flywheel.labels WHERE step_id = %s AND rater = 'ann'", (at,))
        elif kind == "no verdict":
            judged.execute("DELETE FROM flywheel.verdicts WHERE step_id = %s", (at,))
        elif kind == "other verdict":
            judged.execute(OTHER_VERDICT, {"passed": of[1], "step": at})
        elif kind == "changed":
            judged.execute("UPDATE flywheel.labels SET step_changed_at = now() WHERE step_id = %s", (at,))
        else:
            judged.execute("SELECT flywheel.tend_alignment()")
        assert wrong(judged) == []


def test_labels_and_verdicts_that_did_not_see_each_other_are_paired_by_the_drain(fw, another):
    version = fw.judge("polite")
    [step, other] = fw.insert("a", "b")
    one = another(fw, autocommit=False)
    label(fw, other, "polite", True)  # so that verdicts are looked at
    verdict(one, step, version, True)  # the label of this step is not there yet
    label(fw, step, "polite", True)  # and the verdict is not committed
    one.conn.commit()
    assert fw.one("SELECT count(*) FROM flywheel.aligned WHERE step_id = %s", step) == 0
    fw.wait_until(TENDED)
    assert fw.one("SELECT count(*) FROM flywheel.aligned WHERE step_id = %s", step) == 1
    assert wrong(fw) == []


def test_an_open_transaction_keeps_its_steps_waiting(fw, another):
    version = fw.judge("polite")
    [step] = fw.insert("a")
    one = another(fw, autocommit=False)
    verdict(one, step, version, True)
    label(fw, step, "polite", True)
    for _ in range(3):
        fw.execute("SELECT flywheel.tend_alignment()")
    assert fw.one("SELECT count(*) FROM flywheel.align_again") == 1
    one.conn.commit()
    fw.wait_until(TENDED)
    assert fw.one("SELECT count(*) FROM flywheel.aligned") == 1


def test_another_rubric_asks_for_other_labels(fw):
    version = fw.validator("short")
    [step] = fw.insert("a")
    fw.drain()
    label(fw, step, "short", True)
    assert fw.one("SELECT count(*) FROM flywheel.aligned WHERE version_id = %s", version) == 1
    fw.execute("SELECT flywheel.set_rubric('short', 'Passes if it is one sentence.')")
    assert fw.one("SELECT count(*) FROM flywheel.aligned") == 0
    label(fw, step, "short", False)
    assert fw.one("SELECT human FROM flywheel.aligned WHERE version_id = %s", version) is False
    assert wrong(fw) == []


def test_an_emptied_table_leaves_no_pairs(fw):
    version = fw.judge("polite")
    [step] = fw.insert("a")
    verdict(fw, step, version, True)
    label(fw, step, "polite", True)
    fw.execute("TRUNCATE flywheel.labels CASCADE")
    assert wrong(fw) == []
    label(fw, step, "polite", True)
    fw.execute("TRUNCATE flywheel.verdicts")
    assert wrong(fw) == [] and fw.one("SELECT count(*) FROM flywheel.alignment_rollup") == 0


def test_a_drain_of_labelled_steps_pairs_them(fw):
    fw.validator("short")
    steps = fw.insert(*["a"] * 50, "too long by far")
    fw.drain()
    for step in steps[::10]:
        label(fw, step, "short", True)
    fw.execute("SELECT flywheel.add_validator('short', 'short', config => '{\"new\": 1}')")
    fw.execute("SELECT flywheel.backfill('short')")
    fw.drain()
    assert wrong(fw) == []
    assert fw.one("SELECT count(*) FROM flywheel.aligned") == 2 * len(steps[::10])
