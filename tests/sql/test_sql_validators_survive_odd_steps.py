"""The library's validators in SQL on texts that nobody expects: each step has an answer of its own."""

import json

import pytest

from tests.sql.test_topics_compare_inputs_with_examples import ORDERS

CALL = '{"tool": "search", "arguments": {"q": "a"}}'
VALIDATORS = {
    "on_topic": {"topic": "orders", "keywords": ["gift card"]},
    "novelty": {"topic": "orders", "alpha": 0.05},
    "owned_entities": {"pattern": r"\w+-\d+", "lookup": "public.owns"},
    "no_repeated_calls": {},
    "step_budget": {"limit": 1000},
    "retrieval": {"metric": "ndcg_at_k", "min": 0.5},
}
ODD = {
    "NULL": None,
    "empty": "",
    "blank": " \t\n\u2028\u3000",
    "controls": "\x01\x1b[31m\x7f\u202e\ufeff\u200b",
    "outside the basic plane": "𝄞👩‍👩‍👧‍👦🏳️‍🌈 K-1",
    "stacked marks": "Z" + "\u0351\u036f" * 500,
    "brackets": "[" * 5_000,
    "half a call": CALL[:-2],
    "a deep array": "[" * 500 + "]" * 500,
    "numbers beyond floats": '{"a": 1e400, "b": "1"}',
    "jsonb cannot hold it": '["\\u0000", {"tool": "\\ud800"}]',
    "not what is expected": '{"tool": {"name": []}, "arguments": 7}',
    "five megabytes": "a-1 " * 1_250_000,
    "a long word": "a" * 5_000_000,
}
GOOD = {"input": "Where is my order?", "output": CALL, "expected": '["a"]', "context": '[{"id": "a"}]'}
OWNS = "CREATE FUNCTION public.owns(user_id text, entity text) RETURNS boolean LANGUAGE sql RETURN entity = 'K-1'"


@pytest.mark.parametrize("validator", VALIDATORS)
def test_each_step_has_an_answer_and_its_neighbours_are_not_affected(full_fw, validator):
    fw = full_fw
    fw.execute("SELECT flywheel.set_examples('orders', %s)", [ORDERS])
    fw.execute(OWNS)
    config = json.dumps(VALIDATORS[validator])
    fw.execute("SELECT flywheel.add_validator(%s, %s, %s)", (validator, f"flywheel.{validator}", config))
    steps = {kind: dict.fromkeys(("input", "output", "expected"), text) for kind, text in ODD.items()}
    for kind, step in steps.items():
        step["context"] = json.dumps([{"id": ODD[kind], "score": "high"}, 7, None, [[]]])
    insert = "INSERT INTO flywheel.traces (trace_id, {}) VALUES (gen_random_uuid(), {}) RETURNING id"
    ids = []
    for step in (*steps.values(), GOOD):
        columns, given = ", ".join(step), ", ".join(["%s"] * len(step))
        ids.append(fw.one(insert.format(columns, given), *step.values()))
    fw.execute("SET statement_timeout = '60s'")
    fw.drain()
    answers = fw.rows("SELECT status, passed, length(reason) < 1500, length(details::text) < 20000 "
                      "FROM flywheel.verdicts ORDER BY step_id")  # fmt: skip
    assert len(answers) == len(ids)
    undecided = {kind for kind, (status, *_) in zip(ODD, answers, strict=False) if status not in ("ok", "abstained")}
    assert not undecided or validator == "retrieval", "whose expected has to be JSON where it begins like it"
    assert answers[-1][:2] == ("ok", True)
    assert not any(False in short for _, _, *short in answers)
