"""Real servers for the tests: the full profile on the machine's Postgres, the portable one on pip-installed 16 and 18.

`db` is a fresh database with pg_flywheel in it, once for every server; `full_db` only where Python runs in Postgres.
Clusters are shared by the processes of pytest-xdist and stopped by the last of them.
"""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pg_flywheel.cluster import Cluster, Server, servers
from pg_flywheel.install import install
from pytest_postgresql.janitor import DatabaseJanitor

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
SERVERS = {"full": "full-", "pg16": "portable-16", "pg18": "portable-18"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", choices=["short", "long"], default="short", help="how hard tests/faults tries")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the fault suite's cells that ran."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    if rows := [row for report in reports for name, row in report.user_properties if name == "faults"]:
        from tests.faults.table import render

        terminalreporter.write(f"\n{render(rows)}")


def server_of(kind: str) -> Server:
    for name, server in servers().items():
        if name.startswith(SERVERS[kind]):
            return server
    pytest.skip(f"no {kind} server on this machine: {', '.join(servers()) or 'none'} found")


def cluster_of(server: Server) -> Cluster:
    return Cluster(server, ROOT / ".flywheel" / f"test-{server.name}", {"fsync": "off", "max_connections": "300"})


def pytest_configure() -> None:
    # A shell's background job, such as CI may be, ignores Ctrl-C and hands that down to what the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return  # the controlling process is the last to finish
    for server in servers().values():
        cluster = cluster_of(server)
        if cluster.is_running() and not in_use(cluster):
            cluster.stop("immediate")


def in_use(cluster: Cluster) -> bool:
    """Whether another run of the tests is connected."""
    connected = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    with psycopg.connect(cluster.dsn()) as conn:
        return conn.execute(connected).fetchone() != (1,)


class Databases:
    """Makes databases with pg_flywheel from a template, and drops them."""

    def __init__(self, kind: str, run: str):
        self.server = server_of(kind)
        self.cluster = cluster_of(self.server)
        self.cluster.start()
        self.run = run
        self.made = 0
        self.template = self._janitor(f"template_{run}", as_template=True)
        self.template.drop()
        self.template.init()
        with psycopg.connect(self.cluster.dsn(self.template.dbname), autocommit=True) as conn:
            install(conn)

    def _janitor(self, name: str, template: str | None = None, as_template: bool = False) -> DatabaseJanitor:
        return DatabaseJanitor(
            user="postgres",
            host=str(self.cluster.socket_dir),
            port=self.cluster.port,
            dbname=name,
            template_dbname=template,
            as_template=as_template,
        )

    def fresh(self, template: bool = True) -> tuple[DatabaseJanitor, str]:
        self.made += 1
        janitor = self._janitor(f"test_{self.run}_{self.made}", self.template.dbname if template else None)
        janitor.drop()
        janitor.init()
        return janitor, self.cluster.dsn(janitor.dbname)


@pytest.fixture(scope="session")
def databases(worker_id: str, testrun_uid: str) -> Iterator[Callable[[str], Databases]]:
    made: dict[str, Databases] = {}

    def of(kind: str) -> Databases:
        if kind not in made:
            made[kind] = Databases(kind, f"{testrun_uid[:8]}_{worker_id}")
        return made[kind]

    yield of
    for each in made.values():
        each.template.drop()


@pytest.fixture(params=SERVERS)
def dsn(request: pytest.FixtureRequest, databases: Callable[[str], Databases]) -> Iterator[str]:
    """A fresh database with pg_flywheel, on every server in turn."""
    janitor, dsn = databases(request.param).fresh()
    yield dsn
    janitor.drop()


@pytest.fixture
def full_dsn(databases: Callable[[str], Databases]) -> Iterator[str]:
    """A fresh database where Python validators run inside Postgres."""
    janitor, dsn = databases("full").fresh()
    yield dsn
    janitor.drop()


@pytest.fixture(params=SERVERS)
def empty_dsn(request: pytest.FixtureRequest, databases: Callable[[str], Databases]) -> Iterator[str]:
    """A fresh database without pg_flywheel."""
    janitor, dsn = databases(request.param).fresh(template=False)
    yield dsn
    janitor.drop()


@pytest.fixture
def db(dsn: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to `dsn`."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture
def full_db(full_dsn: str) -> Iterator[psycopg.Connection]:
    """An autocommit connection to `full_dsn`."""
    with psycopg.connect(full_dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture
def shared() -> Path:
    """The folder of real data beside the repository."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return SHARED


os.environ.pop("PGHOST", None)  # the tests' servers, never the environment's
