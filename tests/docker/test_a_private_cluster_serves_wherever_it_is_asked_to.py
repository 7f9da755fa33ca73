"""The private cluster starts, is reused, survives a kill -9, and copes with awkward directories."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pg_flywheel.cluster import Cluster, ClusterError, Server, find_server, servers

SMALL = {"shared_buffers": "16MB"}


@pytest.fixture(params=servers().values(), ids=lambda server: server.name)
def server(request: pytest.FixtureRequest) -> Server:
    return request.param


@pytest.fixture
def cluster(server: Server, tmp_path: Path) -> Iterator[Cluster]:
    """Not started. For root, tmp_path is below a 0700 directory that the server's user cannot enter."""
    cluster = Cluster(server, tmp_path / "cluster", SMALL)
    yield cluster
    cluster.remove()


def query(cluster: Cluster, question: str) -> object:
    with psycopg.connect(cluster.dsn()) as connection:
        return connection.execute(question).fetchone()[0]


def postmaster(cluster: Cluster) -> int:
    return int((cluster.home / "data" / "postmaster.pid").read_text().split()[0])


def kill(pid: int) -> None:
    process = os.pidfd_open(pid)
    signal.pidfd_send_signal(process, signal.SIGKILL)
    gone = select.select([process], [], [], 30)[0]
    os.close(process)
    assert gone, f"process {pid} is still there 30 s after SIGKILL"


def test_it_listens_on_its_socket_only(cluster: Cluster) -> None:
    cluster.start()
    assert cluster.is_running()
    assert query(cluster, "SHOW listen_addresses") == ""
    assert query(cluster, "SHOW server_encoding") == "UTF8"
    cluster.stop()
    assert not cluster.is_running()


def test_only_its_owner_and_root_can_enter_the_directory_of_the_socket(cluster: Cluster) -> None:
    cluster.start()
    assert cluster.socket_dir.stat().st_mode & 0o777 == 0o700


def test_start_reuses_the_running_server(cluster: Cluster) -> None:
    cluster.start()
    first = postmaster(cluster)
    cluster.start()
    assert postmaster(cluster) == first


def test_settings_are_read_at_the_next_start(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    Cluster(cluster.server, cluster.directory, SMALL | {"search_path": "public, \"it's new\""}).start()
    assert query(cluster, "SHOW search_path") == "public, \"it's new\""


def test_it_starts_after_a_kill_even_if_the_process_id_was_reused(cluster: Cluster) -> None:
    cluster.start()
    with psycopg.connect(cluster.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    killed = postmaster(cluster)
    kill(killed)
    # A live process of the same user, under the number that the stale lock files name.
    owner = cluster.home.stat()
    identity = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd="/", **identity)
    try:
        for lock in (cluster.home / "data" / "postmaster.pid", cluster.socket_dir / ".s.PGSQL.5432.lock"):
            lock.write_text(lock.read_text().replace(str(killed), str(stranger.pid), 1))
        assert not cluster.is_running()
        cluster.start()
        assert query(cluster, "SELECT answer FROM kept") == 42
    finally:
        stranger.communicate()


@pytest.mark.parametrize("name", ["it's 100% & mine?", "long" * 40], ids=["quotes", "long"])
def test_any_directory_name_works_and_remove_leaves_nothing(
    server: Server, tmp_path: Path, name: str
) -> None:
    cluster = Cluster(server, tmp_path / name, SMALL)
    try:
        with cluster:
            assert query(cluster, "SELECT 1") == 1
    finally:
        cluster.remove()
    assert list(tmp_path.iterdir()) == []
    assert not cluster.socket_dir.exists()


def test_the_server_does_not_see_the_callers_environment(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret")
    monkeypatch.setenv("PGPORT", "1")
    cluster.start()
    assert b"a-secret" not in Path(f"/proc/{postmaster(cluster)}/environ").read_bytes()
    assert query(cluster, "SHOW port") == "5432"


def test_data_of_another_major_version_is_refused_by_name(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    (cluster.home / "data" / "PG_VERSION").write_text("13\n")
    with pytest.raises(ClusterError, match=f"Postgres 13.*{cluster.server.name}"):
        cluster.start()


def test_the_command_ends_with_the_dsn_and_leaves_the_server_running(cluster: Cluster) -> None:
    # Captured: a server that inherited the pipe would keep it open, and this waiting.
    command = [sys.executable, "-m", "pg_flywheel.cluster", "start", "--server", cluster.server.name]
    made = subprocess.run(
        [*command, "--directory", cluster.directory], capture_output=True, text=True, timeout=60, check=True
    )
    dsn = made.stdout.splitlines()[-1]
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("flywheel",)


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs the server as itself")
def test_root_can_use_a_pip_installed_server_below_a_private_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = find_server("18")
    package = server.bindir.parents[1]
    private = tmp_path / package.name
    shutil.copytree(server.bindir.parent, private / server.bindir.parent.name)
    shutil.copytree(f"{package}.libs", f"{private}.libs")
    with tempfile.TemporaryDirectory() as store:
        Path(store).chmod(0o755)
        monkeypatch.setattr("pg_flywheel.cluster.ROOT_STORE", Path(store))
        hidden = Server("portable", 18, private / server.bindir.relative_to(package))
        with Cluster(hidden, tmp_path / "cluster", SMALL) as cluster:
            assert query(cluster, "SELECT 1") == 1
