"""The demo's traffic: the same every time, three weeks long, with the rhythm and shape of a real pipeline."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pg_flywheel.demo import texts
from pg_flywheel.demo.traffic import generate
from pg_flywheel.load import Row, parse

END = datetime(2025, 3, 3, 12, tzinfo=UTC)
COLUMNS = {
    **dict.fromkeys(("trace_id", "span_id", "parent_span_id", "session_id", "pipeline", "node"), "text"),
    **dict.fromkeys(("node_type", "input", "output", "expected", "model", "variant"), "text"),
    **dict.fromkeys(("status", "error", "user_id"), "text"),
    **dict.fromkeys(("context", "attributes"), "jsonb"),
    **dict.fromkeys(("prompt_tokens", "completion_tokens"), "integer"),
    **dict.fromkeys(("started_at", "ended_at", "created_at"), "timestamp with time zone"),
    "cost_usd": "numeric",
    "tags": "text[]",
}


@pytest.fixture(scope="module")
def steps():
    return list(generate(traces=5000, end=END))


def at(step, column="created_at"):
    return datetime.fromisoformat(step[column])


def test_the_same_seed_and_end_give_the_same_bytes(steps):
    def dump(**options):
        return json.dumps(list(generate(**{"traces": 200, "seed": 7, "end": END} | options)))

    assert dump() == dump()
    assert dump(end=END.astimezone(tz=None)) == dump()
    assert dump(seed=8) != dump()
    assert dump(end=END - timedelta(days=1)) != dump()


def test_an_end_without_time_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        next(generate(end=datetime(2025, 3, 3)))


def test_every_step_can_be_loaded(steps):
    assert all(isinstance(row, Row) for row in parse((json.dumps(s).encode() for s in steps), COLUMNS))


def test_it_has_the_asked_number_of_traces_and_the_documented_nodes(steps):
    assert len({step["trace_id"] for step in steps}) == 5000
    assert 2.7 < len(steps) / 5000 < 2.9
    nodes = Counter(step["node"] for step in steps)
    assert nodes["intent"] == 5000
    assert 0.18 < nodes["report_sql"] / 5000 < 0.22
    assert nodes["intent"] - nodes["report_sql"] > nodes["retrieve"] > nodes["answer"]  # errors end a trace


def test_steps_come_in_time_order_within_three_weeks(steps):
    times = [at(step) for step in steps]
    assert times == sorted(times)
    assert times[-1] <= END
    assert timedelta(days=20) < times[-1] - times[0] <= timedelta(days=21)
    for step in steps:
        assert step["started_at"] < step["ended_at"] <= step["created_at"]


def test_traffic_follows_the_day_and_the_week(steps):
    hours = Counter(at(step).hour for step in steps)
    days = Counter(at(step).weekday() for step in steps)
    assert hours[16] > 4 * hours[4]
    assert max(days[5], days[6]) < min(days[day] for day in range(5))


def test_the_steps_of_a_trace_form_a_chain_from_intent(steps):
    traces = {}
    for step in steps:
        traces.setdefault(step["trace_id"], []).append(step)
    for trace in traces.values():
        assert trace[0]["node"] == "intent"
        assert "parent_span_id" not in trace[0]
        for before, after in pairwise(trace):
            assert after["parent_span_id"] == before["span_id"]
            assert before["ended_at"] <= after["started_at"]
            assert before["status"] == "ok"
        assert len({(s["session_id"], s["variant"], s["user_id"], s["input"]) for s in trace}) == 1


def test_v2_comes_on_day_12_and_reaches_half_of_the_traces(steps):
    begin = END - timedelta(days=21)
    share = {}
    for first, last in ((0, 12), (12, 15), (15, 21)):
        found = [
            s["variant"] for s in steps if s["node"] == "intent" and first <= (at(s) - begin).days < last
        ]
        share[first] = found.count("v2") / len(found)
    assert share[0] == 0
    assert 0.15 < share[12] < 0.35
    assert 0.44 < share[15] < 0.56


def test_a_failed_step_has_an_error_and_no_output(steps):
    failed = [step for step in steps if step["status"] == "error"]
    assert 0 < len(failed) < 0.01 * len(steps)
    for step in failed:
        assert step["error"] in texts.ERRORS
        assert not {"output", "attributes", "cost_usd"} & step.keys()


def test_questions_and_answers_vary(steps):
    assert len({step["input"] for step in steps}) > 2000
    assert len({step["output"] for step in steps if step["node"] == "answer" and "output" in step}) > 2000
