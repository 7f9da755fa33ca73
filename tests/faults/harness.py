"""One cell of the fault suite: a loaded database, a fault in the middle, then the accounts."""

import signal
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from pg_flywheel.cluster import Cluster
from pg_flywheel.install import install
from psycopg.rows import dict_row

from tests.bench.harness import machine
from tests.faults.application import BATCH
from tests.sql.conftest import Flywheel
from tests.worker.conftest import Process, Provider, _wait_for

HERE = Path(__file__).parent
WORKERS = 2
IN_FLIGHT = 8
# Slow enough for a machine that is busy with other tests: less of a core than it gets there.
LATENCY_S = 0.5
PACE_S = 0.02  # a step; eight are a message
BACKLOG = 30  # statements; from there on, the application inserts faster than they are validated
BEFORE_S, WINDOW_S, AFTER_S = 5.0, 4.0, 2.0
RECOVERED = 0.95
RECOVERS_WITHIN_S = 60.0
SETTLES_WITHIN_S = 180.0

FINISHED = """
SELECT w.validator, array_agg(extract(epoch FROM v.created_at)::float8 ORDER BY v.created_at)
FROM flywheel.verdicts v JOIN flywheel.validator_versions w ON w.id = v.version_id
WHERE w.validator IN ('paced', 'helpful') GROUP BY 1
"""
PENDING = "SELECT sum(m.queue_length) + (SELECT count(*) FROM flywheel.inbox) FROM pgmq.metrics_all() m"
UNANSWERED = "SELECT sum(c.pending + c.deferred) FROM flywheel.coverage c"
QUEUES = "SELECT array_agg(q.queue_name) FROM pgmq.list_queues() q"
APPLICATION = """
SELECT split_part(t.trace_id, ' ', 2), count(*) FROM flywheel.traces t WHERE t.trace_id ^@ 'application ' GROUP BY 1
"""
STATUSES = "SELECT v.status, count(*) FROM flywheel.verdicts v GROUP BY 1"


@dataclass
class Row:
    """A line of the table."""

    fault: str
    server: str
    machine: str = ""
    load: str = ""
    inserted: int = 0
    accounted: int = 0
    lost: int = 0
    double_counted: int = 0
    repeated_calls: int = 0
    during: float = 0
    recovery_s: float | None = None
    after: float = 0


