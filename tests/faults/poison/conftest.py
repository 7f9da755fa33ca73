"""A database with healthy steps and validators around the poison, and what must hold afterwards."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.sql.conftest import Flywheel, another, in_thread  # noqa: F401
from tests.worker.conftest import run_once, start_worker, wait_for  # noqa: F401

CODE = (Path(__file__).parent / "validators.py").read_text()
# So that a test waits for seconds. An innocent step that is stopped on a busy machine gets another turn.
IMPATIENT = "worker.OVERDUE_S = 3; worker.LOOK_FOR_OVERDUE_S = 0.2"
HEALTHY = 250


class Poisoned(Flywheel):
    """Somebody else is connected all the time, and notices a restart of the server."""

    def __init__(self, conn: psycopg.Connection, bystander: psycopg.Connection):
        super().__init__(conn)
        self.bystander = bystander

    def add_healthy(self) -> None:
        self.validator("healthy_sql", "SELECT step.output IS NOT NULL")
        self.execute("SELECT flywheel.add_validator('healthy_py', 'py:contains_none', '{\"words\": [\"sorry\"]}')")

    def insert_around(self, *poison: str) -> list[int]:
        """Healthy steps with the poison in their middle, in one statement; the ids of the poison."""
        half = ["fine"] * (HEALTHY // 2)
        return self.insert(*half, *poison, *half)[len(half) : len(half) + len(poison)]

    def assert_all_is_well_but(self, validator: str, poison: list[int]) -> None:
        steps = HEALTHY + len(poison)
        assert self.bystander.execute("SELECT 1").fetchone() == (1,), "the server restarted"
        for healthy in ("healthy_sql", "healthy_py"):
            assert self.coverage(healthy) == {"verdicts": steps}
        answered = self.rows(
            "SELECT v.step_id FROM flywheel.verdicts v JOIN flywheel.validator_versions w ON w.id = v.version_id "
            "WHERE w.validator = %s AND v.status = 'ok' AND v.passed AND v.step_id <> ALL (%s)", validator, poison,
        )  # fmt: skip
        assert len(answered) == HEALTHY
        answers = self.coverage(validator)
        assert answers.get("verdicts", 0) + answers.get("dead_letters", 0) == steps, answers
        assert self.wrong_rollups() == []
        assert self.messages("flywheel_code") + self.messages("flywheel_python") == 0


@pytest.fixture(params=["full", "pg18"])
def fw(request: pytest.FixtureRequest, databases: Callable) -> Iterator[Poisoned]:
    """Both profiles."""
    janitor, dsn = databases(request.param).fresh()
    with psycopg.connect(dsn, autocommit=True) as conn, psycopg.connect(dsn, autocommit=True) as bystander:
        yield Poisoned(conn, bystander)
    janitor.drop()


@pytest.fixture
def work_off(fw: Poisoned, run_once: Callable, tmp_path: Path) -> Callable[[], None]:  # noqa: F811
    """Every queue, with the poison in Python: in this session where Python runs in Postgres, else in a worker."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nif 'pyvalidators.host' in sys.orig_argv:\n    exec(compile({CODE!r}, 'validators.py', 'exec'))\n"
    )

    def work_off() -> None:
        if fw.one("SELECT flywheel.has_python()"):
            fw.execute("SELECT flywheel.py_sync()")
            fw.execute(f"DO LANGUAGE plpython3u $do$ exec(compile({CODE!r}, 'validators.py', 'exec'), {{}}) $do$")
            fw.drain()
        else:
            run_once(fw.conn.info.dsn, env={"PYTHONPATH": str(tmp_path)}, constants=IMPATIENT)

    return work_off
