"""The real worker process, and a stand-in provider that can hold its answers back."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pg_flywheel.standin import StandIn

DEADLINE_S = 90  # far above what anything takes: the machine may be busy
RUBRIC = "Passes if the output answers the input."
RUN = "import sys; from pg_flywheel import judging, portable, worker; {}; from pg_flywheel.command import app; app()"

INSERT = """
INSERT INTO flywheel.traces (input, output)
SELECT format('%%s %%s', %(text)s::text, g), format('answer to %%s %%s', %(text)s::text, g)
FROM generate_series(1, %(n)s) g RETURNING id
"""


HOSTILE = Path(__file__).parent / "hostile"


@dataclass
class HostileStep:
    """A case of hostile/steps.jsonl: content that tries something."""

    id: str
    tries: str
    input: str | None = None
    output: str | None = None
    expected: str | None = None
    context: str | None = None  # JSON
    critique: str | None = None


def hostile_steps_of_the_corpus() -> list[HostileStep]:
    return [HostileStep(**case) for case in read_corpus("steps")]


def read_corpus(name: str) -> list[dict]:
    """Lists are texts in pieces, each [text, times]: some are long."""
    lines = HOSTILE.joinpath(f"{name}.jsonl").read_text().splitlines()
    return [
        {key: "".join(a * n for a, n in value) if isinstance(value, list) else value for key, value in case.items()}
        for case in map(json.loads, lines)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "hostile_step" in metafunc.fixturenames:
        metafunc.parametrize("hostile_step", hostile_steps_of_the_corpus(), ids=lambda case: case.id)


@pytest.fixture
def hostile_steps() -> list[HostileStep]:
    return hostile_steps_of_the_corpus()


@pytest.fixture
def hostile_replies() -> list[dict]:
    """{"id", "tries", "reply", "verdict"}: what a model sends that was taken in, and the row that is to come of it."""
    return read_corpus("replies")


class Flow:
    """A database under test: what goes in, and what came of it."""

    def __init__(self, dsn: str):
        self.dsn = dsn
        self.db = psycopg.connect(dsn, autocommit=True)

    def value(self, statement: str, *arguments: object) -> Any:
        row = self.db.execute(statement, arguments).fetchone()
        return row and row[0]

    def add_judge(self, base_url: str, name: str = "helpful", provider: str = "default", **options: object) -> None:
        """A judge of every step, and its provider. options: as for flywheel.set_provider."""
        self.set_provider(base_url, provider, **options)
        self.value("SELECT flywheel.add_judge(%s, %s, 'model-1', %s)", name, RUBRIC, provider)

    def set_provider(self, base_url: str, provider: str = "default", **options: object) -> None:
        given = "".join(f", {option} => %s" for option in options)
        self.value(f"SELECT flywheel.set_provider(%s, %s{given})", provider, base_url, *options.values())

    def insert(self, n: int, text: str = "question") -> list[int]:
        """n steps with different inputs; their ids."""
        return [id for (id,) in self.db.execute(INSERT, {"n": n, "text": text})]

    def verdicts(self, where: str = "true") -> int:
        return self.value(f"SELECT count(*) FROM flywheel.verdicts WHERE {where}")

    def statuses(self) -> dict[str, int]:
        return dict(self.db.execute("SELECT status, count(*) FROM flywheel.verdicts GROUP BY status").fetchall())

    def coverage(self) -> dict[str, int]:
        """Of all validators together, without the zeros."""
        names = ("verdicts", "pending", "deferred", "dead_letters", "not_eligible")
        sums = ", ".join(f"sum({name})::int" for name in ("steps", *names))
        steps, *answers = self.db.execute(f"SELECT {sums} FROM flywheel.coverage").fetchone()
        assert steps == sum(answers), "every step has exactly one answer"
        return {name: n for name, n in zip(names, answers, strict=True) if n}

    def expire_leases(self, queue: str = "flywheel_judge_default") -> None:
        """As if the time of every lease were over."""
        self.db.execute(f"SELECT pgmq.set_vt(%s, msg_id, 0) FROM pgmq.q_{queue}", (queue,))

    def hurry(self) -> None:
        """What waits for a time waits no more: pauses, and steps that are tried again later."""
        at_once = "now() - interval '1 hour'"
        self.db.execute(f"UPDATE flywheel.provider_state SET paused_until = {at_once} WHERE probe IS NULL")
        self.db.execute(f"UPDATE flywheel.judge_state SET paused_until = {at_once} WHERE NOT probing")
        if self.value("SELECT to_regclass('pgmq.q_flywheel_judge_default') IS NULL"):
            return
        self.db.execute(
            f"WITH due AS (UPDATE flywheel.deferrals SET until = {at_once} WHERE until > now() RETURNING step_id) "
            "UPDATE pgmq.q_flywheel_judge_default q SET vt = now() FROM due "
            "WHERE (q.message ->> 'step')::bigint = due.step_id"
        )

    def leased(self, queue: str = "flywheel_judge_default") -> int:
        if self.value("SELECT to_regclass(%s)::text", f"pgmq.q_{queue}") is None:
            return 0
        return self.value(f"SELECT count(*) FROM pgmq.q_{queue} WHERE vt > clock_timestamp()")


def _wait_for(condition: Callable[[], object], what: str = "the condition") -> object:
    """The first true value of the condition; fails after DEADLINE_S."""
    ends = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends:
        if value := condition():
            return value
        time.sleep(0.02)
    pytest.fail(f"{what} did not come true within {DEADLINE_S} s")


class Provider(StandIn):
    """A stand-in in a thread of its own. `hold()` keeps requests open until `release()`."""

    def __init__(self, port: int = 0):
        super().__init__(port=port)
        self.arrived = self.in_flight = self.peak = 0
        self.arrivals: list[float] = []
        self.bodies: list[bytes] = []  # as they came
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Provider":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.__aenter__(), self._loop).result(DEADLINE_S)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.__aexit__(), self._loop).result(DEADLINE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _complete(self, body: bytes):
        self.arrived += 1
        self.arrivals.append(time.monotonic())
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await self._open.wait()
            self.bodies.append(body)
            return await super()._complete(body)
        finally:
            self.in_flight -= 1

    async def _embed(self, body: bytes):
        await self._open.wait()
        return await super()._embed(body)

    def hold(self) -> None:
        self._loop.call_soon_threadsafe(self._open.clear)
        _wait_for(lambda: not self._open.is_set())

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self._open.set)

    def prompts(self) -> list[dict]:
        """What was judged, call by call."""
        return [json.loads(call["messages"][-1]["content"]) for call in self.calls]


class Process:
    """A `flywheel worker`. `constants` such as "judging.LEASE_S = 2" shorten what a test would wait for."""

    def __init__(self, dsn: str, log: Path, once: bool, constants: str, env: dict[str, str]):
        self._log = log
        command = [sys.executable, "-c", RUN.format(constants or "pass"), "worker", "--dsn", dsn]
        with log.open("w") as stderr:
            self.popen = subprocess.Popen(
                command + ["--once"] * once, stderr=stderr, stdout=subprocess.DEVNULL, env=os.environ | env
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.log.splitlines(keepends=True) if line.endswith("\n")]

    def logged(self, event: str) -> list[dict]:
        return [line for line in self.events if line["event"] == event]

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def wait(self) -> int:
        return self.popen.wait(DEADLINE_S)


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(dsn: str, once: bool = False, constants: str = "", env: dict[str, str] | None = None) -> Process:
        log = tmp_path / f"worker-{len(started)}.log"
        started.append(Process(dsn, log, once, constants, env or {}))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def run_once(start_worker: Callable[..., Process]) -> Callable[..., Process]:
    """`flywheel worker --once` to its end."""

    def run(dsn: str, **options: object) -> Process:
        process = start_worker(dsn, once=True, **options)
        assert process.wait() == 0, process.log
        return process

    return run


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    return _wait_for


@pytest.fixture
def start_provider() -> Iterator[Callable[..., Provider]]:
    with ExitStack() as started:
        yield lambda port=0: started.enter_context(Provider(port))


@pytest.fixture
def provider(start_provider: Callable[..., Provider]) -> Provider:
    return start_provider()


@pytest.fixture
def open_flow() -> Iterator[Callable[[str], Flow]]:
    opened: list[Flow] = []

    def open_flow(dsn: str) -> Flow:
        opened.append(Flow(dsn))
        return opened[-1]

    yield open_flow
    for flow in opened:
        flow.db.close()


@pytest.fixture
def every_flow(dsn: str, open_flow: Callable[[str], Flow]) -> Flow:
    """On every server in turn."""
    return open_flow(dsn)


@pytest.fixture
def flow(databases: Callable, open_flow: Callable[[str], Flow]) -> Iterator[Flow]:
    """On the server that pip installs: judges do not care which it is."""
    janitor, dsn = databases("pg18").fresh()
    yield open_flow(dsn)
    janitor.drop()
