"""Selective acceptance: what needs no human look is wrong no more often than was promised, or nothing is accepted."""

import json

import psycopg
import pytest

# Draws of n labels with confidence u, uniform, wrong with probability error(u); how often what is accepted exceeds 5 %.
EXCEEDED = """
SELECT setseed(0.42);
WITH draws AS MATERIALIZED (
    SELECT d, array_agg(u) AS us, array_agg(e < {error}) AS wrong
    FROM (SELECT d, random() AS u, random() AS e FROM generate_series(1, {draws}) AS d, generate_series(1, {n}) AS i) s
    GROUP BY d
)
SELECT avg((f.threshold IS NOT NULL AND {exceeds})::int)::float8, avg((f.threshold IS NOT NULL)::int)::float8
FROM draws
LEFT JOIN LATERAL flywheel.fixed_sequence(us, wrong, {thresholds}, 0.05, 0.95) f ON true
"""


@pytest.mark.parametrize(
    "error, exceeds",
    [
        ("0.0501", "true"),  # whatever is accepted is just over the bound
        ("0.2 * (1 - u)", "f.threshold < 0.5"),  # error of all over t: 0.1 (1 - t)
        ("CASE WHEN u > 0.6 THEN 0.01 ELSE 0.15 END", "f.threshold < 0.44"),  # over 0.4375 it is less than 5 %
    ],
)
def test_the_realised_error_exceeds_the_bound_in_at_most_one_of_twenty_draws(full_fw, error, exceeds):
    grid = "ARRAY(SELECT 0.75 - i * 0.05 FROM generate_series(0, 15) i)"
    seed, query = EXCEEDED.format(error=error, exceeds=exceeds, draws=200, n=800, thresholds=grid).split(";")
    full_fw.execute(seed)
    exceeded, accepted = full_fw.one(query)
    assert exceeded <= 0.05
    if error != "0.0501":
        assert accepted > 0.3, "it is of use"


def test_the_lowest_threshold_before_the_first_that_fails_is_taken(fw):
    call = "SELECT threshold, labels, errors FROM flywheel.fixed_sequence(%s, %s, ARRAY[0.3, 0.9, 0.6], 0.05, 0.95)"
    sure, unsure, none = [0.95] * 60, [0.7] * 100, (None, None, None)
    assert fw.one(call, sure + unsure, [False] * 160) == (0.3, 160, 0)
    assert fw.one(call, sure + unsure, [False] * 60 + [True] * 20 + [False] * 80) == (0.9, 60, 0)
    assert fw.one(call, sure[:58], [False] * 58) == none, "58 labels without an error bound it by 5.03 %"
    assert fw.one(call, sure[:59], [False] * 59) == (0.3, 59, 0)
    assert fw.one(call, [], []) == none


@pytest.fixture
def judged(fw):
    """200 verdicts with three votes, unanimous where n is even; those are right, half of the others wrong."""
    fw.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1')")
    fw.one("SELECT flywheel.add_judge('polite', 'Passes if it is kind.', 'small', temperature => 1, votes => 3)")
    fw.execute("INSERT INTO flywheel.trace_groups SELECT g::text, 'test' FROM generate_series(0, 199) g")
    fw.steps = [fw.insert(f"output {n} {hash(n)}", session_id=str(n))[0] for n in range(200)]
    fw.drain()
    margins = {step: 1 if n % 2 == 0 else 1 / 3 for n, step in enumerate(fw.steps)}
    for margin in (1, 1 / 3):
        claimed = [c for c in fw.claim(qty=200) if margins[c["step_id"]] == margin]
        fw.record(claimed, passed=True, details={"margin": margin})
        fw.execute("SELECT pgmq.set_vt('flywheel_judge_default', msg_id, 0) FROM pgmq.q_flywheel_judge_default")
    return fw


def label(fw, steps: list[int], wrong: set[int] = frozenset(), design: str = "random") -> None:
    for step in steps:
        fw.execute("INSERT INTO flywheel.labels (step_id, validator, passed, sampling_design, rater) "
                   "VALUES (%s, 'polite', %s, %s, 'ann')", (step, step not in wrong, design))  # fmt: skip


def test_the_confident_verdicts_are_accepted(judged):
    label(judged, judged.steps, wrong=set(judged.steps[1::4]))
    threshold, accepted, labels, errors, bound, reason = judged.one("SELECT * FROM flywheel.acceptance('polite')")
    assert (threshold, accepted, labels, errors, reason) == (1, 0.5, 100, 0, None)
    assert bound == pytest.approx(1 - 0.05 ** (1 / 100), abs=1e-9)
    listed = judged.rows("SELECT step_id, passed FROM flywheel.acceptable_verdicts('polite')")
    assert listed == [(step, True) for step in reversed(judged.steps[::2])]
    everything = judged.one("SELECT accepted FROM flywheel.acceptance('polite', max_error => 0.4)")
    assert everything == 1


def test_labels_that_were_not_drawn_at_random_prove_nothing(judged):
    label(judged, judged.steps, design="priority")
    threshold, _, labels, _, _, reason = judged.one("SELECT * FROM flywheel.acceptance('polite')")
    assert (threshold, labels) == (None, 0)
    assert "at least 59 are needed" in reason
    assert judged.rows("SELECT * FROM flywheel.acceptable_verdicts('polite')") == []


def test_a_judge_that_is_wrong_where_it_is_sure_is_not_accepted(judged):
    label(judged, judged.steps, wrong=set(judged.steps[::10]))
    threshold, accepted, labels, errors, _, reason = judged.one("SELECT * FROM flywheel.acceptance('polite')")
    assert (threshold, accepted, labels, errors) == (None, None, 100, 20)
    assert "20 of 100 are wrong" in reason


def test_every_call_is_a_look_at_the_test_split(judged):
    judged.one("SELECT * FROM flywheel.acceptance('polite')")
    assert judged.one("SELECT count(*) FROM flywheel.test_reads WHERE validator = 'polite'") == 1


def test_the_shadow_judge_says_how_sure_a_verdict_is(judged):
    """Before the votes, where there is one."""
    shadow = judged.one(
        "SELECT flywheel.add_validator('polite.shadow', 'flywheel.shadow_judge', %s)",
        json.dumps({"judge": "polite", "k": 1, "fit": "none"}),
    )
    step = judged.steps[0]
    judged.execute(
        "INSERT INTO flywheel.verdicts (step_id, version_id, step_created_at, status, pipeline, passed, score) "
        "VALUES (%s, %s, now(), 'ok', 'default', false, 0.2)",
        (step, shadow),
    )
    sure = "SELECT confidence FROM flywheel.verdict_confidence WHERE validator = 'polite' AND step_id = %s"
    assert judged.one(sure, step) == pytest.approx(0.2)
    assert judged.one(sure, judged.steps[2]) == 1


@pytest.mark.parametrize(
    "max_error, confidence", [(0, 0.95), (1, 0.95), ("NaN", 0.95), (None, 0.95), (0.05, 0.5), (0.05, 1)]
)
def test_a_bound_that_is_none_is_refused(fw, max_error, confidence):
    fw.judge("polite")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="bad bound") as raised:
        fw.one("SELECT flywheel.acceptance('polite', %s, %s)", max_error, confidence)
    assert "over 0 and under 1" in raised.value.diag.message_hint
