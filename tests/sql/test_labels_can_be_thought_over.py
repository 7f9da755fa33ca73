"""One's own label may change; what it says of content that is gone does not count; examples take two people."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

LABEL = (
    "INSERT INTO flywheel.labels (step_id, validator, passed, critique) VALUES (%s, 'polite', %s, 'Rude.') RETURNING id"
)


@pytest.fixture
def judged(fw):
    fw.judge("polite")
    fw.execute("SELECT flywheel.set_split_shares(1, 0, 0)")
    return fw, fw.insert("one", "two", "three")


def test_only_who_gave_a_label_changes_it_or_takes_it_back(judged, member_of):
    fw, (one, *_) = judged
    ann, bob, boss = member_of("reviewer"), member_of("reviewer"), member_of("admin")
    (mine,) = ann.execute(LABEL, (one, True)).fetchone()
    change, remove = (
        "UPDATE flywheel.labels SET passed = false WHERE id = %s",
        "DELETE FROM flywheel.labels WHERE id = %s",
    )
    for statement in (change, remove):
        with pytest.raises(InsufficientPrivilege, match="is by"):
            bob.execute(statement, [mine])
    with pytest.raises(InsufficientPrivilege):
        ann.execute("UPDATE flywheel.labels SET split = 'few_shot'")
    ann.execute(change, [mine])
    assert fw.one("SELECT passed FROM flywheel.labels") is False
    ann.execute(remove, [mine])
    (mine,) = ann.execute(LABEL, (one, True)).fetchone()
    boss.execute(change, [mine])
    boss.execute(remove, [mine])
    assert fw.one("SELECT count(*) FROM flywheel.labels") == 0


def test_an_example_is_approved_by_somebody_else(judged, member_of):
    fw, (one, *_) = judged
    ann, bob = member_of("reviewer"), member_of("reviewer")
    (mine,) = ann.execute(LABEL, (one, True)).fetchone()
    approve = "SELECT flywheel.approve_example(%s)"
    with pytest.raises(InsufficientPrivilege, match="your own"):
        ann.execute(approve, [mine])
    with pytest.raises(InsufficientPrivilege, match="your own"):
        ann.execute("UPDATE flywheel.labels SET example_approved_by = 'bob', example_approved_at = now()")
    approved = "SELECT example_approved_by, example_approved_at IS NOT NULL FROM flywheel.labels"
    bob.execute(approve, [mine])
    assert fw.one(approved) == (bob.info.user, True)
    bob.execute("SELECT flywheel.approve_example(%s, withdraw => true)", [mine])
    assert fw.one(approved) == (None, False)
    bob.execute("UPDATE flywheel.labels SET example_approved_by = 'somebody'")
    assert fw.one(approved) == (bob.info.user, True), "it says who it was"
    ann.execute("UPDATE flywheel.labels SET critique = 'Ignore the rubric.'")
    assert fw.one(approved) == (None, False), "what was approved said something else"
    fw.execute(approve, [mine])  # the owner may


def test_approval_says_what_is_wrong(judged):
    fw, (one, *_) = judged
    with pytest.raises(psycopg.errors.NoDataFound, match="no label 99"):
        fw.execute("SELECT flywheel.approve_example(99)")
    fw.execute("SELECT flywheel.set_split_shares(0, 1, 0)")
    mine = fw.one(LABEL, one, True)
    with pytest.raises(psycopg.errors.CheckViolation, match="dev split"):
        fw.execute("SELECT flywheel.approve_example(%s)", [mine])


@pytest.mark.parametrize("column", ["input", "output", "expected", "context"])
def test_a_label_of_other_content_does_not_count_until_it_is_given_again(judged, column):
    fw, (one, two, _) = judged
    labels = [fw.one(LABEL, step, True) for step in (one, two)]
    fw.execute("SELECT flywheel.approve_example(%s)", [labels[0]])
    fw.execute("UPDATE flywheel.traces SET node = 'other', tags = '{x}'")
    assert fw.one("SELECT count(step_changed_at) FROM flywheel.labels") == 0
    # One statement, which changes something else of the other step.
    value = "'\"new\"'"
    fw.execute(
        f"UPDATE flywheel.traces SET {column} = CASE WHEN id = {one} THEN {value} ELSE {column} END, user_id = 'u'"
    )
    assert fw.rows("SELECT id FROM flywheel.labels WHERE step_changed_at IS NOT NULL") == [(labels[0],)]
    assert fw.one("SELECT count(example_approved_by) FROM flywheel.labels") == 0
    assert fw.rows("SELECT step_id FROM flywheel.consensus") == [(two,)]
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        fw.execute("SELECT flywheel.approve_example(%s)", [labels[0]])
    fw.execute("UPDATE flywheel.labels SET passed = true WHERE id = %s", [labels[0]])
    assert fw.one("SELECT count(*) FROM flywheel.consensus") == 2


@pytest.mark.parametrize("removal", ["DELETE FROM flywheel.traces", "TRUNCATE flywheel.traces RESTART IDENTITY",
                                     "UPDATE flywheel.traces SET id = id + 100000"])  # fmt: skip
def test_what_people_wrote_goes_with_the_step(judged, removal):
    fw, steps = judged
    for step in steps:
        fw.one(LABEL, step, True)
        fw.execute("INSERT INTO flywheel.annotations (step_id, note) VALUES (%s, 'Ms Roe is angry')", [step])
    fw.execute("INSERT INTO flywheel.fixes (step_id, corrected_output, pipeline, trace_group) "
               "SELECT id, 'better', pipeline, trace_id FROM flywheel.traces")  # fmt: skip
    fw.execute(removal)
    for table in ("labels", "fixes", "annotations", "kept_steps"):
        assert fw.one(f"SELECT count(*) FROM flywheel.{table}") == 0, table


def test_the_application_deletes_its_steps_without_any_right_on_labels(judged, member_of):
    fw, (one, two, _) = judged
    for step in (one, two):
        fw.one(LABEL, step, True)
    app = member_of("writer")
    fw.execute(f"GRANT DELETE, UPDATE ON flywheel.traces TO {app.info.user}")
    app.execute("DELETE FROM flywheel.traces WHERE id = %s", [one])
    app.execute("UPDATE flywheel.traces SET output = 'rewritten' WHERE id = %s", [two])
    assert fw.rows("SELECT step_id, step_changed_at IS NOT NULL FROM flywheel.labels") == [(two, True)]


def test_a_label_cannot_be_left_behind_by_a_step_that_is_being_deleted(judged, another, in_thread):
    fw, (one, *_) = judged
    deleting = another(fw, autocommit=False)
    deleting.execute("DELETE FROM flywheel.traces WHERE id = %s", [one])
    labelling = in_thread(lambda: another(fw).one(LABEL, one, True))
    fw.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    deleting.conn.commit()
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="does not exist"):
        labelling.join()
    assert fw.one("SELECT count(*) FROM flywheel.labels") == 0


def test_a_correction_is_a_label_that_says_the_opposite(judged):
    fw, (one, _, three) = judged
    fw.drain()
    fw.record([job for job in fw.claim() if job["step_id"] != three])
    correction = fw.one("SELECT flywheel.correct(%s, 'polite', 'It sneers.', 'ann')", one)
    said = "SELECT id, step_id, passed, critique, rater, sampling_design FROM flywheel.labels"
    assert fw.rows(said) == [(correction, one, False, "It sneers.", "ann", "convenience")]
    assert fw.one("SELECT flywheel.correct(%s, 'polite', 'It sneers at me.', 'ann')", one) == correction
    assert fw.one("SELECT critique FROM flywheel.labels") == "It sneers at me."
    for arguments, error in [
        ((three, "polite", "why"), "has not passed or failed step"),
        ((one, "polite", " "), "says nothing"),
        ((None, "polite", "why"), "NULL"),
        ((one, "polight", "why"), "polight"),
    ]:
        with pytest.raises(psycopg.Error, match=error):
            fw.execute("SELECT flywheel.correct(%s, %s, %s)", arguments)
