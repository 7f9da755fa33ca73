"""Cells of the fault suite: `with cell("what is done to it"): do_it()`. `--faults=long` for the form of `make faults`."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from pg_flywheel.cluster import Cluster

from tests.conftest import server_of
from tests.faults.harness import Cell, Row
from tests.worker.conftest import (  # noqa: F401 - fixtures
    open_flow,
    provider,
    run_once,
    start_provider,
    start_worker,
    wait_for,
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        kinds = ["full", "pg18"] + ["pg16"] * (metafunc.config.getoption("faults") == "long")
        metafunc.parametrize("kind", kinds)


@pytest.fixture
def cell(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Cell]:
    """A cell on every server in turn; its row goes into the table. settings: of its own cluster."""

    def cell(fault: str, settings: dict[str, str] | None = None) -> Cell:
        def report(row: Row) -> None:
            request.node.user_properties.append(("faults", asdict(row)))

        cluster = Cluster(server_of(kind), tmp_path / "cluster", settings)
        return Cell(Row(fault, kind), cluster, tmp_path, report, request.config.getoption("faults") == "long")

    return cell
