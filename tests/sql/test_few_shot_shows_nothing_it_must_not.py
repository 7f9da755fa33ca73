"""Canaries: what may not stand in a judge's prompt. Each differs in one thing from an example that may."""

import psycopg
import pytest

TEXT = "Where is my order?"
APPROVE = "UPDATE flywheel.labels SET example_approved_by = 'me', example_approved_at = now()"


@pytest.fixture
def groups(fw):
    """A trace group of each split."""
    found = fw.rows("SELECT flywheel.split_of('g' || n), min('g' || n) FROM generate_series(1, 100) n GROUP BY 1")
    return dict(found) | {"other": fw.one("SELECT max('g' || n) FROM generate_series(1, 100) n "
                                          "WHERE flywheel.split_of('g' || n) = 'few_shot'")}  # fmt: skip


@pytest.fixture
def label(fw, groups):
    fw.judge("helpful", few_shot=3)

    def add(group="few_shot", approve=True, critique="CANARY", **columns):
        step = fw.insert("It ships.", input=TEXT, **{"trace_id": groups[group], **columns})[0]
        fw.execute("INSERT INTO flywheel.labels (step_id, validator, passed, critique) "
                   "VALUES (%s, 'helpful', true, %s)", [step, critique])  # fmt: skip
        if approve:
            fw.execute(f"{APPROVE} WHERE step_id = %s", [step])
        fw.drain()
        return step

    return add


def shown(fw, group="asking"):
    """Critiques in the prompt of a step of this group, as few_shot() and as the worker get it."""
    asked = fw.rows("SELECT critique FROM flywheel.few_shot('helpful', %s, exclude_group => %s)", TEXT, group)
    fw.record(fw.claim())
    step = fw.insert("x", input=TEXT, trace_id=group)[0]
    fw.drain()
    (job,) = [job for job in fw.claim() if job["step_id"] == step]
    assert [example["critique"] for example in job["examples"]] == [critique for (critique,) in asked]
    return [critique for (critique,) in asked]


def test_an_approved_example_is_shown(fw, label):
    label()
    assert shown(fw) == ["CANARY"]


def test_an_example_that_nobody_approved_is_not(fw, label):
    label(approve=False)
    assert shown(fw) == []


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_label_that_measures_the_judge_is_not(fw, label, split):
    label(split, approve=False)
    with pytest.raises(psycopg.errors.CheckViolation):
        fw.execute(APPROVE)
    assert shown(fw) == []


def test_the_own_group_is_not(fw, label, groups):
    label()
    label("other", critique="Fine.")
    assert shown(fw, groups["few_shot"]) == ["Fine."]
    assert shown(fw, groups["other"]) == ["CANARY"]


def test_the_own_session_is_not(fw, label, groups):
    label(session_id=groups["few_shot"], trace_id="t1")
    step = fw.insert("x", input=TEXT, session_id=groups["few_shot"], trace_id="t2")[0]
    fw.drain()
    assert [job["examples"] for job in fw.claim() if job["step_id"] == step] == [[]]


def test_a_label_under_another_rubric_is_not(fw, label):
    label()
    fw.judge("helpful", few_shot=3, rubric="Passes if it is short.")
    assert shown(fw) == []


def test_a_label_of_another_judge_is_not(fw, label):
    label()
    fw.judge("polite", few_shot=3)
    assert fw.rows("SELECT * FROM flywheel.few_shot('polite', %s)", TEXT) == []


def test_a_label_of_content_that_changed_is_not(fw, label):
    label()
    fw.execute("UPDATE flywheel.labels SET step_changed_at = now()")
    assert shown(fw) == []


def test_another_teams_label_is_not(fw, label, member_of):
    label(pipeline="red")
    label("other", pipeline="blue", critique="Fine.")
    blue = f"{fw.conn.info.dbname}_blue"
    writer = member_of("writer", teams=[blue])
    fw.execute("INSERT INTO flywheel.team_pipelines VALUES (%s, 'blue')", [blue])
    asked = writer.execute("SELECT critique FROM flywheel.few_shot('helpful', %s)", [TEXT]).fetchall()
    assert asked == [("Fine.",)]
    fw.record(fw.claim())
    fw.insert("x", input=TEXT, pipeline="blue")
    fw.drain()
    (job,) = fw.claim()
    assert [example["critique"] for example in job["examples"]] == ["Fine."]


def test_an_example_of_great_length_is_not(fw, label):
    label(critique="Fine.")
    long = label("other")
    fw.execute("UPDATE flywheel.traces SET output = repeat('x', 20001) WHERE id = %s", [long])
    fw.execute("UPDATE flywheel.labels SET step_changed_at = NULL")
    fw.execute(APPROVE)
    assert fw.one("SELECT jsonb_array_length(flywheel.examples_of(array_agg(id))) FROM flywheel.labels") == 1
