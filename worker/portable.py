"""Python validators of the portable profile: ranges of steps, run in subprocesses that can be killed."""

import asyncio
import json
import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from .database import ONCE_PATIENCE_S, Database, outlast
from .install import VERSION, query

log = logging.getLogger(__name__)

QUEUE = "flywheel_python"
STEP_BUDGET_S = 1.0
BATCH_BUDGET_S = 10.0
# The CPU budgets end a batch long before: what is still there sleeps, or is deaf to signals.
WALL_S = 30.0
LEASE_S = 45
# What Python needs to start and find its modules. Not the worker's API keys.
KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONHOME", "PYTHONPATH", "TMPDIR")
IDLE_S = 0.1


@dataclass(frozen=True, slots=True)
class Range:
    """A row of flywheel.claim_python."""

    msg_id: int
    attempt: int
    version_id: int
    validator: str
    config: dict[str, Any]
    ids: list[int]
    columns: list[list[str | None]]
    content: list[int]


class Host:
    """One `python -m pyvalidators.host`, started when needed and again after it was killed."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of the host. Raises ConnectionError when the process dies or has to be killed."""
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "pyvalidators.host"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=2**30,  # one line holds a batch
                env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
            )
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            async with asyncio.timeout(WALL_S):
                process.stdin.write(json.dumps(request).encode() + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
        except TimeoutError:
            await self.kill()
            raise ConnectionError(f"no answer within {WALL_S:g} s") from None
        if not line.endswith(b"\n"):  # nothing, or half an answer
            raise ConnectionError(f"the process ended with exit code {await process.wait()}")
        return json.loads(line)

    async def kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class PythonValidating:
    """Takes ranges from the queue flywheel_python until `stop()`; with once=True until it is empty."""

    def __init__(self, db: Database, processes: int, once: bool = False) -> None:
        self.db = db
        self.processes = processes
        self.once = once
        self.ranges = 0
        self._stopping = asyncio.Event()
        self._patience_s = ONCE_PATIENCE_S if once else None
        self._claiming = asyncio.Lock()

    def stop(self) -> None:
        """Claims nothing more; what is in flight is finished."""
        self._stopping.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.processes):
                group.create_task(self._work())

    async def _work(self) -> None:
        host = Host()
        try:
            while (claimed := await self._next()) is not None:
                try:
                    await self._validate(host, claimed)
                except psycopg.OperationalError:
                    raise
                except psycopg.Error as error:
                    # Back when its lease is over: then again, then in parts, until the one step is found.
                    data = {"validator": claimed.validator, "steps": len(claimed.ids), "error": str(error)}
                    log.error("verdicts refused by the database", extra={"data": data})
                self.ranges += 1
        finally:
            await host.kill()

    async def _next(self) -> Range | None:
        """The next range, or None when it is time to end. One asks while the queue is empty, the others wait here."""
        claim = partial(self.db.rows, Range, query("claim_python"), LEASE_S, VERSION)
        async with self._claiming:
            while not self._stopping.is_set():
                claimed = await outlast(claim, self._stopping, self._patience_s)
                if claimed:
                    return claimed[0]
                if self.once:
                    return None
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), IDLE_S)
        return None

    async def _validate(self, host: Host, claimed: Range) -> None:
        results: list[dict[str, Any]] = []
        milliseconds = 0.0
        if claimed.ids:
            request = {
                "validator": claimed.validator,
                "config": claimed.config,
                "columns": claimed.columns,
                "step_budget_s": STEP_BUDGET_S,
                "batch_budget_s": BATCH_BUDGET_S,
            }
            began = time.perf_counter()
            try:
                answer = await host.run(request)
            except ConnectionError as problem:
                # Back at once: after the second time the range is taken apart, until the one step is found.
                data = {"validator": claimed.validator, "steps": len(claimed.ids), "why": str(problem)}
                log.warning("validator process lost", extra={"data": data})
                await self._tell("SELECT flywheel.retry(%s, %s, 0, %s)", QUEUE, claimed.msg_id, str(problem))
                return
            if "error" in answer:
                answer = {"status": ["error"] * len(claimed.ids), "reason": [answer["error"]] * len(claimed.ids)}
            results = _results(claimed, answer)
            milliseconds = (time.perf_counter() - began) * 1000 / len(results)
        record = "SELECT flywheel.record_python(%s, %s, %s::real, %s)"
        await self._tell(record, claimed.msg_id, claimed.version_id, milliseconds, json.dumps(results))

    async def _tell(self, statement: str, *arguments: object) -> None:
        tell = partial(self.db.value, statement, *arguments)
        await outlast(tell, None, self._patience_s, psycopg.OperationalError)


def _results(claimed: Range, answer: dict[str, list]) -> list[dict[str, Any]]:
    """One object per step that the batch got to: what flywheel.record_python takes."""
    nothing = [None] * len(claimed.ids)
    columns = {name: answer.get(name, nothing) for name in ("status", "passed", "score", "reason", "details")}
    rows = zip(claimed.ids, claimed.content, *columns.values(), strict=False)
    return [
        {"id": id, "content": content, "status": status, "passed": passed, "score": score, "reason": reason}
        | ({"details": json.loads(details)} if details else {})
        for id, content, status, passed, score, reason, details in rows
    ]
