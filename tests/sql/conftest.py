"""Short names for what these tests do most: register, insert, drain, look."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest
from psycopg.rows import dict_row

DEADLINE = 30  # seconds; only a broken test waits that long


class Flywheel:
    """conn: an autocommit connection to a database with pg_flywheel."""

    def __init__(self, conn: psycopg.Connection):
        self.conn = conn
        self.execute = conn.execute

    def one(self, query: str, *params):
        """The first row: a tuple, or its only value."""
        row = self.conn.execute(query, params or None).fetchone()
        return row[0] if row and len(row) == 1 else row

    def rows(self, query: str, *params) -> list[tuple]:
        return self.conn.execute(query, params or None).fetchall()

    def function(self, name: str, body: str, returns: str = "boolean", language: str = "sql") -> str:
        self.conn.execute(
            f"CREATE OR REPLACE FUNCTION {name}(step flywheel.traces, config jsonb) RETURNS {returns} "
            f"LANGUAGE {language} AS $body$ {body} $body$"
        )
        return name

    def validator(self, name: str, body: str = "SELECT length(step.output) <= 5", **options) -> int:
        """Registers a SQL validator of this name and body; returns the version's id."""
        names = ", ".join(f"{option} => %s" for option in options)
        values = [json.dumps(value) if isinstance(value, dict) else value for value in options.values()]
        return self.one(
            f"SELECT flywheel.add_validator(%s, %s{', ' if names else ''}{names})",
            name, self.function(name, body), *values,
        )  # fmt: skip

    def judge(self, name: str = "polite", **options) -> int:
        """Registers a judge, and its provider unless it is there."""
        self.conn.execute("SELECT flywheel.set_provider('default', 'http://localhost:1/v1') "
                          "WHERE NOT EXISTS (SELECT FROM flywheel.providers)")  # fmt: skip
        options = {"rubric": "Passes if it is polite.", "model": "small", **options}
        names = ", ".join(f"{option} => %s" for option in options)
        return self.one(f"SELECT flywheel.add_judge(%s, {names})", name, *options.values())

    def insert(self, *outputs: str | None, **columns) -> list[int]:
        """One INSERT statement, a step per output; returns their ids."""
        names = ["output", *columns]
        row = f"({', '.join(['%s'] * len(names))})"
        values = [value for output in outputs for value in (output, *columns.values())]
        ids = self.rows(
            f"INSERT INTO flywheel.traces ({', '.join(names)}) VALUES {', '.join([row] * len(outputs))} "
            "RETURNING id",
            *values,
        )
        return [step for (step,) in ids]

    def drain(self, chunk: int = 2048, sweep: bool = True) -> None:
        self.conn.execute("CALL flywheel.drain(chunk => %s, sweep => %s)", (chunk, sweep))

    def coverage(self, validator: str) -> dict[str, int]:
        """The counts that are not zero; checks that they add up to the steps of the table."""
        with self.conn.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute("SELECT * FROM flywheel.coverage WHERE validator = %s", (validator,)).fetchone()
        counts = {name: value for name, value in row.items() if type(value) is int and name != "version"}
        steps, reasons = counts.pop("steps"), ("filtered", "sampled_out", "not_requested", "before", "paused")
        assert steps == self.one("SELECT count(*) FROM flywheel.traces")
        assert counts.pop("not_eligible") == sum(counts[reason] for reason in reasons)
        assert sum(counts.values()) == steps
        return {name: count for name, count in counts.items() if count}

    def verdicts(self, validator: str) -> dict[int, tuple]:
        """step id: (version, status, passed)"""
        return {
            step: verdict
            for step, *verdict in self.rows(
                "SELECT v.step_id, w.version, v.status, v.passed FROM flywheel.verdicts v "
                "JOIN flywheel.validator_versions w ON w.id = v.version_id WHERE w.validator = %s "
                "ORDER BY w.version, v.step_id",
                validator,
            )
        }

    def why(self, step: int, validator: str) -> tuple[str, str | None]:
        """(answer, reason)"""
        return self.one("SELECT answer, reason FROM flywheel.why(%s, %s)", step, validator)

    def messages(self, queue: str) -> int:
        if self.one("SELECT to_regclass('pgmq.q_' || %s) IS NULL", queue):
            return 0
        return self.one(f"SELECT count(*) FROM pgmq.q_{queue}")

    def claim(self, qty: int = 100, lease_seconds: int = 60) -> list[dict]:
        """Judgements, as a worker gets them."""
        with self.conn.cursor(row_factory=dict_row) as cursor:
            return cursor.execute("SELECT * FROM flywheel.claim_judgements('default', %s, %s) ORDER BY step_id",
                                  (qty, lease_seconds)).fetchall()  # fmt: skip

    def record(self, claimed: list[dict], **verdict) -> int:
        """Gives every claimed judgement the same answer; returns how many were stored."""
        keys = ("msg_id", "step_id", "version_id", "content")
        results = [
            {"status": "ok", "passed": True, **{key: each[key] for key in keys}, **verdict} for each in claimed
        ]
        return self.one("SELECT flywheel.record_judgements('default', %s)", json.dumps(results))

    def wrong_rollups(self) -> list[tuple]:
        """Where metric_rollup, at any grain, is not what counting the verdicts gives. Empty when it is exact."""
        times = {"hour": "date_trunc('hour', {}, 'UTC')", "day": "date_trunc('day', {}, 'UTC')", "all": "NULL"}
        return [row for grain, time in times.items() for row in self._wrong_rollups(grain, time)]

    def _wrong_rollups(self, grain: str, time: str) -> list[tuple]:
        slices = "version_id, pipeline, node, variant, at"
        counts = (
            "sum(n), sum(passed), sum(failed), sum(abstained), sum(errors), sum(timeouts), sum(scored), sum(timed), "
            "sum(prompt_tokens), sum(completion_tokens), sum(cost_usd)"
        )
        return self.rows(f"""
            WITH verdicts AS (
                SELECT version_id, pipeline, node, variant, {time.format("step_created_at")} AS at, 1 AS n,
                       (passed IS TRUE)::int AS passed, (passed IS FALSE)::int AS failed,
                       (status = 'abstained')::int AS abstained, (status = 'error')::int AS errors,
                       (status = 'timeout')::int AS timeouts, num_nonnulls(score) AS scored,
                       num_nonnulls(latency_ms) AS timed, coalesce(prompt_tokens, 0) AS prompt_tokens,
                       coalesce(completion_tokens, 0) AS completion_tokens, coalesce(cost_usd, 0) AS cost_usd
                FROM flywheel.verdicts
            ), rollup AS (
                SELECT *, {time.format("bucket")} AS at FROM flywheel.metric_rollup WHERE grain IN ('delta', '{grain}')
            ), counted AS (
                SELECT {slices}, {counts} FROM verdicts GROUP BY {slices}
            ), kept AS (
                SELECT {slices}, {counts} FROM rollup GROUP BY {slices} HAVING sum(n) <> 0
            )
            SELECT '{grain}', w.* FROM (
                (TABLE counted EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE counted)) w""")

    def wait_until(self, condition: str, *params) -> None:
        """Waits for a query to give true."""
        deadline = time.monotonic() + DEADLINE
        while not self.one(condition, *params):
            assert time.monotonic() < deadline, f"waited {DEADLINE} s for: {condition}"


