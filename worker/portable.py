"""Python validators of the portable profile: ranges of steps, run in subprocesses that can be killed."""

import asyncio
import json
import logging
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

log = logging.getLogger(__name__)

QUEUE = "flywheel_python"
STEP_BUDGET_S = 1.0
BATCH_BUDGET_S = 10.0
# The CPU budgets end a batch long before: what is still there sleeps, or is deaf to signals.
WALL_S = 30.0
LEASE_S = 45
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
        if not line:
            raise ConnectionError(f"the process ended with exit code {await process.wait()}")
        return json.loads(line)

    async def kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


class PythonValidating:
    """Takes ranges from the queue flywheel_python until `stop()`; with once=True until it is empty."""

    def __init__(self, pool: AsyncConnectionPool, processes: int, once: bool = False) -> None:
        self.pool = pool
        self.processes = processes
        self.once = once
        self.ranges = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self.processes):
                group.create_task(self._work())

    async def _work(self) -> None:
        host = Host()
        try:
            while not self._stopping.is_set():
                claimed = await self._claim()
                if claimed is not None:
                    await self._validate(host, claimed)
                    self.ranges += 1
                elif self.once:
                    return
                else:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), IDLE_S)
        finally:
            await host.kill()

    async def _claim(self) -> Range | None:
        async with self.pool.connection() as conn:
            cursor = conn.cursor(row_factory=class_row(Range))
            return await (await cursor.execute("SELECT * FROM flywheel.claim_python(%s)", (LEASE_S,))).fetchone()

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
                # Back at once: after the second time the range is halved, until the one step is found.
                data = {"validator": claimed.validator, "steps": len(claimed.ids), "why": str(problem)}
                log.warning("validator process lost", extra={"data": data})
                await self._call("SELECT flywheel.extend_leases(%s, %s, 0)", QUEUE, [claimed.msg_id])
                return
            if "error" in answer:
                answer = {"status": ["error"] * len(claimed.ids), "reason": [answer["error"]] * len(claimed.ids)}
            results = _results(claimed, answer)
            milliseconds = (time.perf_counter() - began) * 1000 / len(results)
        record = "SELECT flywheel.record_python(%s, %s, %s::real, %s)"
        await self._call(record, claimed.msg_id, claimed.version_id, milliseconds, json.dumps(results))

    async def _call(self, statement: str, *arguments: object) -> None:
        async with self.pool.connection() as conn:
            await conn.execute(statement, arguments)


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
