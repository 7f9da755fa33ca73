"""Cells of the fault suite: `with cell("what is done to it"): do_it()`. `--faults=long` as in `make faults`."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from pg_flywheel.cluster import Cluster

from tests.conftest import server_of
from tests.faults.harness import Cell, Row
from tests.worker.conftest import open_flow, provider, run_once, start_provider, start_worker, wait_for  # noqa: F401


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        long = metafunc.config.getoption("faults") == "long"
        portable = long or "portable" in metafunc.definition.keywords
        metafunc.parametrize("kind", ["full"] + ["pg18"] * portable + ["pg16"] * long)


@pytest.fixture
def cell(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Cell]:
    """A cell on every server in turn. Its row goes into the table. settings: of its own cluster; options: see Cell."""

    def cell(fault: str, settings: dict[str, str] | None = None, **options: object) -> Cell:
        def report(row: Row) -> None:
            request.node.user_properties.append(("faults", asdict(row)))

        cluster = Cluster(server_of(kind), tmp_path / "cluster", settings)
        long = request.config.getoption("faults") == "long"
        return Cell(Row(fault, kind), cluster, tmp_path, report, long, **options)

    return cell
