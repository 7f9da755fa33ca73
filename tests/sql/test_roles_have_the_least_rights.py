"""What each of the five roles can do, tried as a login role that is a member of that role only."""

import json

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

STEP = "INSERT INTO flywheel.traces (input, output) VALUES ('Hi', 'Hello') RETURNING id"
SHORT = ("CREATE FUNCTION public.short(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE sql AS "
         "$$ SELECT length(step.output) < 9 $$")
# About single labels, or for the people who give them; dashboards have flywheel.alignment and the like.
FOR_REVIEWERS = {
    "alignment_due", "approved_examples", "consensus", "failure_modes", "fix_queue", "leakage", "open_reviews",
    "review_queue", "review_signals", "reviewed_validators", "rubric_status", "shadow_labels", "stale_labels",
}  # fmt: skip
# What PUBLIC has by way of the schema itself, its relations, their columns, sequences and routines.
OPEN_TO = """
SELECT 'schema' WHERE has_schema_privilege(%(role)s, 'flywheel', 'USAGE, CREATE')
UNION ALL
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relnamespace = 'flywheel'::regnamespace AND CASE
    WHEN c.relkind IN ('r', 'p', 'v', 'm') THEN
        has_table_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
        OR has_any_column_privilege(%(role)s, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
    WHEN c.relkind = 'S' THEN has_sequence_privilege(%(role)s, c.oid, 'USAGE, SELECT, UPDATE')
END
UNION ALL
SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'flywheel'::regnamespace AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
"""


def refused(conn, *statements):
    """Every one of them is refused for want of rights."""
    for statement in statements:
        with pytest.raises(InsufficientPrivilege):
            conn.execute(statement)


def relations(db, kinds="rpvm"):
    rows = db.execute("SELECT c.oid::regclass::text FROM pg_class c "
                      "WHERE c.relnamespace = 'flywheel'::regnamespace AND strpos(%s, c.relkind::text) > 0", [kinds])
    return {name for name, in rows}


def validated_step(db):
    """A step with a verdict of SQL validator 'short'."""
    db.execute(SHORT)
    db.execute("SELECT flywheel.add_validator('short', 'public.short')")
    step, = db.execute(STEP).fetchone()
    db.execute("CALL flywheel.drain()")
    return step


def test_public_can_do_nothing(db, member_of):
    stranger = member_of()
    assert db.execute(OPEN_TO, {"role": stranger.info.user}).fetchall() == []
    refused(stranger, "SELECT FROM flywheel.traces", "SELECT flywheel.version()", STEP, "CALL flywheel.drain()")


def test_a_writer_adds_steps_and_asks_check(db, member_of):
    validated_step(db)
    writer = member_of("writer")

    step, = writer.execute(STEP).fetchone()
    with writer.cursor().copy("COPY flywheel.traces (input, output) FROM STDIN") as copy:
        copy.write_row(("Hi", "Good morning, what can I do for you?"))
    checked = writer.execute("SELECT validator, passed FROM flywheel.check('Hi', 'Hello')").fetchall()
    assert checked == [("short", True)]

    db.execute("CALL flywheel.drain()")
    assert db.execute("SELECT passed FROM flywheel.why(%s, 'short')", [step]).fetchone() == (True,)
    assert db.execute("SELECT passed, failed FROM flywheel.metrics").fetchone() == (2, 1)


def test_a_writer_reads_no_step_result_or_queue(db, member_of):
    step = validated_step(db)
    writer = member_of("writer")
    # check runs with the writer's rights, and so does the policy of teams.
    needed = {"flywheel.validators", "flywheel.validator_versions", "flywheel.team_pipelines"}
    refused(writer, *(f"SELECT * FROM {name}" for name in relations(db) - needed))
    refused(
        writer,
        "SELECT output FROM flywheel.traces",
        f"UPDATE flywheel.traces SET output = 'x' WHERE id = {step}",
        "DELETE FROM flywheel.traces",
        "TRUNCATE flywheel.traces",
        "INSERT INTO flywheel.inbox (lo, hi, n) VALUES (1, 1, 1)",
        f"SELECT flywheel.why({step}, 'short')",
        "SELECT flywheel.add_validator('x', 'public.short')",
        "CALL flywheel.drain()",
        "SELECT FROM pgmq.q_flywheel_code",
    )


def test_a_writer_cannot_take_the_ids_that_others_are_about_to_draw(db, member_of):
    step, = db.execute(STEP).fetchone()
    writer = member_of("writer")
    refused(
        writer,
        f"INSERT INTO flywheel.traces (id, output) VALUES ({step + 1}, 'x')",
        "INSERT INTO flywheel.traces (id, output) VALUES (4611686018427387903, 'x')",
        "SELECT setval('flywheel.traces_id_seq', 1)",
        "SELECT nextval('flywheel.traces_id_seq')",
    )
    assert writer.execute(STEP).fetchone() == (step + 1,)


