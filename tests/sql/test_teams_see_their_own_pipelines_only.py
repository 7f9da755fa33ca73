"""Several teams in one database: each reads and writes its own pipelines, once flywheel.team_pipelines has a row."""

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, NoDataFound

# Every relation that a reviewer may read and that says something about steps: a new one cannot be forgotten.
ABOUT_STEPS = """
SELECT a.attrelid::regclass::text, a.attname::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'flywheel'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND NOT a.attisdropped AND NOT c.relispartition
  AND (a.attname IN ('pipeline', 'step_id') OR c.relname = 'traces' AND a.attname = 'id')
  AND has_column_privilege('flywheel_reviewer', c.oid, a.attname, 'SELECT')
  AND c.relname <> 'validator_versions' -- the registry is everybody's
ORDER BY 1
"""
LIMITED = (
    "SELECT relname::text FROM pg_class WHERE relnamespace = 'flywheel'::regnamespace AND relrowsecurity "
    "AND relname <> 'team_pipelines'"
)


def name_teams(fw, **pipelines):
    """Roles of these names, made unique to the database; member_of creates them."""
    teams = {color: f"{fw.conn.info.dbname}_{color}" for color in pipelines}
    for color, names in pipelines.items():
        for name in names:
            fw.execute("INSERT INTO flywheel.team_pipelines VALUES (%s, %s)", (teams[color], name))
    return teams


@pytest.fixture
def colors(fw):
    """Steps of pipelines red and blue: ids by pipeline. Each has results in every table that holds some."""
    fw.validator("short")
    fw.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1')")
    fw.execute("SELECT flywheel.add_judge('polite', 'Passes if polite.', 'a-model')")
    steps = {"red": [], "blue": []}
    for pipeline, output in [("red", "x"), ("blue", "x"), ("red", "too long"), ("blue", "far too long"), ("blue", "y")]:
        steps[pipeline].append(
            fw.one("INSERT INTO flywheel.traces (pipeline, output) VALUES (%s, %s) RETURNING id", pipeline, output)
        )
    fw.drain()
    jobs = fw.claim()
    by_step = {job["step_id"]: job for job in jobs}
    for pipeline in steps:
        for function, step in zip(("defer", "bury"), steps[pipeline], strict=False):
            job = {key: by_step[step][key] for key in ("msg_id", "step_id", "version_id")}
            job |= {"seconds": 3600, "reason": "later", "attempts": 3, "error": "no answer"}
            fw.one(
                f"SELECT flywheel.{function}_judgements('default', jsonb_build_array(%s::jsonb))",
                psycopg.types.json.Json(job),
            )
    fw.execute("REFRESH MATERIALIZED VIEW flywheel.failure_reason_counts")
    return steps


def test_a_member_sees_nothing_of_other_pipelines(fw, colors, member_of):
    teams = name_teams(fw, red=["red"], blue=["blue"])
    reviewer = member_of("reviewer", teams=[teams["red"]])
    relations = fw.rows(ABOUT_STEPS)
    assert {
        "flywheel.metrics",
        "flywheel.failure_reasons",
        "flywheel.traces",
        "flywheel.verdicts",
        "flywheel.dead_letters",
        "flywheel.deferrals",
        "flywheel.metric_rollup",
    } <= {name for name, _ in relations}
    for relation, column in relations:
        seen = {value for (value,) in reviewer.execute(f"SELECT DISTINCT {column} FROM {relation}")}
        allowed = {"red"} if column == "pipeline" else set(colors["red"])
        assert seen <= allowed, relation
        assert seen or fw.one(f"SELECT count(*) FROM {relation}") == 0, relation


def test_a_member_sees_the_sessions_of_its_own_labels_only(fw, colors, member_of):
    fw.execute("UPDATE flywheel.traces SET session_id = pipeline || ' session'")
    label = "INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (%s, 'polite', true)"
    for steps in colors.values():
        fw.execute(label, (steps[0],))
    teams = name_teams(fw, red=["red"], blue=["blue"])
    reviewer = member_of("reviewer", teams=[teams["red"]])
    groups = "SELECT trace_group FROM flywheel.trace_groups ORDER BY 1"
    assert reviewer.execute(groups).fetchall() == [("red session",)]
    fw.execute("UPDATE flywheel.traces SET session_id = 'a new one' WHERE id = %s", (colors["red"][1],))
    reviewer.execute(label, (colors["red"][1],))
    assert reviewer.execute(groups).fetchall() == [("a new one",), ("red session",)]


def test_a_team_sees_its_own_metrics(fw, colors, member_of):
    teams = name_teams(fw, red=["red"], blue=["blue"])
    metrics = "SELECT pipeline, n, passed, failed FROM flywheel.metrics WHERE validator = 'short'"
    assert member_of("reader", teams=[teams["red"]]).execute(metrics).fetchall() == [("red", 2, 1, 1)]
    assert member_of("reader", teams=[teams["blue"]]).execute(metrics).fetchall() == [("blue", 3, 2, 1)]
    both = member_of("reader", teams=[*teams.values()])
    assert sorted(both.execute(metrics).fetchall()) == [("blue", 3, 2, 1), ("red", 2, 1, 1)]
    assert member_of("reader").execute(metrics).fetchall() == []
    assert len(fw.rows(metrics)) == 2  # the owner