class Cell:
    """As a context: on entering the load runs steadily, the block is the fault, leaving counts what came of it."""

    def __init__(
        self,
        row: Row,
        cluster: Cluster,
        directory: Path,
        report: Callable[[Row], None],
        long: bool,
        prepare: Callable[[Self], None] = lambda cell: None,
        least_during: float = 0.0,
        constants: str = "",
    ):
        """prepare: runs before the database is made. least_during: what the rate may fall to while the fault lasts.
        constants: of the workers, see Process."""
        self.row = row
        self.cluster = cluster
        self.long = long
        self.workers: list[Process] = []
        self.stack = ExitStack()
        self._prepare = prepare
        self._report = report
        self._least_during = least_during
        self._constants = constants
        self._directory = directory
        self._journal = directory / "journal"
        self._started = 0

    def __enter__(self) -> Self:
        try:
            self._set_up()
            self._measure_before()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self.stack:
            if error is None:
                try:
                    self._observe_recovery(time.time())
                    self._settle()
                    self._account()
                finally:
                    self._report(self.row)

    def dsn(self, role: str = "postgres") -> str:
        return self.cluster.dsn("flywheel").replace("postgres@", f"{role}@", 1)

    def connect(self, role: str = "postgres") -> psycopg.Connection:
        """Also to a database that is about to be there again."""

        def connect() -> psycopg.Connection | None:
            with suppress(psycopg.OperationalError):
                return psycopg.connect(self.dsn(role), autocommit=True)

        return _wait_for(connect, "a connection")

    def admin(self, statement: str) -> None:
        """On another database, while there is none of ours."""
        with psycopg.connect(self.cluster.dsn(), autocommit=True) as conn:
            conn.execute(statement)

    def value(self, statement: str, *arguments: object) -> Any:
        with self.connect() as conn:
            row = conn.execute(statement, arguments or None).fetchone()
            return row and row[0]

    def run(self, script: str) -> None:
        """Statements, as the superuser."""
        with self.connect() as conn:
            conn.execute(script)

    def wait_for(self, condition: Callable[[], object]) -> Any:
        return _wait_for(condition)

    def start_worker(self) -> Process:
        """One more process; the caller puts it into `workers` if it is to live on."""
        log = self._directory / f"worker-{self._started}.log"
        self._started += 1
        worker = Process(self.dsn("worker"), log, once=False, constants=self._constants, env={})
        self.stack.callback(worker.kill)
        return worker

    def times(self, short: int, long: int) -> range:
        return range(long if self.long else short)

    def _set_up(self) -> None:
        self.provider = self.stack.enter_context(Provider())
        self.provider.latency_s = LATENCY_S
        self.stack.callback(self.cluster.remove)
        self.cluster.start()
        self._prepare(self)
        self.cluster.create_database("flywheel")
        with self.connect() as conn:
            install(conn)
            self.row.machine = machine(conn)
            client = psycopg.ClientCursor(conn)  # binds on this side, so a file may hold several statements
            client.execute(
                (HERE / "load.sql").read_text(),
                {"base_url": self.provider.base_url, "in_flight": IN_FLIGHT, "pace_s": PACE_S},
            )
            for number in range(BACKLOG):
                client.execute((HERE / "backlog.sql").read_text(), {"number": number, "n": BATCH})
                conn.execute("SELECT flywheel.dispatch()")
        self.workers = [self.start_worker() for _ in range(WORKERS)]
        command = [sys.executable, HERE / "application.py", self.dsn("application"), self._journal]
        self._application = subprocess.Popen(command)
        self.stack.callback(self._application.kill)

    def _measure_before(self) -> None:
        _wait_for(lambda: self._finished().keys() == {"paced", "helpful"}, "a verdict of each validator")
        time.sleep(1 + BEFORE_S)  # the measurement itself
        self._fault_began = time.time()
        finished = self._finished()
        self._before = {name: _rate(finished[name], self._fault_began - BEFORE_S, BEFORE_S) for name in finished}
        self.row.load = "{paced:.0f}+{helpful:.0f}/s".format(**self._before)

    def _finished(self) -> dict[str, list[float]]:
        """When the verdicts of the paced validators were stored."""
        with self.connect() as conn:
            return dict(conn.execute(FINISHED).fetchall())

    def _share(self, finished: dict[str, list[float]], start: float, seconds: float) -> float:
        """The rate of the validator that suffered more, of its rate before the fault."""
        return min(_rate(times, start, seconds) / self._before[name] for name, times in finished.items())

    def _observe_recovery(self, ended: float) -> None:
        recovered = None
        patience = RECOVERS_WITHIN_S if self.long else 20
        while recovered is None and time.time() < ended + patience + WINDOW_S:
            time.sleep(0.5)
            finished = self._finished()
            starts = (ended + i / 4 for i in range(int(4 * (time.time() - WINDOW_S - ended)) + 1))
            recovered = next((s for s in starts if self._share(finished, s, WINDOW_S) >= RECOVERED), None)
        since = time.time() if recovered is None else recovered
        time.sleep(max(0.0, since + WINDOW_S + AFTER_S - time.time()))
        finished = self._finished()
        self.row.during = self._share(finished, self._fault_began, ended - self._fault_began)
        self.row.recovery_s = None if recovered is None else recovered - ended
        self.row.after = self._share(finished, since, WINDOW_S + AFTER_S)

    def _settle(self) -> None:
        """No more INSERTs, and everything finishes, as fast as it can."""
        self._application.send_signal(signal.SIGTERM)
        assert self._application.wait(60) == 0
        self.provider.latency_s = 0
        with self.connect() as conn:
            conn.execute("UPDATE pace SET seconds = 0")
        ends, before = time.monotonic() + SETTLES_WITHIN_S, -1
        while self.value(PENDING) or self.value(UNANSWERED):
            assert time.monotonic() < ends, f"not settled within {SETTLES_WITHIN_S:g} s"
            messages = self.value(PENDING)
            if messages == before and not self.long:
                for queue in self.value(QUEUES):  # the leases of the dead: the long form waits for their end
                    self.value(f"SELECT count(*) FROM pgmq.q_{queue} q, pgmq.set_vt(%s, q.msg_id, 0)", queue)
            before = messages
            time.sleep(1)

    def _account(self) -> None:
        with self.connect() as conn:
            flywheel = Flywheel(conn)
            found = dict(flywheel.rows(APPLICATION))
            accounts = conn.cursor(row_factory=dict_row).execute((HERE / "account.sql").read_text()).fetchone()
            coverage = {name: flywheel.coverage(name) for name in ("paced", "short", "helpful")}
            wrong_rollups, statuses = flywheel.wrong_rollups(), dict(flywheel.rows(STATUSES))
        sent, committed = self._read_journal()
        in_doubt = {number: found.get(number, 0) for number in sent.keys() - committed.keys()}
        row = self.row
        row.inserted = BACKLOG * BATCH + sum(committed.values()) + sum(in_doubt.values())
        row.accounted = accounts["accounted"]
        row.lost = row.inserted - row.accounted
        row.double_counted = accounts["double_counted"]
        row.repeated_calls = self.provider.n_calls - accounts["judgements"]

        assert row.lost == 0, "steps without an answer of each validator"
        assert row.double_counted == 0
        assert wrong_rollups == []
        assert statuses.keys() == {"ok"} and accounts["dead_letters"] == 0, "a fault outside is no step's fault"
        assert all(n in (0, sent[number]) for number, n in in_doubt.items()), "half a statement"
        judged = accounts["judgements"]
        assert coverage["helpful"] == {"verdicts": judged, "filtered": row.inserted - judged}
        assert coverage["paced"] == coverage["short"] == {"verdicts": row.inserted}
        if self.long:
            assert row.during >= self._least_during
            assert row.recovery_s is not None, f"not {RECOVERED:.0%} of the rate within {RECOVERS_WITHIN_S:g} s"
        assert row.after > 0.3, "it goes on; in the short form, other tests take their share of the machine"
        assert [worker.stop() for worker in self.workers] == [0] * len(self.workers)

    def _read_journal(self) -> tuple[dict[str, int], dict[str, int]]:
        """Steps by statement: of those that were sent, and of those that the application knows to be committed."""
        lines = [line.split(maxsplit=2) for line in self._journal.read_text().splitlines()]
        sent = {number: int(n) for event, number, n in lines if event == "sent"}
        return sent, {number: int(n) for event, number, n in lines if event == "committed"}


def _rate(times: list[float], start: float, seconds: float) -> float:
    return (bisect_left(times, start + seconds) - bisect_left(times, start)) / seconds
