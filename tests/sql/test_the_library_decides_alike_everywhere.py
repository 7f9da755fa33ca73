"""Every Python validator of the library: registered, drained and asked beforehand, it says what Python says."""

import json

from pyvalidators import batch
from tests.pyvalidators.examples import EXAMPLES, Example
from tests.worker.conftest import run_once, start_worker  # noqa: F401

CHECKED = ("input", "output", "expected", "context")


def expected_of(example: Example) -> list[tuple]:
    results = batch.run(example.validator, example.config, example.columns())
    rows = zip(results.passed, results.score, results.reason, results.details, results.status, strict=True)
    return [(*row[:3], row[3] and json.loads(row[3]), row[4]) for row in rows]


def add(fw, example: Example) -> None:
    """For steps of a node of its own."""
    name, config = example.validator, json.dumps(example.config)
    fw.execute("SELECT flywheel.add_validator(%s, %s, %s, node => %s)", (name, f"py:{name}", config, name))


def value(column: object) -> object:
    return json.dumps(column) if isinstance(column, list) else column


def test_in_the_database_or_in_the_worker(fw, run_once):  # noqa: F811
    steps = {}
    for example in EXAMPLES:
        add(fw, example)
        for place, step in enumerate(example.steps):
            columns = {"node": example.validator, **step}
            names, given = ", ".join(columns), ", ".join(["%s"] * len(columns))
            insert = f"INSERT INTO flywheel.traces ({names}) VALUES ({given}) RETURNING id"
            steps[example.validator, place] = fw.one(insert, *map(value, columns.values()))
    run_once(fw.conn.info.dsn)
    stored = {row[0]: row[1:] for row in fw.rows(
        "SELECT step_id, passed, score, reason, details, status FROM flywheel.verdicts")}  # fmt: skip
    assert len(stored) == 2 * len(EXAMPLES)
    for example in EXAMPLES:
        assert [stored[steps[example.validator, place]] for place in (0, 1)] == expected_of(example)


def test_asked_before_a_step_is_stored(fw):
    for example in EXAMPLES:
        if not all(step.keys() <= set(CHECKED) for step in example.steps):
            continue  # cost, time and tokens are known afterwards
        add(fw, example)
        for step, (*verdict, status) in zip(example.steps, expected_of(example), strict=True):
            arguments = [value(step.get(name)) for name in CHECKED]
            answer = fw.rows("SELECT passed, score, reason, details, status FROM flywheel.check(input => %s, "
                             "output => %s, expected => %s, context => %s, node => %s)",
                             *arguments, example.validator)  # fmt: skip
            if fw.one("SELECT flywheel.has_python()"):
                assert answer == [(*verdict, status)]
            else:
                says = "Python validators run in the worker: this database has no plpython3u"
                assert answer == [(None, None, says, None, "abstained")]


def test_a_library_is_loaded_once_a_session(full_fw):
    """And what a config needs, such as a compiled schema, is kept, too: the second drain loads nothing."""
    loaded = (
        "DO $$ import sys, json; plpy.execute(plpy.prepare('SELECT pg_catalog.set_config($1, $2, false)', "
        "['text', 'text']), ['test.loaded', json.dumps(sorted(sys.modules))]) $$ LANGUAGE plpython3u"
    )
    seen = []
    for example in EXAMPLES:
        add(full_fw, example)
    for _ in range(2):
        for example in EXAMPLES:
            full_fw.insert("select 1", node=example.validator, input="select 1", expected="select 1")
        full_fw.drain()
        full_fw.execute(loaded)
        seen.append(set(json.loads(full_fw.one("SELECT current_setting('test.loaded')"))))
    assert {"sqlglot", "jsonschema", "markdown_it", "pyflakes", "rapidfuzz", "stdnum"} <= seen[0]
    assert seen[1] == seen[0]
