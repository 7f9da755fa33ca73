"""Versions are part of the key: verdicts and metrics say which one they belong to."""


def test_the_same_definition_again_is_the_same_version(fw):
    first = fw.validator("v", config={"a": 1, "b": 2}, pipeline="p")
    assert fw.validator("v", config={"b": 2, "a": 1}, pipeline="p") == first
    judge = fw.judge("j")
    assert fw.judge("j") == judge


def test_each_change_is_a_version(fw):
    options = {"config": {"a": 1}, "pipeline": "p", "node": "n", "node_type": "writer"}
    ids = [fw.validator("v", **options)]
    for change in ({"config": {"a": 2}}, {"pipeline": "q"}, {"node": None}, {"node_type": "agent"}):
        ids.append(fw.validator("v", **(options := {**options, **change})))
    ids.append(fw.validator("v", "SELECT false", **options))
    assert fw.rows("SELECT id, version FROM flywheel.validator_versions ORDER BY id") == [
        (version_id, n) for n, version_id in enumerate(ids, start=1)]  # fmt: skip


def test_each_change_of_a_judge_is_a_version(fw):
    fw.execute("SELECT flywheel.set_provider('other', 'http://localhost:1/v1')")
    fw.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1')")
    changes = [{}, {"rubric": "Passes if it is kind."}, {"model": "large"}, {"provider": "other"}, {"temperature": 1}]
    options = {}
    assert len({fw.judge("j", **(options := options | change)) for change in changes}) == len(changes)


def test_verdicts_and_metrics_keep_their_version(fw):
    fw.validator("v", "SELECT true")
    [old] = fw.insert("x")
    fw.drain()
    fw.validator("v", "SELECT false")
    [new] = fw.insert("x")
    fw.drain()
    assert fw.verdicts("v") == {old: [1, "ok", True], new: [2, "ok", False]}
    assert fw.rows("SELECT version, n, passed FROM flywheel.metrics ORDER BY version") == [(1, 1, 1), (2, 1, 0)]
    assert fw.one("SELECT version, status, passed FROM flywheel.why(%s, 'v')", old) == (1, "ok", True)
    assert fw.coverage("v") == {"verdicts": 2}


def test_steps_that_wait_go_to_the_version_they_were_inserted_under(fw):
    fw.validator("v", "SELECT true", config={"a": 1})
    [old] = fw.insert("x")
    fw.validator("v", "SELECT true", config={"a": 2})
    [new] = fw.insert("x")
    fw.drain()
    assert fw.verdicts("v") == {old: [1, "ok", True], new: [2, "ok", True]}


def test_a_backfill_judges_old_steps_by_the_new_version(fw):
    fw.validator("v", "SELECT true")
    [old] = fw.insert("x")
    fw.drain()
    fw.validator("v", "SELECT false")
    assert fw.one("SELECT flywheel.backfill('v')") == 1
    assert fw.coverage("v") == {"pending": 1}
    fw.drain()
    assert fw.rows("SELECT version, n, failed FROM flywheel.metrics ORDER BY version") == [(1, 1, 0), (2, 1, 1)]
    assert fw.one("SELECT version FROM flywheel.why(%s, 'v')", old) == 2


def test_a_replaced_function_is_a_new_version_from_the_next_drain(fw):
    fw.validator("v", "SELECT true")
    [old] = fw.insert("x")
    fw.drain()
    fw.function("v", "SELECT false")
    fw.drain()
    [new] = fw.insert("x")
    fw.drain()
    assert fw.verdicts("v") == {old: [1, "ok", True], new: [2, "ok", False]}


def test_steps_that_wait_while_the_function_is_replaced_go_to_the_new_version(fw):
    fw.validator("v", "SELECT true")
    [step] = fw.insert("x")
    fw.execute("SELECT flywheel.dispatch()")
    fw.function("v", "SELECT false")
    fw.drain()
    assert fw.verdicts("v") == {step: [2, "ok", False]}
    assert fw.coverage("v") == {"verdicts": 1}


def test_replacing_by_the_same_source_is_no_version(fw):
    fw.validator("v", "SELECT true")
    fw.function("v", "SELECT true")
    fw.drain()
    assert fw.one("SELECT count(*) FROM flywheel.validator_versions") == 1


def test_why_explains_a_refusal_by_the_filter_of_its_time(fw):
    fw.validator("v", pipeline="a")
    [step] = fw.insert("x", pipeline="b")
    fw.validator("v", pipeline="b")
    answer, reason = fw.why(step, "v")
    assert answer == "not_eligible"
    assert "limited to pipeline a; the step is pipeline b" in reason


def test_the_same_function_is_the_same_version_whoever_looks_at_it(fw):
    """The body of RETURN is printed with the schemas that the reader's search_path does not have."""
    fw.execute("CREATE TABLE limits AS SELECT 5 AS most")
    fw.execute("CREATE FUNCTION short(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE sql "
               "RETURN length(step.output) <= (SELECT most FROM limits)")  # fmt: skip
    fw.one("SELECT flywheel.add_validator('short', 'short')")
    [step] = fw.insert("x")
    fw.drain()
    assert fw.verdicts("short") == {step: [1, "ok", True]}
    assert fw.rows("SELECT version FROM flywheel.validator_versions") == [(1,)]
