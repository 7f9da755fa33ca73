"""However many partitions there are: what is done for a step neither opens nor locks those of others."""

import pytest

SIZE = 2**20
LOCKED = """
    SELECT DISTINCT l.relation::regclass::text FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND c.relispartition AND c.relkind = 'r' AND l.relation::regclass::text ~ '^flywheel'
    ORDER BY 1"""


@pytest.mark.parametrize("statement, opened", [
    ("SELECT * FROM flywheel.answers({0}, {0})", ["traces", "verdicts"]),
    ("SELECT * FROM flywheel.answers({0}, {0} + 100, 'v')", ["traces", "verdicts"]),
    ("SELECT flywheel.dispatch()", ["traces", "verdicts"]),
    ("SELECT flywheel.dispatch(); SELECT flywheel.run(m) FROM flywheel.claim('flywheel_code', 1, 30) m",
     ["traces", "verdicts"]),
    ("SELECT flywheel.dispatch(); SELECT flywheel.claim_judgements('default', 10, 30)", ["traces", "verdicts"]),
    ("INSERT INTO flywheel.traces (output) VALUES ('y')", ["traces"]),
    ("INSERT INTO flywheel.labels (step_id, validator, passed) VALUES ({0}, 'v', true)", ["traces", "verdicts"]),
])  # fmt: skip
def test_nothing_else_is_locked(fw, another, statement, opened):
    fw.validator("v")
    fw.judge("j")
    fw.execute("SELECT setval('flywheel.traces_id_seq', %s)", (2 * SIZE,))
    [step] = fw.insert("x")
    session = another(fw, autocommit=False)
    session.execute(statement.format(step))
    assert session.rows(LOCKED) == [(f"flywheel.{table}_p2",) for table in opened]
