"""Quotes, backslashes, dollar quotes, format specifiers, any Unicode: in names and config they are data, never SQL."""

import json

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql

BITES = [
    "'", '"', "''", '""', "\\", "\\'", "$$", "$body$", ";", "--", "/*", "*/", "%I", "%L", "%s", "%", "{}", "(", ")",
    ",", ".", "\n", "\t", "'; DROP TABLE canary; --", '"; DROP TABLE canary; --', "$$; DROP TABLE canary; --",
    "' || (SELECT 1/0) || '", "E'\\x27'",
    "NULL", "\u202e", "\u200b", "é", "日本", "😀", " ",
]  # fmt: skip
hostile = st.lists(st.sampled_from(BITES) | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
                   min_size=1, max_size=5).map("".join).filter(bool)  # fmt: skip
identifiers = hostile.map(lambda name: name.encode()[:40].decode(errors="ignore")).filter(bool)
relaxed = settings(
    max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
# What takes the name of a validator, function, provider, queue or column.
TAKES_A_NAME = [
    "add_validator(%s, 'public.good')", "add_judge(%s, 'Passes.', 'm')", "add_judge('j', 'Passes.', 'm', %s)",
    "add_validator('v', %s)", "add_validator('v', 'py:' || %s)", "set_provider(%s, 'https://host/v1')",
    "set_validator(%s, false)", "backfill(%s)", "evaluate(%s)", "redrive(%s)", "why(1, %s)", "own_queue(%s)",
    "ensure_queue(%s)", "claim(%s, 1, 30)", "hold(%s, 1)", "acknowledge(%s, '{1}')", "retry(%s, 1, 1, 'x')",
    "extend_leases(%s, '{1}', 1)", "judgements_waiting(%s)", "claim_judgements(%s, 1, 30)",
    "record_judgements(%s, '[]')", "defer_judgements(%s, '[]')",
    "bury_judgements(%s, '[]')", "give_back(%s, '{1}')", "pause_provider(%s, 'x')", "field_sql(%s)",
]  # fmt: skip
# Invalid parameter or function or object, no such data, no right. A syntax error would say that it was parsed.
REFUSED = ("22023", "42883", "42704", "42P01", "02000", "P0002", "42501")
THERE = """
SELECT count(*) FROM pg_class
WHERE relkind IN ('r', 'v', 'S') AND relnamespace NOT IN ('flywheel'::regnamespace, 'pgmq'::regnamespace)
"""


@relaxed
@given(hostile)
@example("'; DROP TABLE canary; --")
@example("code'; DROP TABLE canary; --")
def test_a_name_is_refused_or_taken_as_it_is(fw, name):
    fw.validator("good", "SELECT true")
    fw.execute("CREATE TABLE IF NOT EXISTS canary AS SELECT 1 AS alive")
    before = fw.one(THERE)
    for call in TAKES_A_NAME:
        with fw.conn.transaction(force_rollback=True):
            try:
                with fw.conn.transaction():
                    fw.execute(f"SELECT flywheel.{call}", (name,))
            except psycopg.Error as error:
                assert error.sqlstate in REFUSED, (call, name, error)
            assert fw.one("SELECT alive FROM canary") == 1
    assert fw.one(THERE) == before


@relaxed
@given(*[identifiers] * 2, *[hostile] * 7)
@example("(", "f(", ".", ",", "x", "x", "x", "x", "x")
@example("we;ird", "na'me", "it's", 'a "node"', "$$v$$", "\\", "%I", "'; DROP TABLE canary; --", "%s")
def test_every_text_survives_the_whole_way(fw, schema, function, pipeline, node, variant, text, word, rubric, model):
    fw.execute("CREATE TABLE IF NOT EXISTS canary AS SELECT 1 AS alive")
    there = fw.one(THERE)
    called = sql.Identifier(schema, function)
    fw.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    body = "SELECT step.output = config ->> 'text', NULL::float8, config ->> 'text', config"
    fw.execute(sql.SQL("CREATE OR REPLACE FUNCTION {}(step flywheel.traces, config jsonb) RETURNS flywheel.verdict "
                       "LANGUAGE sql AS {}").format(called, sql.Literal(body)))
    fw.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1')")
    where = {"pipeline": pipeline, "node": node}
    fw.one("SELECT flywheel.add_validator('echo', %s, %s, pipeline => %s, node => %s)",
           called.as_string(), json.dumps({"text": text}), *where.values())
    fw.one("SELECT flywheel.add_validator('words', 'py:contains_none', %s, pipeline => %s, node => %s, "
           "sample_rate => 0.9)", json.dumps({"words": [word]}), *where.values())
    # A rubric or model of blanks alone is refused.
    fw.one("SELECT flywheel.add_judge('judge', %s, %s, pipeline => %s)", "x" + rubric, "x" + model, pipeline)
    step = fw.one("INSERT INTO flywheel.traces (trace_id, pipeline, node, variant, input, output) "
                  "VALUES (%s, %s, %s, %s, %s, %s) RETURNING id", variant, pipeline, node, variant, text, text)
    fw.drain()

    assert fw.why(step, "echo") == ("verdict", text)
    assert fw.one("SELECT sum(passed) FROM flywheel.metrics WHERE validator = 'echo' "
                  "AND (pipeline, node, variant) = (%s, %s, %s)", pipeline, node, variant)
    checked = fw.rows("SELECT validator, passed FROM flywheel.check(output => %s, pipeline => %s, node => %s)",
                      text, pipeline, node)
    assert ("echo", True) in checked
    job = next(job for job in fw.claim() if job["step_id"] == step)
    assert (job["rubric"], job["model"], job["output"]) == ("x" + rubric, "x" + model, text)
    assert fw.record([job], reason=text) == 1
    assert fw.why(step, "judge") == ("verdict", text)
    assert fw.one("SELECT bool_and(steps = verdicts + pending + deferred + dead_letters + not_eligible) "
                  "FROM flywheel.coverage")

    # Gone: the error names the function, and the drain goes on.
    fw.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    late = fw.one("INSERT INTO flywheel.traces (pipeline, node) VALUES (%s, %s) RETURNING id", pipeline, node)
    fw.drain()
    assert fw.one("SELECT status FROM flywheel.why(%s, 'echo')", late) == "error"
    assert fw.one("SELECT alive FROM canary") == 1
    assert fw.one(THERE) == there


@relaxed
@given(identifiers, hostile)
def test_a_teams_name_is_a_role_and_nothing_else(fw, team, pipeline):
    fw.execute("CREATE TABLE IF NOT EXISTS canary AS SELECT 1 AS alive")
    with fw.conn.transaction(force_rollback=True):
        fw.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(team)))
        fw.execute(sql.SQL("GRANT flywheel_reader TO {}").format(sql.Identifier(team)))
        fw.execute("INSERT INTO flywheel.team_pipelines VALUES (%s, %s)", (team, pipeline))
        fw.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(team)))
        assert fw.one("SELECT flywheel.my_pipelines()") == [pipeline]
        assert fw.rows("SELECT * FROM flywheel.metrics") == []
    assert fw.one("SELECT alive FROM canary") == 1