def test_coverage_adds_up_for_each_team_before_and_after_it_is_settled(fw, colors, member_of):
    teams = name_teams(fw, red=["red"], blue=["blue"])
    reader = member_of("reader", teams=[teams["red"]])
    coverage = (
        "SELECT validator, steps, verdicts, pending, deferred, dead_letters, not_eligible "
        "FROM flywheel.coverage ORDER BY validator"
    )
    mine = [("polite", 2, 0, 0, 1, 1, 0), ("short", 2, 2, 0, 0, 0, 0)]
    assert reader.execute(coverage).fetchall() == mine
    # A block is settled once every team has its answers; judge 'polite' still waits, 'short' does not.
    fw.execute("SELECT setval('flywheel.traces_id_seq', 20000)")
    fw.wait_until("SELECT flywheel.sweep() >= 0 AND EXISTS (SELECT FROM flywheel.coverage_ledger)")
    assert {"short"} == {name for (name,) in fw.rows("SELECT DISTINCT validator FROM flywheel.coverage_ledger")}
    assert reader.execute(coverage).fetchall() == mine
    assert fw.rows(coverage) == [("polite", 5, 0, 1, 2, 2, 0), ("short", 5, 5, 0, 0, 0, 0)]


def test_why_answers_for_ones_own_steps(fw, colors, member_of):
    teams = name_teams(fw, red=["red"], blue=["blue"])
    reader = member_of("reader", teams=[teams["red"]])
    why = "SELECT answer FROM flywheel.why(%s, 'short')"
    assert reader.execute(why, colors["red"][:1]).fetchone() == ("verdict",)
    with pytest.raises(NoDataFound):
        reader.execute(why, colors["blue"][:1])


def test_a_writer_inserts_into_its_own_pipelines(fw, colors, member_of):
    teams = name_teams(fw, red=["red"], blue=["blue"])
    writer = member_of("writer", teams=[teams["red"]])
    insert = "INSERT INTO flywheel.traces (pipeline, output) VALUES (%s, 'secret words') RETURNING id"
    (step,) = writer.execute(insert, ["red"]).fetchone()
    with pytest.raises(InsufficientPrivilege) as refused:
        writer.execute(insert, ["blue"])
    assert "secret words" not in str(refused.value)
    assert {id for (id,) in writer.execute("SELECT id FROM flywheel.traces")} == {*colors["red"], step}
    assert writer.execute("SELECT passed FROM flywheel.check(output => 'x')").fetchall() == [(True,)]
    with pytest.raises(InsufficientPrivilege):
        member_of("writer").execute(insert, ["red"])


def test_worker_and_admin_work_for_all_teams(fw, colors, member_of):
    name_teams(fw, red=["red"], blue=["blue"])
    for pipeline in ("red", "blue"):
        fw.execute("INSERT INTO flywheel.traces (pipeline, output) VALUES (%s, 'x')", (pipeline,))
    member_of("worker").execute("CALL flywheel.drain()")
    admin = member_of("admin")
    metrics = "SELECT pipeline, n FROM flywheel.metrics WHERE validator = 'short'"
    assert sorted(admin.execute(metrics).fetchall()) == [("blue", 4), ("red", 3)]
    reasons = admin.execute("SELECT DISTINCT pipeline FROM flywheel.failure_reasons").fetchall()
    assert sorted(reasons) == [("blue",), ("red",)]
    admin.execute("UPDATE flywheel.traces SET output = 'z' WHERE pipeline = 'blue'")
    assert admin.execute("DELETE FROM flywheel.team_pipelines").rowcount == 2


def test_row_security_is_on_while_there_are_teams(fw, member_of):
    assert fw.rows(LIMITED) == []
    heard = []
    fw.conn.add_notice_handler(lambda notice: heard.append((notice.message_primary, notice.message_hint)))
    fw.execute("INSERT INTO flywheel.team_pipelines VALUES ('No Such', 'red')")
    assert [("is not a role" in what, '"No Such"' in hint) for what, hint in heard] == [(True, True)]
    assert {"traces", "verdicts", "labels"} <= {name for (name,) in fw.rows(LIMITED)}
    fw.execute("DELETE FROM flywheel.team_pipelines")
    assert fw.rows(LIMITED) == []


def test_a_member_sees_its_own_team_only(fw, member_of):
    teams = name_teams(fw, red=["red"], blue=["blue"])
    reader = member_of("reader", teams=[teams["red"]])
    assert reader.execute("SELECT pipeline FROM flywheel.team_pipelines").fetchall() == [("red",)]
    for statement in (
        "DELETE FROM flywheel.team_pipelines",
        "INSERT INTO flywheel.team_pipelines VALUES (user, 'blue')",
    ):
        with pytest.raises(InsufficientPrivilege):
            reader.execute(statement)


def test_a_member_cannot_switch_it_off(fw, colors, member_of):
    teams = name_teams(fw, red=["red"], blue=["blue"])
    reviewer = member_of("reviewer", "writer", teams=[teams["red"]])
    reviewer.execute("SET row_security = off")
    for name in ("traces", "verdicts", "metrics", "coverage", "failure_reasons"):
        with pytest.raises(InsufficientPrivilege):
            reviewer.execute(f"SELECT FROM flywheel.{name}")
    reviewer.execute("RESET row_security")
    copy = "COPY flywheel.traces (output) FROM STDIN"
    with pytest.raises(psycopg.errors.FeatureNotSupported), reviewer.cursor().copy(copy):
        pass
