"""pg_dump and restore into a fresh database: nothing lost or counted twice, and work goes on where it was."""

import json
import subprocess

import psycopg
import pytest

SHORT = ("CREATE FUNCTION short(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE sql AS "
         "$$ SELECT length(step.output) <= (config ->> 'limit')::int $$")
# Tables that an extension's dump leaves out on purpose: see sql/dump.sql.
DERIVED = {"coverage_ledger", "coverage_dirty", "coverage_horizon", "queue_stats", "stopped_drains", "review_claims",
           "embeddings", "embeddings_ngrams"}
INSTALLED = {"python_validators"}
BY_THEIR_DEFAULT_PARTITION = {"traces", "verdicts"}
LATER_PARTITION = "'^((traces|verdicts)_p[0-9]|embeddings_small)'"
METRICS = ("SELECT validator, version, pipeline, node, variant, n, passed, failed, pass_rate, pass_rate_lo, errors, "
           "abstained, timeouts, prompt_tokens, cost_usd FROM flywheel.metrics ORDER BY 1, 2, 3, 4, 5, 6, 7")
SAME = [
    *(f"SELECT t::text FROM flywheel.{table} t ORDER BY 1" for table in (
        "traces", "verdicts", "providers", "provider_state", "prices", "validators", "validator_versions",
        "activations", "dead_letters", "deferrals", "python_validators", "inbox", "retention", "maintenance",
        "team_pipelines", "embedding_models", "embedded_pipelines", "rubrics", "trace_groups", "split_shares", "labels",
        "annotations", "test_reads")),
    "SELECT relname::text FROM pg_class WHERE relnamespace = 'flywheel'::regnamespace AND relrowsecurity ORDER BY 1",
    "SELECT * FROM flywheel.coverage ORDER BY 1",
    METRICS, *(METRICS.replace(".metrics", f".metrics_{grain}") for grain in ("hourly", "daily")),
    "SELECT queue_name, is_partitioned, is_unlogged FROM pgmq.meta ORDER BY 1",
    *(f"SELECT * FROM pgmq.q_flywheel_{queue} ORDER BY 1" for queue in ("code", "judge_default")),
]


@pytest.fixture(params=["full", "pg16", "pg18"])
def made(request, databases):
    return databases(request.param)


@pytest.fixture
def source(made):
    janitor, dsn = made.fresh()
    with psycopg.connect(dsn, autocommit=True) as conn:
        live_through(conn)
        yield conn
    janitor.drop()


@pytest.fixture(params=[["--format=plain"], ["--format=custom"], ["--format=plain", "--load-via-partition-root"]],
                ids=["plain", "custom", "via-root"])
def restored(request, made, source, tmp_path):
    janitor, dsn = made.fresh(template=False)
    dump = f"--file={tmp_path / 'dump'}"
    programs = made.server.bindir
    original = made.cluster.dsn(source.info.dbname)
    subprocess.run([programs / "pg_dump", *request.param, dump, original], check=True)
    if "--format=plain" in request.param:
        restore = [programs / "psql", "-qX", "--set=ON_ERROR_STOP=1", "--output=/dev/null", dump, dsn]
    else:
        restore = [programs / "pg_restore", "--exit-on-error", f"--dbname={dsn}", tmp_path / "dump"]
    subprocess.run(restore, check=True)
    with psycopg.connect(dsn, autocommit=True) as conn:
        yield conn
    janitor.drop()


