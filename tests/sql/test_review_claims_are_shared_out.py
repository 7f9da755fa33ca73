"""People who label at the same time get different steps, each chosen as its label then says, and never the verdict."""

from collections import Counter

import psycopg
import pytest

CLAIM = "SELECT step_id FROM flywheel.claim_review(%s, %s, 'polite', %s)"


@pytest.fixture
def judged(fw):
    """40 steps that the judge has decided: every fourth fails, for a reason of its own or for being rude."""
    fw.judge()
    fw.insert(*(f"output {i}" for i in range(40)), node="answer")
    judge(fw)
    return fw


def judge(fw, which="true"):
    """As the worker would have left it."""
    fw.execute(f"""
        INSERT INTO flywheel.verdicts (step_id, version_id, passed, status, reason, step_created_at, pipeline, node)
        SELECT t.id, d.version_id, t.id % 4 <> 0, 'ok', CASE WHEN t.id % 8 = 0 THEN 'rude' ELSE 'step ' || t.id END,
               t.created_at, t.pipeline, t.node
        FROM flywheel.traces t, flywheel.validators d WHERE d.kind = 'judge' AND {which}
        ON CONFLICT DO NOTHING""")


def claimed(fw, rater="ann", n=10, design="random"):
    return [step for (step,) in fw.rows(CLAIM, rater, n, design)]


def label(fw, step, rater="ann", passed=True):
    fw.execute(
        "INSERT INTO flywheel.labels (step_id, validator, passed, rater) VALUES (%s, 'polite', %s, %s)",
        (step, passed, rater),
    )


@pytest.mark.parametrize("design", ["priority", "random", "verdict_balanced", "stratified"])
def test_raters_at_once_get_different_steps(judged, another, in_thread, design):
    got = {rater: [] for rater in ("ann", "bob", "cem", "dot")}

    def take(rater):
        conn = another(judged)
        return lambda: got[rater].extend(claimed(conn, rater, 2, design) + claimed(conn, rater, 1, design))

    for thread in [in_thread(take(rater)) for rater in got]:
        thread.join()
    steps = [step for each in got.values() for step in each]
    assert len(steps) == len(set(steps))
    assert len(steps) >= 10 if design == "priority" else len(steps) == 12


@pytest.mark.parametrize("design", ["priority", "random"])
def test_a_repeatable_read_that_cannot_see_a_claim_is_told_to_try_again(judged, another, design):
    late = another(judged, autocommit=False)
    late.conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    late.one("SELECT count(*) FROM flywheel.traces")
    taken = claimed(judged, n=40, design=design)
    with pytest.raises(psycopg.errors.SerializationFailure):
        claimed(late, "bob", n=40, design=design)
    late.conn.rollback()
    late.one("SELECT count(*) FROM flywheel.traces")
    label(judged, taken[0])
    with pytest.raises(psycopg.errors.SerializationFailure):
        label(late, taken[0], "bob")


def test_a_label_knows_how_its_step_was_chosen_and_closes_the_claim(judged):
    for step in claimed(judged, n=10):
        label(judged, step)
    assert judged.rows("SELECT DISTINCT sampling_design, inclusion_probability FROM flywheel.labels") == [
        ("random", 0.25)
    ]
    assert judged.one("SELECT count(*) FROM flywheel.review_claims") == 0


def test_what_a_label_says_itself_goes_first_and_others_claims_do_not_count(judged):
    mine, other = claimed(judged, n=2)
    judged.execute(
        "INSERT INTO flywheel.labels (step_id, validator, passed, rater, sampling_design, inclusion_probability) "
        "VALUES (%s, 'polite', true, 'ann', 'class_balanced', 0.5)", (mine,))  # fmt: skip
    label(judged, other, rater="bob")
    assert judged.rows("SELECT sampling_design FROM flywheel.labels ORDER BY id") == [
        ("class_balanced",),
        ("convenience",),
    ]
    assert judged.rows("SELECT step_id FROM flywheel.review_claims") == [(other,)]


def test_a_refused_label_leaves_the_claim(judged):
    (step,) = claimed(judged, n=1)
    judged.execute(
        "INSERT INTO flywheel.labels (step_id, validator, passed, rater) VALUES (%s, 'polite', true, 'bob')", (step,)
    )
    with pytest.raises(psycopg.errors.CheckViolation):
        label(judged, step, passed=None)
    assert judged.one("SELECT count(*) FROM flywheel.review_claims") == 1


def test_an_abandoned_claim_goes_to_somebody_else(judged):
    assert len(claimed(judged, n=40)) == 40
    assert claimed(judged, "bob", n=40) == []
    judged.execute("UPDATE flywheel.review_claims SET until = now() - interval '1 second' WHERE step_id <= 3")
    assert sorted(claimed(judged, "bob", n=40)) == [1, 2, 3]


def test_half_of_a_balanced_claim_has_either_verdict(judged):
    steps = judged.rows(
        "SELECT step_id % 4 <> 0, round(inclusion_probability::numeric, 6)::float8 "
        "FROM flywheel.claim_review('ann', 10, 'polite', 'verdict_balanced')"
    )
    assert Counter(steps) == {(True, 0.166667): 5, (False, 0.5): 5}


def test_chance_that_picks_a_labelled_step_counts_its_label(judged):
    priority = claimed(judged, n=5, design="priority")
    for step in priority:
        label(judged, step)
    chosen = claimed(judged, n=40)
    assert sorted(chosen + priority) == list(range(1, 41))
    assert judged.rows("SELECT DISTINCT sampling_design, inclusion_probability FROM flywheel.labels") == [("random", 1)]


