"""Whatever happens in whatever order: every step has one answer, the counts are exact, and a full drain decides all.

Hypothesis makes up the order; the invariants are checked after every operation.
"""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

OUTPUTS = st.sampled_from(["", "a", "four", "seven..", "much too long", None])
SEVERAL = st.lists(OUTPUTS, min_size=1, max_size=4)
NAMES = st.sampled_from(["always", "changing", "sampled", "asked", "judge"])
RATES = st.sampled_from([0.0, 0.3, 1.0])
PICK = st.integers(0, 4)  # the steps with this remainder modulo 5
CHUNKS = st.sampled_from([1, 3, 2048])
COLUMNS = st.sampled_from(["output", "output", "pipeline", "user_id", "trace_id"])

# Each with its arguments and how often it is drawn.
OPERATIONS = [
    (4, "insert", {"outputs": SEVERAL, "pipeline": st.sampled_from(["p", "q"]), "silently": st.booleans()}),
    (4, "update", {"column": COLUMNS, "value": OUTPUTS, "pick": PICK}),
    (2, "delete", {"pick": PICK}),
    (1, "roll_back", {"outputs": SEVERAL, "pick": PICK}),
    (2, "new_version", {"pipeline": st.sampled_from([None, "p", "q"])}),
    (2, "set_validator", {"name": st.sampled_from(["changing", "sampled", "judge"]), "enabled": st.booleans(),
                          "rate": RATES}),
    (1, "backfill", {"name": NAMES}),
    (1, "evaluate", {"name": NAMES, "sample": RATES}),
    (1, "redrive", {"name": NAMES}),
    (1, "dispatch", {"chunk": CHUNKS}),
    (1, "sweep", {}),
    (2, "crash", {"messages": st.integers(1, 3)}),
    (2, "work", {"passed": st.booleans()}),
    (4, "drain", {"chunk": CHUNKS, "sweep": st.booleans()}),
]  # fmt: skip
OPERATION = st.sampled_from([operation for operation in OPERATIONS for _ in range(operation[0])]).flatmap(
    lambda drawn: st.tuples(st.just(drawn[1]), st.fixed_dictionaries(drawn[2])))  # fmt: skip

EMPTY = """
    TRUNCATE flywheel.traces RESTART IDENTITY;
    DELETE FROM flywheel.activations; DELETE FROM flywheel.validator_versions; DELETE FROM flywheel.rubrics;
    DELETE FROM flywheel.validators;
    SELECT pgmq.purge_queue(queue_name) FROM pgmq.list_queues();"""
# A SQL validator and py:max_length decide alike; both refuse to decide about NULL.
WRONG_VERDICTS = """
    SELECT t.id, w.validator, w.version, v.passed, t.output FROM flywheel.verdicts v
    JOIN flywheel.validator_versions w ON w.id = v.version_id JOIN flywheel.traces t ON t.id = v.step_id
    WHERE w.runs_in <> 'judge' AND v.passed IS DISTINCT FROM (length(t.output) <= (w.config ->> 'limit')::int)"""
UNKNOWN_STEPS = "SELECT step_id FROM flywheel.verdicts WHERE step_id NOT IN (SELECT id FROM flywheel.traces)"