def live_through(db):
    """Leaves something in every table: old versions, a gap, a change, answers of every kind, waiting work."""
    db.execute(SHORT)
    db.execute("INSERT INTO flywheel.team_pipelines VALUES ('flywheel_reader', 'default')")
    db.execute("""SELECT flywheel.add_validator('short', 'short', '{"limit": 5}')""")
    db.execute("""SELECT flywheel.add_validator('words', 'py:max_length', '{"limit": 3}', sample_rate => 0.5)""")
    db.execute("SELECT flywheel.set_provider('default', 'https://example.org/v1')")
    db.execute("INSERT INTO flywheel.prices VALUES ('default', 'a-model', 1, 2)")
    db.execute("SELECT flywheel.add_judge('polite', 'Passes if polite.', 'a-model')")
    db.execute("SELECT flywheel.set_embedded('p', true)")
    db.execute("SELECT flywheel.set_embedding_model('small', 'default', 'embed-small', 8)")
    insert(db, 12)
    db.execute("CALL flywheel.drain()")
    answer(db, 3)
    waiting = claim(db, 2)
    deferred = json.dumps([waiting[0] | {"seconds": 3600, "reason": "busy"}])
    buried = json.dumps([waiting[1] | {"attempts": 3, "error": "no"}])
    db.execute("SELECT flywheel.defer_judgements('default', %s)", [deferred])
    db.execute("SELECT flywheel.bury_judgements('default', %s)", [buried])
    db.execute("SELECT flywheel.set_split_shares(0, 0, 1)")
    db.execute("INSERT INTO flywheel.labels (step_id, validator, passed, rater) "
               "SELECT id, 'polite', true, r FROM flywheel.traces, unnest('{ann,bob}'::text[]) r WHERE id <= 3")
    db.execute("UPDATE flywheel.traces SET expected = 'x' WHERE id = 2")
    db.execute("INSERT INTO flywheel.annotations (step_id, note, code) VALUES (1, 'made up', 'invented')")
    db.execute("SELECT * FROM flywheel.read_labels('polite', 'test')")
    db.execute("SELECT flywheel.add_validator('short', 'short', '{\"limit\": 8}')")
    db.execute("SELECT flywheel.set_validator('words', sample_rate => 1)")
    db.execute("SELECT setval('flywheel.traces_id_seq', flywheel.partition_size() - 3)")
    insert(db, 4)
    db.execute("CALL flywheel.drain()")
    db.execute("UPDATE flywheel.traces SET output = 'Oh' WHERE id = 2")
    db.execute("DELETE FROM flywheel.traces WHERE id = 3")
    db.execute("SELECT flywheel.backfill('short')")
    db.execute("SELECT flywheel.dispatch()")
    insert(db, 5)
    db.execute("SELECT flywheel.set_retention('11 hours')")
    db.execute("SELECT flywheel.apply_retention()")
    outlived = "SELECT sum(n) > (SELECT count(*) FROM flywheel.verdicts) FROM flywheel.metrics"
    assert db.execute(outlived).fetchone() == (True,)
    db.execute("UPDATE flywheel.maintenance SET every = '1 day' WHERE task = 'failure_reasons'")
    db.execute("SELECT flywheel.apply_grants()")


def insert(db, n):
    db.execute("INSERT INTO flywheel.traces (pipeline, node, variant, input, output, context, tags, created_at) "
               "SELECT 'p', 'n', 'v' || i %% 2, 'Hi', repeat('x', i), '[{\"id\": 1}]', '{a,b}', "
               "now() - i * interval '1 hour' FROM generate_series(1, %s) AS i", [n])


def claim(db, n):
    calls = db.execute("SELECT * FROM flywheel.claim_judgements('default', %s, 1)", [n])
    names = [column.name for column in calls.description]
    calls = [dict(zip(names, call, strict=True)) for call in calls]
    return [{key: call[key] for key in ("msg_id", "step_id", "version_id", "content")} for call in calls]


def answer(db, n):
    """Judges up to n steps; returns for how many a call was made."""
    calls = claim(db, n)
    answers = [call | {"status": "ok", "passed": True, "prompt_tokens": 10, "completion_tokens": 1} for call in calls]
    db.execute("SELECT flywheel.record_judgements('default', %s)", [json.dumps(answers)])
    return len(calls)


def rows(db, query):
    return db.execute(query).fetchall()


def test_everything_is_there_and_nothing_is_counted_twice(source, restored):
    for query in SAME:
        expected = rows(source, query)
        assert expected, query
        assert rows(restored, query) == expected, query


def test_work_goes_on_without_losing_or_repeating_anything(source, restored):
    kept = set(rows(source, "SELECT step_id, version_id, created_at FROM flywheel.verdicts"))
    # The changed step's verdicts go; the deferred step is left waiting.
    for db in (source, restored):
        db.execute("CALL flywheel.drain()")
    judged = [0, 0]
    for i, db in enumerate((source, restored)):
        while called := answer(db, 100):
            judged[i] += called

    assert judged[1] == judged[0] > 0, "calls of the judge"
    key = "SELECT step_id, version_id, passed, status FROM flywheel.verdicts ORDER BY 1, 2"
    assert rows(restored, key) == rows(source, key)
    assert kept <= set(rows(restored, "SELECT step_id, version_id, created_at FROM flywheel.verdicts"))
    coverage = "SELECT * FROM flywheel.coverage ORDER BY 1"
    assert rows(restored, coverage) == rows(source, coverage)
    assert rows(restored, METRICS) == rows(source, METRICS)


