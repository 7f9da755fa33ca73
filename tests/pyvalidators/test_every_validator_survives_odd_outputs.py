import json
import sys

import pytest

from pyvalidators import VALIDATORS, batch

CONFIGS = {
    "code_fenced": {"language": "sql", "only": True},
    "complexity": {"max_tokens": 100},
    "contains_all": {"words": ["forbidden", "禁止"]},
    "contains_any": {"words": ["forbidden", "禁止"]},
    "contains_none": {"words": ["forbidden", "禁止"]},
    "cost_budget": {"usd": 1},
    "equals_expected": {"normalize": ["unicode", "case", "punctuation", "whitespace"]},
    "is_refusal": {},
    "json_equals_expected": {"paths": ["", "/a"]},
    "json_schema": {"schema": {"type": "object"}},
    "label_allowed": {"labels": ["a"], "normalize": ["unicode", "case", "punctuation", "whitespace"]},
    "label_expected": {"normalize": ["unicode", "case", "punctuation", "whitespace"]},
    "label_implied": {"rules": [{"if": r"forbidden|select|^a*$", "then": ["a"]}]},
    "language": {"allowed": ["en"]},
    "latency_budget": {"seconds": 1},
    "links_allowed": {"domains": ["example.com"]},
    "markdown_valid": {},
    "matches": {"pattern": r"(?s)^.*end$"},
    "max_length": {"limit": 1_000, "unit": "words"},
    "min_length": {"limit": 1_000, "unit": "words"},
    "no_pii": {},
    "no_prompt_leak": {"prompt": "You are the forbidden assistant.", "words": 3},
    "numbers_in_context": {"rel_tol": 0.01},
    "numeric_close": {"take": "last"},
    "pii": {},
    "prompt_injection": {},
    "python_lint": {},
    "python_parses": {},
    "quotes_in_context": {"min_length": 1},
    "readability": {"min_ease": 50},
    "same_language_as_input": {},
    "similar_to_expected": {"method": "token_f1"},
    "sql_equivalent": {},
    "sql_known_names": {"schema": {"t": ["a"]}},
    "sql_lint": {},
    "sql_parses": {},
    "sql_read_only": {},
    "starts_with": {"words": ["forbidden", "禁止"]},
    "token_budget": {"limit": 1},
    "tone_words": {"tones": ["hype"]},
    "tool_allowed": {"tools": ["a"]},
    "tool_call_expected": {"arguments": "subset"},
    "tool_call_valid": {"tools": [{"name": "a"}]},
}
# Of columns that are not text: what the odd text is put into, or a value that is fine.
COLUMNS = {
    "context": lambda text: json.dumps([{"text": text}]),
    "cost_usd": lambda text: "0.5",
    "ended_at": lambda text: "2026-01-02T00:00:01+00:00",
    "prompt_tokens": lambda text: "1",
    "completion_tokens": lambda text: "1",
    "started_at": lambda text: "2026-01-02T00:00:00+00:00",
}
ODD = {
    "empty": "",
    "nul": "a\0b",
    "surrogates": "\ud800 \udfff",
    "control characters": "\x01\x1b[31m\x7f\u202e\ufeff\u200b",
    "outside the basic plane": "𝄞👩‍👩‍👧‍👦🏳️‍🌈",
    "stacked marks": "Z" + "\u0351\u036f" * 500,
    "separators": "\u2028\u2029\x85\r\n",
    "brackets": "[" * 5_000,
    "parentheses": "(" * 5_000,
    "quotes": "'\"`" * 1_000,
}
HUGE = {
    "one character": "a" * 10_000_000,
    "words": "forbidden é " * 900_000,
    "spaces": " " * 10_000_000,
    "json": "[" + "1," * 5_000_000 + "1]",
    "sql": "select " + "a + " * 2_500_000 + "a",
    "digits": "1,2 " * 2_500_000,
    "links": "[a](b)" * 1_600_000,
}


def run(name, texts, **budgets):
    columns = [
        [text if text is None else COLUMNS.get(field, str)(text) for text in texts] for field in VALIDATORS[name].fields
    ]
    return batch.run(name, CONFIGS[name], columns, **budgets)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", ODD)
def test_odd_text_is_judged_or_an_error_and_its_neighbours_are_not_affected(name, kind):
    alone = run(name, ["select 1"])
    results = run(name, ["select 1", ODD[kind], "select 1"])
    assert results.status[1] in ("ok", "error", "abstained")
    assert [column[::2] for column in results] == [column * 2 for column in alone]
    assert all(reason is None or len(reason.encode()) < 4_000 for reason in results.reason)


@pytest.mark.parametrize("name", CONFIGS)
def test_null_abstains(name):
    results = run(name, [None])
    assert (results.status, results.passed) == (["abstained"], [None])


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", HUGE)
def test_ten_megabytes_end_as_a_verdict_or_as_a_timeout(name, kind, monkeypatch):
    # hypothesis watches the garbage collector; a Timeout that lands in its callback is dropped and raised again: in
    # pytest's account of the first, if that is still being written.
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: None)
    results = run(name, [HUGE[kind], "select 1"], step_budget_s=0.25, batch_budget_s=60)
    assert results.status[0] in ("ok", "error", "timeout", "abstained")
    assert results.status[1] in ("ok", "abstained")
    assert all(len(text or "") < 10_000 for text in results.reason + results.details)


def test_every_validator_is_tested_here():
    assert CONFIGS.keys() == VALIDATORS.keys()