class Interleaving:
    def __init__(self, fw, in_database: str):
        self.fw = fw
        self.in_database = in_database
        self.versions = 0
        fw.execute(EMPTY)
        options = {"config": {"limit": 6}}
        self.add("always", **options)
        self.add("changing", **options)
        self.add("sampled", **options, sample_rate=0.5)
        self.add("asked", **options, mode="on_demand")
        fw.judge("judge", pipeline="p")

    def add(self, name: str, **options):
        self.fw.execute("SELECT flywheel.add_validator(%s, %s, %s, pipeline => %s, sample_rate => %s, mode => %s)", (
            name, self.in_database, psycopg.types.json.Jsonb(options["config"]), options.get("pipeline"),
            options.get("sample_rate", 1), options.get("mode", "eager")))  # fmt: skip

    def insert(self, outputs, pipeline, silently):
        if silently:
            self.fw.execute("SET session_replication_role = replica")
        self.fw.insert(*outputs, pipeline=pipeline)
        self.fw.execute("RESET session_replication_role")

    def update(self, column, value, pick):
        value = value if column == "output" else value or "x"
        self.fw.execute(f"UPDATE flywheel.traces SET {column} = %s WHERE id %% 5 = %s", (value, pick))

    def delete(self, pick):
        self.fw.execute("DELETE FROM flywheel.traces WHERE id %% 5 = %s", (pick,))

    def roll_back(self, outputs, pick):
        with self.fw.conn.transaction(force_rollback=True):
            self.fw.insert(*outputs)
            self.update("output", "rolled back", pick)
            self.delete(pick)

    def new_version(self, pipeline):
        self.versions += 1
        self.add("changing", config={"limit": self.versions % 8}, pipeline=pipeline)

    def set_validator(self, name, enabled, rate):
        self.fw.execute("SELECT flywheel.set_validator(%s, %s, %s)", (name, enabled, rate))

    def backfill(self, name):
        self.fw.execute("SELECT flywheel.backfill(%s)", (name,))

    def evaluate(self, name, sample):
        self.fw.execute("SELECT flywheel.evaluate(%s, sample => %s)", (name, sample))

    def redrive(self, name):
        self.fw.execute("SELECT flywheel.redrive(%s)", (name,))

    def dispatch(self, chunk):
        self.fw.execute("SELECT flywheel.dispatch(%s)", (chunk,))

    def sweep(self):
        self.fw.execute("SELECT flywheel.sweep()")
        self.fw.execute("SELECT flywheel.merge_rollup()")

    def crash(self, messages):
        self.fw.execute("SELECT FROM flywheel.claim('flywheel_code', %s, 0)", (messages,))

    def work(self, passed):
        if claimed := self.fw.claim(qty=3, lease_seconds=0):
            self.fw.record(claimed, passed=passed)

    def drain(self, chunk, sweep):
        self.fw.drain(chunk, sweep)
        assert self.fw.rows(UNKNOWN_STEPS) == []
        assert self.fw.rows(WRONG_VERDICTS) == []

    def every_step_has_one_answer(self):
        for (name,) in self.fw.rows("SELECT name FROM flywheel.validators"):
            self.fw.coverage(name)

    def the_rollup_is_exact(self):
        assert self.fw.wrong_rollups() == []

    def finish(self):
        self.fw.drain()
        self.fw.drain()
        for name in ("always", "changing", "sampled", "asked"):
            assert self.fw.coverage(name).keys().isdisjoint({"pending", "deferred"})
        counts = self.fw.coverage("always")
        assert counts.keys() <= {"verdicts", "dead_letters"}, "it was never limited, sampled or switched off"
        assert self.fw.messages("flywheel_code") == 0
        while claimed := self.fw.claim():
            self.fw.record(claimed)
        assert "pending" not in self.fw.coverage("judge")
        self.drain(2048, True)
        self.the_rollup_is_exact()


def explore(fw, in_database: str) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(OPERATION, min_size=10, max_size=30))
    def run(operations: list[tuple[str, dict]]) -> None:
        interleaving = Interleaving(fw, in_database)
        for name, arguments in operations:
            getattr(interleaving, name)(**arguments)
            interleaving.every_step_has_one_answer()
            interleaving.the_rollup_is_exact()
        interleaving.finish()

    run()


@pytest.mark.parametrize("dsn", ["pg18"], indirect=True)
def test_with_validators_in_sql(fw):
    explore(fw, fw.function("short", "SELECT length(step.output) <= (config ->> 'limit')::int"))


def test_with_validators_in_python(full_fw):
    explore(full_fw, "py:max_length")