def test_new_steps_versions_and_messages_get_new_ids(restored):
    last, = restored.execute("SELECT max(id) FROM flywheel.traces").fetchone()
    version, = restored.execute("SELECT max(id) FROM flywheel.validator_versions").fetchone()
    message, = restored.execute("SELECT max(msg_id) FROM pgmq.q_flywheel_judge_default").fetchone()

    added = rows(restored, "SELECT flywheel.add_validator('again', 'short', '{\"limit\": 1}')")
    begins = rows(restored, "SELECT lo FROM flywheel.activations ORDER BY id DESC LIMIT 1")
    step = rows(restored, "INSERT INTO flywheel.traces (output) VALUES ('Hello') RETURNING id")
    assert (added, begins, step) == ([(version + 1,)], [(last + 1,)], [(last + 1,)])
    restored.execute("CALL flywheel.drain()")
    assert restored.execute("SELECT passed FROM flywheel.why(%s, 'again')", [last + 1]).fetchone() == (False,)
    newest, = restored.execute("SELECT max(msg_id) FROM pgmq.q_flywheel_judge_default").fetchone()
    assert newest > message


def test_rights_come_back(source, restored):
    for rights in (
        "SELECT nspname, nspacl FROM pg_namespace WHERE nspname IN ('flywheel', 'pgmq') ORDER BY 1",
        "SELECT oid::regclass::text, "
        "coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", relowner)) FROM pg_class "
        f"WHERE relnamespace IN ('flywheel'::regnamespace, 'pgmq'::regnamespace) AND relname !~ {LATER_PARTITION} "
        "ORDER BY 1",
        "SELECT oid::regprocedure::text, proacl FROM pg_proc WHERE pronamespace = 'flywheel'::regnamespace ORDER BY 1",
    ):
        assert rows(restored, rights) == rows(source, rights)


def test_every_table_of_the_extension_is_saved_or_left_out_on_purpose(full_db):
    saved = rows(full_db, "SELECT c.relname, c.oid = ANY (e.extconfig) FROM pg_class c, pg_extension e "
                          "WHERE c.relnamespace = 'flywheel'::regnamespace AND c.relkind IN ('r', 'p', 'S') "
                          f"AND c.relname !~ {LATER_PARTITION} AND e.extname = 'pg_flywheel'")
    assert {name for name, is_saved in saved if not is_saved} == DERIVED | INSTALLED | BY_THEIR_DEFAULT_PARTITION


def test_restored_steps_are_put_into_partitions_again(source, restored):
    restored.execute("SELECT flywheel.make_partitions()")
    insert(restored, 1)
    count = "SELECT count(*) {} FROM flywheel.traces"
    assert rows(restored, count.format("")) == rows(source, count.format("+ 1"))
    ahead = "SELECT count(*) FROM flywheel.partitions WHERE n > flywheel.range_of(flywheel.next_step_id() - 1)"
    assert rows(restored, ahead) == [(4,)]
    assert rows(restored, "SELECT count(*) FROM flywheel.traces_p1 WHERE output = 'x'") > [(0,)]


def test_a_drain_that_checks_no_function_bodies_is_no_restore(db):
    db.execute(SHORT)
    db.execute("""SELECT flywheel.add_validator('short', 'short', '{"limit": 5}')""")
    db.execute("SET check_function_bodies = off")
    insert(db, 3)
    db.execute("CALL flywheel.drain()")
    assert rows(db, "SELECT sum(n) FROM flywheel.metrics") == [(3,)]


def test_what_was_embedded_is_embedded_again(restored):
    restored.execute("SELECT flywheel.tend_embeddings_soon()")
    restored.execute("CALL flywheel.drain()")
    steps = rows(restored, "SELECT id FROM flywheel.traces ORDER BY 1")
    assert rows(restored, "SELECT step_id FROM flywheel.embeddings WHERE model = 'ngrams' ORDER BY 1") == steps != []
    waiting = "SELECT DISTINCT (message ->> 'step')::bigint FROM pgmq.q_flywheel_embed_small ORDER BY 1"
    assert set(steps) <= set(rows(restored, waiting))
    assert rows(restored, "SELECT flywheel.serving_embedding_model()") == [("ngrams",)]