def test_a_reader_sees_where_a_step_belongs_and_a_reviewer_what_it_says(db, member_of):
    step = validated_step(db)
    reader, reviewer = member_of("reader"), member_of("reviewer")
    content = "SELECT input, output, expected, context, attributes, error, user_id FROM flywheel.traces"
    assert reader.execute("SELECT id, pipeline FROM flywheel.traces").fetchall() == [(step, "default")]
    refused(reader, content, *(f"SELECT {column} FROM flywheel.traces" for column in ("*", "output", "attributes")))
    assert reviewer.execute(content).fetchall() == [("Hi", "Hello", None, None, None, None, None)]
    assert reviewer.execute("SELECT passed FROM flywheel.verdicts").fetchall() == [(True,)]
    assert reviewer.execute("SELECT answer FROM flywheel.why(%s, 'short')", [step]).fetchone() == ("verdict",)
    refused(reviewer, STEP, "UPDATE flywheel.verdicts SET passed = true", "DELETE FROM flywheel.traces",
            "SELECT FROM pgmq.q_flywheel_code", "CALL flywheel.drain()")


def test_a_reader_reads_every_view_and_asks_why(db, member_of):
    step = validated_step(db)
    reader, reviewer = member_of("reader"), member_of("reviewer")
    for view in relations(db, "v"):
        whoever = reviewer if view.removeprefix("flywheel.") in FOR_REVIEWERS else reader
        whoever.execute(f"SELECT * FROM {view}").fetchall()
    assert reader.execute("SELECT passed FROM flywheel.metrics").fetchone() == (1,)
    assert reader.execute("SELECT steps, verdicts FROM flywheel.coverage").fetchone() == (1, 1)
    answer = reader.execute("SELECT answer, passed FROM flywheel.why(%s, 'short')", [step]).fetchone()
    assert answer == ("verdict", True)


def test_a_reader_changes_nothing_and_sees_no_queue(db, member_of):
    validated_step(db)
    reader = member_of("reader")
    refused(
        reader,
        STEP,
        "SELECT FROM flywheel.inbox",
        "SELECT FROM pgmq.q_flywheel_code",
        "SELECT FROM pgmq.meta",
        "SELECT flywheel.add_validator('x', 'public.short')",
        "SELECT flywheel.set_validator('short', false)",
        "SELECT flywheel.claim('flywheel_code', 1, 30)",
        "CALL flywheel.drain()",
        *(f"DELETE FROM {name}" for name in relations(db, "rp")),
    )


def test_a_worker_runs_the_whole_cycle(db, member_of):
    db.execute(SHORT)
    db.execute("SELECT flywheel.add_validator('sampled', 'public.short', sample_rate => 0.999999)")
    db.execute("CREATE FUNCTION public.raises(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE plpgsql AS "
               "$$ BEGIN RAISE 'no'; END $$")
    db.execute("SELECT flywheel.add_validator('raises', 'public.raises')")
    db.execute("""SELECT flywheel.add_validator('words', 'py:max_length', '{"limit": 3}')""")
    db.execute("SELECT flywheel.set_provider('default', 'https://example.org/v1')")
    db.execute("SELECT flywheel.add_judge('polite', 'Passes if polite.', 'a-model')")
    step, = db.execute(STEP).fetchone()
    worker = member_of("worker")

    worker.execute("CALL flywheel.drain()")
    if not db.execute("SELECT flywheel.has_python()").fetchone()[0]:
        range_ = worker.execute("SELECT msg_id, version_id, ids, content FROM flywheel.claim_python(60)").fetchone()
        results = [{"id": range_[2][0], "content": range_[3][0], "passed": False, "status": "ok"}]
        worker.execute("SELECT flywheel.record_python(%s, %s, 1, %s)", [*range_[:2], json.dumps(results)])
    calls = worker.execute("SELECT * FROM flywheel.claim_judgements('default', 8, 60)")
    call = dict(zip((column.name for column in calls.description), calls.fetchone(), strict=True))
    worker.execute("SELECT flywheel.extend_leases('flywheel_judge_default', %s, 60)", [[call["msg_id"]]])
    result = {key: call[key] for key in ("msg_id", "step_id", "version_id", "content")}
    result |= {"status": "ok", "passed": True}
    worker.execute("SELECT flywheel.record_judgements('default', %s)", [json.dumps([result])])

    assert dict(db.execute("SELECT validator, concat_ws(' ', status, passed) FROM flywheel.validators d "
                           "CROSS JOIN LATERAL flywheel.why(%s, d.name) JOIN flywheel.validator_versions w "
                           "ON w.id = d.version_id", [step]).fetchall()) == {
        "sampled": "ok t", "raises": "error", "words": "ok f", "polite": "ok t"}


