"""flywheel.check(): the guard in front of a call runs the matching code validators now and leaves no trace."""

CHECK = 'SELECT validator, status, passed FROM flywheel."check"(output => %s, pipeline => %s, node => %s) ORDER BY 1'


def test_it_runs_what_matches_and_stores_nothing(fw):
    fw.validator("everywhere")
    fw.validator("in_a", pipeline="a")
    fw.validator("at_n", node="n", sample_rate=0, mode="on_demand")
    fw.validator("off", enabled=False)
    fw.judge("judge")
    assert fw.rows(CHECK, "much too long", "a", "n") == [
        ("at_n", "ok", False), ("everywhere", "ok", False), ("in_a", "ok", False)]  # fmt: skip
    assert fw.rows(CHECK, "x", "b", None) == [("everywhere", "ok", True)]
    for table in ("traces", "verdicts", "inbox", "metric_rollup"):
        assert fw.one(f"SELECT count(*) FROM flywheel.{table}") == 0


def test_a_validator_that_fails_is_a_row_and_not_an_error(fw):
    fw.validator("a_raises", "SELECT step.output::int > 0")
    fw.validator("b_gone")
    fw.validator("c_null", "SELECT NULL::boolean")
    fw.validator("d_fine")
    fw.execute("DROP FUNCTION b_gone")
    assert fw.rows(CHECK, "x", "a", None) == [
        ("a_raises", "error", None),
        ("b_gone", "error", None),
        ("c_null", "error", None),
        ("d_fine", "ok", True),
    ]


def test_python_validators_answer_where_python_is(full_fw):
    full_fw.execute("""SELECT flywheel.add_validator('short', 'py:max_length', '{"limit": 5}'),
                              flywheel.add_validator('slow', 'py:matches', '{"pattern": "(x|xx)+y"}')""")
    assert full_fw.rows(CHECK, "x" * 90, "a", None) == [("short", "ok", False), ("slow", "timeout", None)]
    assert full_fw.rows(CHECK, None, "a", None) == [("short", "abstained", None), ("slow", "abstained", None)]


def test_python_validators_abstain_where_it_is_not(fw):
    fw.execute("""SELECT flywheel.add_validator('short', 'py:max_length', '{"limit": 5}')""")
    [(_, status, passed)] = fw.rows(CHECK, "x", "a", None)
    assert (status, passed) == (("ok", True) if fw.one("SELECT flywheel.has_python()") else ("abstained", None))
