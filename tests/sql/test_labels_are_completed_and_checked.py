import psycopg
import pytest


@pytest.fixture
def judged(fw):
    fw.execute("SELECT flywheel.set_provider('default', 'http://127.0.0.1:9/v1')")
    fw.execute("SELECT flywheel.add_judge('helpful', 'Passes if it helps.', 'm')")
    fw.execute("INSERT INTO flywheel.traces (trace_id, session_id, pipeline, node, variant, output) "
               "VALUES ('t', 's', 'support', 'answer', 'b', 'Yes.')")  # fmt: skip
    return fw


def test_the_rest_of_a_label_follows_from_its_step(judged):
    judged.execute("INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (1, 'helpful', true)")
    assert judged.rows("SELECT rubric_version, pipeline, node, variant, trace_group, split = flywheel.split_of('s'), "
                       "sampling_design, rater = session_user FROM flywheel.labels") == [
        (1, "support", "answer", "b", "s", True, "convenience", True)]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ("(9, 'helpful', NULL, true, NULL, NULL)", "step 9 does not exist"),
        ("(1, 'helpfull', NULL, true, NULL, NULL)", 'there is no validator "helpfull"'),
        ("(1, 'helpful', 7, true, NULL, NULL)", "rubric version 7"),
        ("(1, 'helpful', NULL, true, 0, NULL)", "inclusion_probability"),
        ("(1, 'helpful', NULL, true, 1.1, NULL)", "inclusion_probability"),
        ("(1, 'helpful', NULL, true, 'NaN', NULL)", "inclusion_probability"),
        ("(1, 'helpful', NULL, NULL, NULL, 'NaN')", "score"),
        ("(1, 'helpful', NULL, NULL, NULL, NULL)", "labels_say_something"),
    ],
)
def test_a_bad_label_is_refused(judged, values, error):
    with pytest.raises(psycopg.Error, match=error):
        judged.execute(
            f"INSERT INTO flywheel.labels (step_id, validator, rubric_version, passed, inclusion_probability, score) "
            f"VALUES {values}"
        )


def test_a_label_for_a_retired_rubric_is_refused(judged):
    judged.execute("SELECT flywheel.add_judge('helpful', 'Passes if it helps and is polite.', 'm')")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="rubric version 1"):
        judged.execute(
            "INSERT INTO flywheel.labels (step_id, validator, rubric_version, passed) VALUES (1, 'helpful', 1, true)"
        )


def test_a_rubric_that_comes_back_has_its_old_version(judged):
    versions = []
    for rubric in ("Passes if it helps.", "Another.", "Passes if it helps."):
        version = judged.one("SELECT flywheel.add_judge('helpful', %s, 'm')", rubric)
        versions.append(
            judged.one("SELECT w.rubric_version FROM flywheel.validator_versions w WHERE w.id = %s", version)
        )
    assert versions == [1, 2, 1]


def test_dev_and_test_labels_cannot_be_examples(judged):
    for n in range(40):
        judged.execute("INSERT INTO flywheel.traces (trace_id, output) VALUES (%s, 'x')", [f"group {n}"])
    judged.execute(
        "INSERT INTO flywheel.labels (step_id, validator, passed) SELECT id, 'helpful', true FROM flywheel.traces"
    )
    splits = dict(judged.rows("SELECT split, min(id) FROM flywheel.labels GROUP BY split"))
    assert splits.keys() == {"few_shot", "dev", "test"}
    approve = "UPDATE flywheel.labels SET example_approved_by = 'me', example_approved_at = now() WHERE id = %s"
    judged.execute(approve, [splits["few_shot"]])
    for split in ("dev", "test"):
        with pytest.raises(psycopg.errors.CheckViolation, match="examples_are_of_the_few_shot_split"):
            judged.execute(approve, [splits[split]])
