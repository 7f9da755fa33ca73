"""A rolling upgrade: the database has this schema already, the worker is still that of the last release."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def git(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", ROOT, *arguments], check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no releases to be had from git here: {error}")


@pytest.fixture
def released(tmp_path: Path) -> str:
    """A folder with the packages of the last release, for PYTHONPATH."""
    tags = git("tag", "--list", "v*", "--merged", "HEAD", "--sort", "-version:refname").decode().split()
    if not tags:
        pytest.skip("no release yet (or a clone without tags): worker_interface.txt stands in for it")
    packages = tmp_path / "released"
    packages.mkdir()
    archive = git("archive", tags[0], "worker", "sql", "pyvalidators")
    subprocess.run(["tar", "-x", "-C", packages], input=archive, check=True)
    (packages / "worker").rename(packages / "pg_flywheel")
    (packages / "sql").rename(packages / "pg_flywheel" / "sql")
    return str(packages)


def test_it_judges_and_drains(every_flow, provider, run_once, released):
    flow = every_flow
    flow.add_judge(provider.base_url)
    flow.db.execute("CREATE FUNCTION short(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE sql "
                    "AS 'SELECT length(step.output) < 99'")  # fmt: skip
    flow.value("SELECT flywheel.add_validator('short', 'short')")
    flow.insert(10)
    where = "import pg_flywheel; print(pg_flywheel.__file__, file=sys.stderr); sys.stderr.flush()"
    worker = run_once(flow.dsn, constants=where, env={"PYTHONPATH": released})
    assert worker.log.startswith(released)
    assert flow.coverage() == {"verdicts": 20}
