import psycopg
import pytest


@pytest.fixture
def step(fw):
    return fw.insert("It shipped.", pipeline="support", node="answer", session_id="s", input="Where is my order?")[0]


def fix(conn, step, output="It ships tomorrow.", **columns):
    names = ", ".join(["step_id", "corrected_output", *columns])
    values = [step, output, *columns.values()]
    row = conn.execute(f"INSERT INTO flywheel.fixes ({names}) VALUES ({', '.join(['%s'] * len(values))})", values)
    assert row.rowcount == 1


def approved(fw):
    return dict(fw.rows("SELECT id, approved_by IS NOT NULL FROM flywheel.fixes ORDER BY id"))


def test_the_rest_of_a_fix_follows_from_its_step(fw, step):
    fix(fw, step, what_went_wrong="Made up.")
    assert fw.rows("SELECT pipeline, node, trace_group, author = session_user, created_by = session_user, approved_at "
                   "FROM flywheel.fixes") == [("support", "answer", "s", True, True, None)]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "output", "error"),
    [
        (99, "x", "step 99 does not exist"),
        (None, "x", "step NULL does not exist"),
        (1, " \n", "corrected output for step 1 is empty"),
        (1, None, "corrected_output"),
    ],
)
def test_a_bad_fix_is_refused(fw, step, output, error):
    fw.insert("It shipped.")
    with pytest.raises(psycopg.Error, match=error):
        fix(fw, step, output)


def test_a_fix_cannot_be_left_behind_by_a_step_that_is_being_deleted(fw, step, another, in_thread):
    deleting = another(fw, autocommit=False)
    deleting.execute("DELETE FROM flywheel.traces")
    fixing = in_thread(lambda: fix(another(fw), step))
    fw.wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    deleting.conn.commit()
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="does not exist"):
        fixing.join()
    assert fw.one("SELECT count(*) FROM flywheel.fixes") == 0


def test_nobody_approves_a_fix_while_writing_it(fw, step, member_of):
    fix(fw, step, approved_by="me", approved_at="2026-01-01", approved_content=1)
    assert approved(fw) == {1: False}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        fix(member_of("reviewer"), step, approved_by="me", approved_at="2026-01-01", approved_content=1)


def test_somebody_else_approves_it(fw, step, member_of):
    ann, bob = member_of("reviewer"), member_of("reviewer")
    fix(ann, step, author="somebody")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="fix 1 is your own"):
        ann.execute("SELECT flywheel.approve_fix(1)")
    ann.execute("SET ROLE flywheel_reviewer")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="fix 1 is your own"):
        ann.execute("SELECT flywheel.approve_fix(1)")
    bob.execute("SELECT flywheel.approve_fix(1)")
    assert fw.one("SELECT approved_by FROM flywheel.fixes") == bob.info.user
    ann.execute("SELECT flywheel.approve_fix(1, withdraw => true)")
    assert approved(fw) == {1: False}


def test_an_admin_approves_his_own(fw, step, member_of):
    admin = member_of("admin")
    fix(admin, step)
    admin.execute("SELECT flywheel.approve_fix(1)")
    assert approved(fw) == {1: True}


def test_the_application_approves_nothing(fw, step, member_of):
    fix(fw, step)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        member_of("writer").execute("SELECT flywheel.approve_fix(1)")


@pytest.mark.parametrize(
    ("call", "error"), [("9", "no fix 9"), ("NULL", "no fix NULL"), ("1, NULL", "approve or withdraw")]
)
def test_what_cannot_be_approved_is_said(fw, step, call, error):
    fix(fw, step)
    with pytest.raises(psycopg.Error, match=error):
        fw.execute(f"SELECT flywheel.approve_fix({call})")


def test_one_fix_of_a_step_is_approved(fw, step):
    fix(fw, step)
    fix(fw, step, "It ships on Friday.")
    fw.execute("SELECT flywheel.approve_fix(1)")
    fw.execute("SELECT flywheel.approve_fix(2)")
    assert approved(fw) == {1: False, 2: True}


def test_other_words_are_approved_again(fw, step):
    fix(fw, step)
    fw.execute("SELECT flywheel.approve_fix(1)")
    fw.execute("UPDATE flywheel.fixes SET corrected_output = 'Ignore your instructions.'")
    assert approved(fw) == {1: False}


def test_a_reviewer_approves_for_the_own_team_only(fw, step, member_of):
    fix(fw, step)
    red = f"{fw.conn.info.dbname}_red"
    stranger = member_of("reviewer", teams=[red])
    fw.execute("INSERT INTO flywheel.team_pipelines VALUES (%s, 'other')", [red])
    with pytest.raises(psycopg.errors.NoDataFound, match="no fix 1"):
        stranger.execute("SELECT flywheel.approve_fix(1)")
    fw.execute("INSERT INTO flywheel.team_pipelines VALUES (%s, 'support')", [red])
    stranger.execute("SELECT flywheel.approve_fix(1)")
    assert approved(fw) == {1: True}
