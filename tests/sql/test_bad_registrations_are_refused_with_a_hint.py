"""What cannot work is an error at the call that asks for it, with what to do about it."""

import psycopg
import pytest

RUBRIC = "'Passes if it is polite.'"
CASES = [
    # call, what the message says, what the hint says
    ("add_validator('v', 'nowhere')", "function nowhere does not exist", "f(step flywheel.traces, config jsonb)"),
    ("add_validator('v', NULL)", "does not exist", "f(step flywheel.traces, config jsonb)"),
    ("add_validator('v', 'lower')", "it is lower(text) returns text", "returning flywheel.verdict"),
    ("add_validator('v', 'py:nowhere')", 'no Python validator "nowhere"', "max_length"),
    ("""add_validator('v', 'py:max_length', '{"limit": 5, "limits": 5}')""", 'config key "limits"', "limit, unit"),
    ("add_validator('v', 'py:max_length')", 'needs config key "limit"', "limit, unit"),
    ("""add_validator('v', 'py:max_length', '{"limit": "5"}')""", 'config key "limit": "5"', "integer"),
    ("""add_validator('v', 'py:max_length', '{"limit": 5.5}')""", 'config key "limit": 5.5', "integer"),
    ("""add_validator('v', 'py:max_length', '{"limit": null}')""", 'config key "limit": null', "integer"),
    ("""add_validator('v', 'py:max_length', '{"limit": 5, "unit": "pages"}')""", 'config key "unit": "pages"', "words"),
    ("""add_validator('v', 'py:complexity', '{"max_words": "5"}')""", 'config key "max_words": "5"', "integer"),
    ("""add_validator('v', 'py:contains_none', '{"words": [1]}')""", 'config key "words": [1]', "string"),
    ("""add_validator('v', 'py:code_fenced', '{"language": 3}')""", 'config key "language": 3', "null"),
    ("add_validator('v', 'good', '[1]')", "a JSON object, not [1]", '{"limit": 500}'),
    ("add_validator('v', 'good', NULL)", "a JSON object, not NULL", '{"limit": 500}'),
    ("add_validator('no spaces', 'good')", "bad validator name: 'no spaces'", "A letter, then"),
    ("add_validator('', 'good')", "bad validator name: ''", "A letter, then"),
    ("add_validator(NULL, 'good')", "bad validator name: NULL", "A letter, then"),
    ("add_validator('v', 'good', sample_rate => -0.1)", "bad sample rate: -0.1", "0 to 1"),
    ("add_validator('v', 'good', sample_rate => 1.1)", "bad sample rate: 1.1", "0 to 1"),
    ("add_validator('v', 'good', sample_rate => 'NaN')", "bad sample rate: NaN", "0 to 1"),
    ("add_validator('v', 'good', sample_rate => NULL)", "bad sample rate: NULL", "0 to 1"),
    ("add_validator('v', 'good', mode => 'lazy')", "bad mode: 'lazy'", "'eager' or 'on_demand'"),
    ("add_validator('v', 'good', mode => NULL)", "bad mode: NULL", "'eager' or 'on_demand'"),
    ("add_validator('v', 'good', node_type => 'poet')", "unknown node_type: 'poet'", "classifier, writer"),
    (f"add_judge('good', {RUBRIC}, 'small')", 'validator "good" exists and is a code', "another name"),
    ("add_judge('v', '  ', 'small')", 'judge "v" has no rubric', "what passes and what fails"),
    ("add_judge('v', NULL, 'small')", 'judge "v" has no rubric', "what passes and what fails"),
    (f"add_judge('v', {RUBRIC}, '')", 'judge "v" has no model', "the provider expects"),
    (f"add_judge('v', {RUBRIC}, 'small', 'nowhere')", 'provider "nowhere" does not exist', "Known: default"),
    (f"add_judge('v', {RUBRIC}, 'small', temperature => 3)", "bad temperature: 3", "0 to 2"),
    (f"add_judge('v', {RUBRIC}, 'small', votes => 2)", "bad number of votes: 2", "an odd number"),
    (f"add_judge('v', {RUBRIC}, 'small', votes => 3)", "3 times the same answer", "a temperature over 0"),
    ("set_provider('No', 'http://host/v1')", "bad provider name: 'No'", "lower-case"),
    ("set_provider('p', 'host/v1')", "bad base URL: 'host/v1'", "https://host/v1"),
    ("set_validator('nowhere', false)", "validator nowhere does not exist", "Known: good"),
    ("set_validator('good', sample_rate => 2)", "bad sample rate: 2", "0 to 1"),
    ("evaluate('nowhere')", "validator nowhere does not exist", "Known: good"),
    ("evaluate('good', sample => 2)", "bad sample rate: 2", "0 to 1"),
    ("evaluate('good', 'tomorrow', 'yesterday')", "is after until", "since <= created_at < until"),
    ("backfill('nowhere')", "validator nowhere does not exist", "Known: good"),
    ("redrive('nowhere')", "validator nowhere does not exist", "Known: good"),
    ("why(1, 'nowhere')", "validator nowhere does not exist", "Known: good"),
    ("why(1, 'good')", "step 1 does not exist", "flywheel.traces"),
]  # fmt: skip


def refusal(fw, call: str) -> psycopg.Error:
    with pytest.raises(psycopg.Error) as refused:
        fw.execute(f"SELECT flywheel.{call}")
    return refused.value


def test_a_call_that_cannot_work_is_refused_with_a_hint(fw, subtests):
    fw.validator("good")
    fw.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1')")
    for call, message, hint in CASES:
        with subtests.test(call):
            error = refusal(fw, call)
            assert message in error.diag.message_primary
            assert hint in error.diag.message_hint
    assert fw.rows("SELECT name FROM flywheel.validators") == [("good",)]
    assert fw.rows("SELECT name FROM flywheel.providers") == [("default",)]


def test_a_key_given_for_the_name_of_a_variable_is_not_repeated(fw):
    error = refusal(fw, "set_provider('p', 'https://host/v1', 'sk-very-secret')")
    assert "never the key itself" in error.diag.message_hint
    assert "secret" not in str(error)


def test_a_pattern_that_does_not_compile_is_refused(full_fw):
    error = refusal(full_fw, """add_validator('v', 'py:matches', '{"pattern": "("}')""")
    assert "regular expression" in error.diag.message_primary
    assert error.diag.message_hint


def test_a_function_is_found_however_it_is_named(fw):
    fw.execute('CREATE SCHEMA "My Checks"')
    fw.function('"My Checks"."Is Short"', "SELECT true")
    for name in ('"My Checks"."Is Short"', '"My Checks"."Is Short"(flywheel.traces, jsonb)'):
        fw.execute("SELECT flywheel.add_validator('v', %s)", (name,))
    fw.insert("x")
    fw.drain()
    assert fw.verdicts("v") == {1: [1, "ok", True]}


def test_what_may_be_null_may_be_a_value_or_null(fw):
    for config in ('{"language": "sql"}', '{"language": null}', "{}"):
        fw.execute("SELECT flywheel.add_validator('v', 'py:code_fenced', %s)", (config,))