def test_a_worker_writes_no_steps_and_registers_nothing(db, member_of):
    validated_step(db)
    worker = member_of("worker")
    refused(
        worker,
        STEP,
        "UPDATE flywheel.traces SET output = 'x'",
        "DELETE FROM flywheel.traces",
        "SELECT passed, reason FROM flywheel.verdicts",
        "SELECT error FROM flywheel.dead_letters",
        "SELECT FROM flywheel.prices",
        "SELECT FROM flywheel.metric_rollup",
        "SELECT flywheel.add_validator('x', 'public.short')",
        "SELECT flywheel.set_validator('short', false)",
        "SELECT flywheel.set_provider('x', 'https://example.org/v1')",
        "UPDATE flywheel.validator_versions SET function = 'x'",
        "UPDATE flywheel.providers SET base_url = 'https://example.org/v1'",
        "SELECT FROM flywheel.inbox",
        "SELECT FROM pgmq.meta",
        "SELECT flywheel.ensure_queue('flywheel_code')",
    )


def test_an_admin_who_is_no_superuser_runs_the_installation(db, member_of):
    db.execute("CREATE SCHEMA validators")
    db.execute("GRANT CREATE, USAGE ON SCHEMA validators TO flywheel_admin, flywheel_worker")
    for _ in range(3):
        db.execute(STEP)
    admin = member_of("admin")

    admin.execute(SHORT.replace("public.", "validators."))
    admin.execute("SELECT flywheel.add_validator('short', 'validators.short')")
    admin.execute("""SELECT flywheel.add_validator('words', 'py:max_length', '{"limit": 3}', mode => 'on_demand')""")
    admin.execute("SELECT flywheel.set_provider('default', 'https://example.org/v1')")
    admin.execute("SELECT flywheel.add_judge('polite', 'Passes if polite.', 'a-model')")
    # It begins with the next step: who cannot read the sequence would begin with step 1.
    assert admin.execute("SELECT DISTINCT lo FROM flywheel.activations").fetchall() == [(4,)]

    step, = admin.execute(STEP).fetchone()
    assert admin.execute("SELECT flywheel.backfill('short')").fetchone() == (4,)
    assert admin.execute("SELECT flywheel.evaluate('words')").fetchone() == (4,)
    admin.execute("CALL flywheel.drain()")
    assert admin.execute("SELECT passed FROM flywheel.metrics WHERE validator = 'short'").fetchone() == (4,)
    checked = admin.execute("SELECT validator FROM flywheel.check('Hi', 'Hello') ORDER BY 1").fetchall()
    assert checked == [("short",), ("words",)]

    admin.execute("INSERT INTO flywheel.dead_letters (step_id, version_id, attempts, error) "
                  "SELECT %s, version_id, 3, 'x' FROM flywheel.validators WHERE name = 'polite'", [step])
    assert admin.execute("SELECT flywheel.redrive('polite')").fetchone() == (1,)
    admin.execute("SELECT flywheel.set_validator('short', enabled => false)")
    admin.execute(STEP)
    assert admin.execute("SELECT paused FROM flywheel.coverage WHERE validator = 'short'").fetchone() == (1,)


def test_an_admin_cannot_have_code_run_as_the_owner(db, member_of):
    db.execute("CREATE SCHEMA validators")
    db.execute("GRANT CREATE, USAGE ON SCHEMA validators TO flywheel_admin")
    admin = member_of("admin")
    admin.execute("CREATE FUNCTION validators.whoami(step flywheel.traces, config jsonb) RETURNS flywheel.verdict "
                  "LANGUAGE sql AS $$ SELECT true, NULL::float8, current_user::text, NULL::jsonb $$")
    admin.execute("SELECT flywheel.add_validator('whoami', 'validators.whoami')")
    assert admin.execute("SELECT reason FROM flywheel.check('Hi', 'Hello')").fetchone() == (admin.info.user,)
    refused(admin, "CREATE TRIGGER t AFTER INSERT ON flywheel.verdicts EXECUTE FUNCTION flywheel.count_verdicts(1)")


def test_a_worker_touches_no_queue_of_somebody_else(db, member_of):
    db.execute("SELECT pgmq.create('payments')")
    db.execute("""SELECT pgmq.send('payments', '{"amount": 1}')""")
    worker = member_of("worker")
    for call in ("claim('payments', 1, 30)", "hold('payments', 1)", "acknowledge('payments', '{1}')",
                 "retry('payments', 1, 1, 'x')", "extend_leases('payments', '{1}', 60)",
                 """split('(1,3,now,now,now,"{""lo"": 1, ""hi"": 1}",)', 'payments', 'x')"""):
        with pytest.raises(psycopg.Error):
            worker.execute(f"SELECT flywheel.{call}")
    assert db.execute("SELECT read_ct, message FROM pgmq.q_payments").fetchall() == [(0, {"amount": 1})]
