def queue(fw):
    return fw.rows("SELECT step_id, failed, score FROM flywheel.fix_queue")


def test_the_worst_failing_steps_come_first(fw):
    fw.validator("short")
    body = "SELECT step.output = 'fine', length(step.output) / 100.0, NULL, NULL::jsonb"
    fw.execute("SELECT flywheel.add_validator('graded', %s)", [fw.function("graded", body, "flywheel.verdict")])
    fw.insert("fine", "x" * 50, "x" * 20, "x" * 4, "x" * 3)
    fw.drain()
    assert queue(fw) == [
        (3, ["graded", "short"], 0),
        (2, ["graded", "short"], 0),
        (5, ["graded"], 0.03),
        (4, ["graded"], 0.04),
    ]


def test_a_step_with_a_fix_is_not_asked_for_again(fw):
    fw.validator("short")
    first, second = fw.insert("much too long", "too long, too")
    fw.drain()
    fw.execute("INSERT INTO flywheel.fixes (step_id, corrected_output) VALUES (%s, 'short')", [first])
    assert [step for step, *_ in queue(fw)] == [second]


def test_passing_steps_errors_and_other_versions_are_not_in_it(fw):
    fw.validator("short")
    fw.validator("broken", "SELECT 1 / length(step.output) > 5")
    fw.insert("fine", "", "much too long")
    fw.drain()
    assert [step for step, *_ in queue(fw)] == [3, 1]
    fw.validator("broken", "SELECT true")
    fw.validator("short", "SELECT true")
    assert queue(fw) == []


def test_a_disabled_validator_asks_for_nothing(fw):
    fw.validator("short")
    fw.insert("much too long")
    fw.drain()
    fw.execute("SELECT flywheel.set_validator('short', enabled => false)")
    assert queue(fw) == []
