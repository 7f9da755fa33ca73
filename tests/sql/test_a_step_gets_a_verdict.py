"""The path of a step, from INSERT to metrics."""


def test_an_inserted_step_is_pending_then_has_a_verdict(db):
    db.execute("CREATE FUNCTION short(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE sql AS "
               "$$ SELECT length(step.output) <= (config ->> 'limit')::int $$")
    db.execute("""SELECT flywheel.add_validator('short', 'short', '{"limit": 5}')""")
    db.execute("INSERT INTO flywheel.traces (pipeline, node, input, output) VALUES "
               "('support', 'answer', 'Hi', 'Hello'), ('support', 'answer', 'Hi', 'Good morning')")
    assert db.execute("SELECT steps, pending, verdicts FROM flywheel.coverage").fetchone() == (2, 2, 0)

    db.execute("CALL flywheel.drain()")

    assert db.execute("SELECT steps, pending, verdicts FROM flywheel.coverage").fetchone() == (2, 0, 2)
    assert db.execute("SELECT validator, version, pipeline, node, n, passed, failed, pass_rate "
                      "FROM flywheel.metrics").fetchall() == [("short", 1, "support", "answer", 2, 1, 1, 0.5)]