class Thread(threading.Thread):
    """A thread whose exception is raised by join()."""

    def __init__(self, work: Callable[[], object]):
        super().__init__(daemon=True)
        self.work = work
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:
            self.error = error

    def join_whatever_it_raised(self) -> None:
        super().join(DEADLINE)
        assert not self.is_alive(), "still running"

    def join(self, timeout: float | None = None) -> None:
        self.join_whatever_it_raised()
        if self.error:
            raise self.error


@pytest.fixture
def in_thread() -> Callable[[Callable[[], object]], Thread]:
    return Thread


@pytest.fixture
def fw(db: psycopg.Connection) -> Flywheel:
    """On every server in turn."""
    return Flywheel(db)


@pytest.fixture
def full_fw(full_db: psycopg.Connection) -> Flywheel:
    """Where Python runs in the database."""
    return Flywheel(full_db)


@pytest.fixture
def another() -> Iterator[Callable[..., Flywheel]]:
    """Opens one more connection to the same database."""
    opened: list[psycopg.Connection] = []

    def connect(like: Flywheel, autocommit: bool = True) -> Flywheel:
        conn = psycopg.connect(like.conn.info.dsn, autocommit=autocommit)
        opened.append(conn)
        return Flywheel(conn)

    yield connect
    for conn in opened:
        conn.close()


@pytest.fixture
def member_of(db: psycopg.Connection, dsn: str) -> Iterator[Callable[..., psycopg.Connection]]:
    """Connects as a new login role, member of `flywheel_<role>` for each role and of the teams, which it creates."""
    created: dict[str, psycopg.Connection | None] = {}

    def connect(*roles: str, teams: Sequence[str] = ()) -> psycopg.Connection:
        login = f"{db.info.dbname}_{len(created)}"
        for role in (login, *teams):
            if role not in created:
                db.execute(f"CREATE ROLE {role} {'LOGIN' if role == login else ''}")
                created[role] = None
        for role in (*(f"flywheel_{role}" for role in roles), *teams):
            db.execute(f"GRANT {role} TO {login}")
        created[login] = conn = psycopg.connect(dsn, user=login, autocommit=True)
        return conn

    yield connect
    for role, conn in created.items():
        if conn:
            conn.close()
        db.execute(f"DROP OWNED BY {role} CASCADE")
        db.execute(f"DROP ROLE {role}")