def test_a_label_of_former_content_counts_for_nothing(judged):
    for step in claimed(judged, n=40):
        label(judged, step, passed=step % 4 != 0)
    judged.execute("UPDATE flywheel.traces SET output = 'another' WHERE id IN (3, 4)")
    judge(judged)
    assert judged.rows("SELECT step_id FROM flywheel.review_queue") == [(4,)]
    assert sorted(claimed(judged, "bob", n=40)) == [3, 4]
    assert judged.one("SELECT count(*) FROM flywheel.labels WHERE step_changed_at IS NULL") == 38
    judged.execute("UPDATE flywheel.labels SET passed = true WHERE step_id = 3")
    assert judged.rows("SELECT step_id FROM flywheel.review_claims ORDER BY 1") == [(3,), (4,)], "bob is still at it"


def test_a_second_rater_is_asked_only_on_request(judged):
    first = claimed(judged, n=3)
    for step in first:
        label(judged, step)
    again = "SELECT step_id FROM flywheel.claim_review(%s, 10, 'polite', second => true)"
    assert judged.rows(again, "ann") == []
    assert {step for (step,) in judged.rows(again, "bob")} == set(first)
    assert judged.rows(again, "cem") == [], "bob is at it"
    for step in first:
        label(judged, step, "bob", passed=False)
    assert judged.rows("SELECT sampling_design, count(*) FROM flywheel.labels GROUP BY 1") == [("random", 6)]


def test_every_step_is_drawn_as_often_as_every_other(judged):
    """Also where ids lie far apart: in three of ten places of the range."""
    judged.execute("SELECT setval('flywheel.traces_id_seq', 100)")
    judged.insert(*["far"] * 20)
    judge(judged, "t.id > 100")
    version = judged.one("SELECT version_id FROM flywheel.validators")
    drawn = judged.rows("SELECT d.step_id, count(*) FROM generate_series(1, 1200) i, "
                        "flywheel.draw_steps(%s, 10 + 0 * i, '-infinity') d GROUP BY 1", version)  # fmt: skip
    assert len(drawn) == 60
    assert all(200 - 6 * 13 < times < 200 + 6 * 13 for _, times in drawn), drawn


def test_a_time_bounds_what_is_drawn(judged):
    judged.execute("UPDATE flywheel.traces SET created_at = '2020-01-01' WHERE id <= 30")
    judge(judged, "t.id <= 30")
    since = (
        "SELECT step_id, inclusion_probability FROM flywheel.claim_review('ann', 5, 'polite', 'random', '2020-06-01')"
    )
    steps = judged.rows(since)
    assert len(steps) == 5
    assert all(step > 30 and probability == 0.5 for step, probability in steps)


def test_nothing_says_what_the_judge_said(judged):
    told = {"passed", "score", "verdict", "reason", "status", "details"}
    for view in ("open_reviews", "review_queue"):
        columns = judged.rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", f"flywheel.{view}"
        )
        assert not told & {name for (name,) in columns}
    for design in ("random", "verdict_balanced", "stratified"):
        why = "SELECT DISTINCT why FROM flywheel.claim_review('ann', 10, 'polite', %s)"
        assert judged.rows(why, design) == [("chosen by chance",)]
    assert judged.rows("SELECT DISTINCT why FROM flywheel.review_queue") in ([], [("it is worth a look",)])


def test_why_a_step_is_to_be_labelled_is_the_same_whatever_the_verdict(judged):
    judged.execute("""UPDATE flywheel.traces SET attributes = '{"feedback": -1}' WHERE id < 9""")
    assert len(claimed(judged, n=16, design="priority")) == 16
    why = "SELECT DISTINCT passed, why FROM flywheel.open_reviews JOIN flywheel.verdicts USING (step_id) ORDER BY 1"
    assert judged.rows(why) == [(False, "first in the queue"), (True, "first in the queue")]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("''", "the rater has no name"),
        ("NULL", "the rater has no name"),
        ("'ann', 0", "n is 0"),
        ("'ann', 1001", "n is 1001"),
        ("'ann', NULL", "n is NULL"),
        ("'ann', 1, 'nobody'", "nobody does not exist"),
        ("'ann', 1, 'short'", "validator short has no rubric"),
        ("'ann', 1, 'polite', 'luck'", "design is luck"),
        ("'ann', 1, NULL, 'random'", "of one validator"),
        ("'ann', 1, 'polite', 'random', NULL", "since or second is NULL"),
    ],
)
def test_a_claim_that_means_nothing_is_refused_with_a_hint(judged, arguments, error):
    judged.validator("short")
    with pytest.raises(psycopg.Error, match=error) as refused:
        judged.execute(f"SELECT * FROM flywheel.claim_review({arguments})")
    assert refused.value.diag.message_hint


def test_a_reviewer_claims_and_labels_what_is_of_the_team(judged, member_of):
    judged.insert(*["theirs"] * 8, pipeline="red")
    judge(judged, "t.pipeline = 'red'")
    team = f"{judged.conn.info.dbname}_red"
    judged.execute("INSERT INTO flywheel.team_pipelines VALUES (%s, 'red')", (team,))
    reviewer = type(judged)(member_of("reviewer", teams=[team]))
    for design, n in (("priority", 1), ("random", 2), ("verdict_balanced", 2), ("stratified", 2)):
        steps = reviewer.rows("SELECT step_id, pipeline FROM flywheel.claim_review('ann', %s, 'polite', %s)", n, design)
        assert steps and {pipeline for _, pipeline in steps} == {"red"}, design
        label(reviewer, steps[0][0])
    assert reviewer.rows("SELECT * FROM flywheel.alignment_due")
    assert judged.one("SELECT count(*) FROM flywheel.labels WHERE pipeline = 'red'") == 4
    claimed(judged, "owner", 5)
    assert {pipeline for (pipeline,) in reviewer.rows("SELECT pipeline FROM flywheel.review_claims")} <= {"red"}
