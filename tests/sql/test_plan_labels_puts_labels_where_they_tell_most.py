"""The plan: more labels where the validators differ or the labels do, and every step with a known probability."""

import json

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PLAN = (
    "SELECT passed, code_passed, node, steps, labelled, pass_rate, sd, labels, inclusion_probability, code_validator "
    "FROM flywheel.plan_labels('polite', %s) ORDER BY passed, code_passed, node"
)


@pytest.fixture
def judged(fw):
    """200 steps: judge and code validator differ on every fifth. A code validator without bearing is there, too."""
    fw.judge()
    fw.validator("kind", "SELECT step.attributes ->> 'kind' = 'yes'")
    fw.validator("noise", "SELECT step.id % 7 < 4")
    for i in range(200):
        passed = i % 2 == 0
        kind = json.dumps({"kind": "yes" if passed ^ (i % 5 == 0) else "no", "passed": passed})
        fw.insert("x", node="answer", attributes=kind)
    fw.drain()
    fw.execute("""
        INSERT INTO flywheel.verdicts (step_id, version_id, passed, status, step_created_at, pipeline, node)
        SELECT t.id, d.version_id, (t.attributes ->> 'passed')::boolean, 'ok', t.created_at, t.pipeline, t.node
        FROM flywheel.traces t, flywheel.validators d WHERE d.kind = 'judge'""")
    return fw


def plan(fw, budget=40):
    return {(passed, code): rest for passed, code, _, *rest in fw.rows(PLAN, budget)}


def test_steps_on_which_the_two_differ_get_more_than_their_share(judged):
    planned = plan(judged)
    assert {rest[-1] for rest in planned.values()} == {"kind"}, "the validator that goes with the judge's verdicts"
    assert [steps for steps, *_ in planned.values()] == [80, 20, 20, 80]
    assert sum(labels for *_, labels, _, _ in planned.values()) == 40
    for differ, same in (((True, False), (True, True)), ((False, True), (False, False))):
        assert planned[differ][-2] > planned[same][-2]


def label(fw, condition, passed):
    fw.execute(f"""
        INSERT INTO flywheel.labels (step_id, validator, passed)
        SELECT v.step_id, 'polite', {passed}
        FROM flywheel.verdicts v JOIN flywheel.validators d USING (version_id)
        JOIN flywheel.traces t ON t.id = v.step_id
        WHERE d.kind = 'judge' AND {condition}""")


def test_labels_change_the_plan(judged):
    """The judge's passes turn out to be a coin's, its fails are right."""
    before = plan(judged)
    label(judged, "v.step_id <= 100", "v.passed AND v.step_id % 4 = 1")
    after = plan(judged)
    for code in (True, False):
        assert after[True, code][-2] > after[False, code][-2]
    assert after[False, False][-2] < before[False, False][-2]
    assert after[True, True][1] > 0, "labelled"
    assert abs(after[True, True][2] - 0.5) < 0.2


def test_test_labels_are_not_looked_at(judged):
    label(judged, "flywheel.split_of(t.trace_id) = 'test'", "false")
    assert judged.one("SELECT count(*) FROM flywheel.labels") > 0
    assert [labelled for _, labelled, *_ in plan(judged).values()] == [0, 0, 0, 0]


def test_nodes_are_strata_unless_they_are_rare(judged):
    judged.execute("UPDATE flywheel.verdicts SET node = CASE WHEN step_id <= 8 THEN 'n' || step_id "
                   "WHEN step_id % 4 < 2 THEN 'a' ELSE 'b' END")  # fmt: skip
    steps = {}
    for _, _, node, n, *_ in judged.rows(PLAN, 40):
        steps[node] = steps.get(node, 0) + n
    assert steps == {"a": 96, "b": 96, None: 8}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(budget=st.integers(1, 500))
def test_the_plan_adds_up_and_no_step_is_out_of_reach(judged, budget):
    planned = judged.rows(PLAN, budget)
    assert sum(row[7] for row in planned) == min(budget, 200)
    assert all(0 < row[8] <= 1 + 1e-9 for row in planned)
    assert abs(sum(row[3] * row[8] for row in planned) - min(budget, 200)) < 1e-6


def test_claims_follow_it(judged):
    probabilities = {round(row[8], 6) for row in judged.rows(PLAN, 40)}
    claimed = judged.rows("SELECT round(inclusion_probability::numeric, 6)::float8 "
                          "FROM flywheel.claim_review('ann', 40, 'polite', 'stratified')")  # fmt: skip
    assert len(claimed) == 40
    assert {probability for (probability,) in claimed} == probabilities


@pytest.mark.parametrize(
    ("budget", "validator"), [("0", "'polite'"), ("NULL", "'polite'"), ("5", "'nobody'"), ("5", "NULL")]
)
def test_a_plan_for_nothing_is_refused(judged, budget, validator):
    with pytest.raises(psycopg.Error) as refused:
        judged.execute(f"SELECT * FROM flywheel.plan_labels({validator}, {budget})")
    assert refused.value.diag.message_hint


def test_a_validator_without_verdicts_has_an_empty_plan(fw):
    fw.judge()
    assert fw.rows(PLAN, 10) == []
    assert fw.rows("SELECT * FROM flywheel.claim_review('ann', 10, 'polite', 'stratified')") == []
