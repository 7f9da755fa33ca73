"""A validator that raises, or returns what is no verdict, gives that step a clear status, and its neighbours theirs."""

import psycopg
import pytest


def one_bad_step(fw, body: str, language: str = "sql", returns: str = "flywheel.verdict") -> tuple:
    """(status, passed, score, reason) of the step that has the output 'bad', among good ones."""
    fw.execute("SELECT flywheel.add_validator('v', %s)", (fw.function("v", body, returns, language),))
    steps = fw.insert(*["good"] * 20, "bad", *["good"] * 20)
    fw.drain()
    assert fw.coverage("v") == {"verdicts": 41}
    assert fw.messages("flywheel_code") == 0
    assert fw.one("SELECT count(*) FROM flywheel.verdicts WHERE status = 'ok' AND passed") == 40
    return fw.one("SELECT status, passed, score, reason FROM flywheel.verdicts WHERE step_id = %s", steps[20])


@pytest.mark.parametrize("raised", ["RAISE EXCEPTION 'cannot say'", "ASSERT false, 'cannot say'"])
def test_it_raises(fw, raised):
    body = f"BEGIN IF step.output = 'bad' THEN {raised}; END IF; RETURN (true, 1, NULL, NULL)::flywheel.verdict; END"
    status, passed, _, reason = one_bad_step(fw, body, "plpgsql")
    assert (status, passed) == ("error", None)
    assert reason.endswith(": cannot say")
    assert fw.one("SELECT n, errors, failed, pass_rate FROM flywheel.metrics") == (41, 1, 0, 1)


def test_it_returns_null(fw):
    body = "SELECT CASE WHEN step.output <> 'bad' THEN ROW(true, NULL, NULL, NULL)::flywheel.verdict END"
    status, passed, _, reason = one_bad_step(fw, body)
    assert (status, passed) == ("error", None)
    assert "returned NULL" in reason


def test_its_boolean_is_null(fw):
    assert one_bad_step(fw, "SELECT nullif(step.output, 'bad') IS NOT NULL OR NULL", returns="boolean")[0] == "error"


@pytest.mark.parametrize("score", ["NaN", "Infinity", "-Infinity"])
def test_its_score_is_no_number(fw, score):
    body = f"""SELECT ROW(CASE WHEN step.output = 'bad' THEN NULL ELSE true END,
                          CASE WHEN step.output = 'bad' THEN '{score}' ELSE 0.5 END, NULL, NULL)::flywheel.verdict"""
    assert one_bad_step(fw, body)[:3] == ("error", None, None)
    assert fw.one("SELECT mean_score FROM flywheel.metrics") == 0.5


def test_it_abstains_with_a_reason(fw):
    body = """SELECT ROW(CASE WHEN step.output = 'bad' THEN NULL ELSE true END, NULL,
                         CASE WHEN step.output = 'bad' THEN 'not for me' END, NULL)::flywheel.verdict"""
    assert one_bad_step(fw, body) == ("abstained", None, None, "not for me")


def test_it_expects_json(fw):
    body = "SELECT (CASE step.output WHEN 'good' THEN '{\"ok\": true}' ELSE step.output END)::jsonb ? 'ok'"
    status, _, _, reason = one_bad_step(fw, body, returns="boolean")
    assert status == "error"
    assert "json" in reason


def test_a_function_that_is_gone_is_an_error_of_its_own(fw):
    fw.validator("gone")
    fw.validator("v")
    fw.execute("DROP FUNCTION gone")
    [step] = fw.insert("x")
    fw.drain()
    assert fw.verdicts("v") == {step: [1, "ok", True]}
    assert fw.verdicts("gone") == {step: [1, "error", None]}
    assert "does not exist" in fw.why(step, "gone")[1]
    fw.function("gone", "SELECT step.output = 'x'")
    fw.drain()
    assert fw.one("SELECT flywheel.backfill('gone')") == 1
    fw.drain()
    assert fw.why(step, "gone")[0] == "verdict"
    assert fw.one("SELECT version, passed FROM flywheel.why(%s, 'gone')", step) == (2, True)


def test_sql_that_runs_too_long_ends_the_drain_and_not_the_queue(fw):
    fw.validator("v", "SELECT step.output <> 'slow' OR pg_sleep(60) IS NULL")
    fw.validator("w")
    fast, slow = fw.insert("fast", "slow")
    fw.execute("SET statement_timeout = '300ms'")
    for _ in range(3):  # the pair together, then step by step, then the one step
        with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
            fw.drain()
    fw.drain()
    assert fw.verdicts("v") == {fast: [1, "ok", True], slow: [1, "timeout", None]}
    assert fw.why(slow, "v")[1].startswith("stopped after 0.")
    assert list(fw.verdicts("w")) == [fast, slow]
    assert fw.messages("flywheel_code") == 0
