"""The judgements of one provider: leased from its queue, asked for, and brought back.

No transaction is open while the provider is called. Verdict and acknowledgement commit together; what happens in
between costs at most a repeated call.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from .prompt import ANSWER_SCHEMA, Judge, Step, Unreadable, prompt_hash, read_answer, render
from .provider import Failure, Provider, ProviderConfig

log = logging.getLogger(__name__)

LEASE_S = 60
MAX_TIMEOUTS = 3
MAX_DELIVERIES = 5
IDLE_S = 0.2
DATABASE_AWAY = (psycopg.OperationalError, PoolTimeout)


@dataclass(slots=True)
class Job:
    """One leased judgement: a row of flywheel.claim_judgements."""

    msg_id: int
    attempt: int
    step_id: int
    version_id: int
    rubric: str
    model: str
    temperature: float
    input: str | None
    output: str | None
    expected: str | None
    context: object
    content: int
    messages: list[dict[str, str]] = field(default_factory=list)
    hash: bytes = b""

    def render(self) -> None:
        judge = Judge(self.rubric, self.model, self.temperature)
        self.messages = render(judge, Step(self.input, self.output, self.expected, self.context))
        self.hash = prompt_hash(judge, self.messages)

    @property
    def prompt(self) -> tuple[int, bytes]:
        """What is paid for once: this prompt, for this version."""
        return self.version_id, self.hash

    def result(self, **fields: Any) -> dict[str, Any]:
        return {"msg_id": self.msg_id, "step_id": self.step_id, "version_id": self.version_id, **fields}


@dataclass(slots=True)
class Outcome:
    """What became of a job: exactly one of these is set."""

    job: Job
    verdict: dict[str, Any] | None = None
    defer: dict[str, Any] | None = None
    bury: dict[str, Any] | None = None
    give_back: bool = False


class Judging:
    """Runs until `stop()`; with once=True until the queue has nothing that can be asked now."""

    def __init__(self, pool: AsyncConnectionPool, config: ProviderConfig, once: bool = False) -> None:
        self.pool = pool
        self.config = config
        self.once = once
        self.judged = 0
        self._stopping = asyncio.Event()
        self._held: dict[int, Job] = {}  # leased and not yet brought back
        self._asked: dict[tuple[int, bytes], asyncio.Future[dict[str, Any]]] = {}
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._room = asyncio.Event()

    def stop(self) -> None:
        """Claim nothing more; what is in flight is finished."""
        self._stopping.set()
        self._room.set()

    async def run(self, grace_s: float = 30.0) -> None:
        """Raises Failure when the provider cannot be used at all (no key, bad URL)."""
        provider = Provider(self.config)
        loops = [asyncio.create_task(self._slot(provider)) for _ in range(self.config.max_in_flight)]
        loops += [asyncio.create_task(self._bring_back()), asyncio.create_task(self._keep_leases())]
        try:
            await self._claim()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self.once and not self._stopping.is_set() else grace_s):
                    while self._held:
                        await asyncio.sleep(0.01)
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            if self._held:
                with suppress(*DATABASE_AWAY):
                    await self._call("SELECT flywheel.give_back(%s, %s)", self.config.name, list(self._held))
            await provider.close()

    async def _call(self, statement: str, *arguments: object) -> Any:
        async with self.pool.connection() as conn:
            row = await (await conn.execute(statement, arguments)).fetchone()
            return row[0] if row else None

    async def _claim(self) -> None:
        """Keeps half as many jobs ready as can be in flight, so that no slot waits for the database."""
        ready = max(4, self.config.max_in_flight // 2)
        while not self._stopping.is_set():
            self._room.clear()
            room = ready - self._jobs.qsize()
            if room < (ready + 1) // 2:
                await self._room.wait()
                continue
            lease = partial(self._leased, room)
            jobs = await (lease() if self.once else _until_database_is_back(lease))
            for job in jobs:
                self._held[job.msg_id] = job
                self._jobs.put_nowait(job)
            if not jobs:
                if self.once and not self._held and not await self._waiting():
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), IDLE_S * random.uniform(0.5, 1))

    async def _waiting(self) -> bool:
        return await self._call("SELECT flywheel.judgements_waiting(%s)", self.config.name)

    async def _leased(self, room: int) -> list[Job]:
        async with self.pool.connection() as conn:
            cursor = conn.cursor(row_factory=class_row(Job))
            claim = "SELECT * FROM flywheel.claim_judgements(%s, %s, %s)"
            jobs = await (await cursor.execute(claim, (self.config.name, room, LEASE_S))).fetchall()
            for job in jobs:
                job.render()
            paid = "SELECT * FROM flywheel.paid_answers(%s, %s)"
            keys = ([job.version_id for job in jobs], [job.hash for job in jobs])
            known = {}
            if jobs:
                cursor = conn.cursor(row_factory=dict_row)
                rows = await (await cursor.execute(paid, keys)).fetchall()
                known = {(row["version_id"], row["prompt_hash"]): row for row in rows}
        fresh = []
        for job in jobs:
            if job.prompt in known:
                self._held[job.msg_id] = job
                self._outcomes.put_nowait(Outcome(job, verdict=_reused(job, known[job.prompt])))
            else:
                fresh.append(job)
        return fresh

    async def _slot(self, provider: Provider) -> None:
        while True:
            job = await self._jobs.get()
            self._room.set()
            if job.attempt > MAX_DELIVERIES:
                lost = f"its worker was lost {job.attempt - 1} times"
                outcome = Outcome(job, bury=job.result(attempts=job.attempt - 1, error=lost))
            else:
                try:
                    outcome = Outcome(job, verdict=await self._judge(provider, job))
                except Failure as failure:
                    outcome = await self._failed(job, failure)
            self._outcomes.put_nowait(outcome)

    async def _judge(self, provider: Provider, job: Job) -> dict[str, Any]:
        """Asks, or waits for the one who is asking the same."""
        asked = self._asked.get(job.prompt)
        if asked is not None:
            return _reused(job, await asyncio.shield(asked))
        asked = self._asked[job.prompt] = asyncio.get_running_loop().create_future()
        failure = Failure("provider", "the worker stopped")
        try:
            verdict = await self._ask(provider, job)
            failure = None if verdict["status"] == "ok" else Failure("step", verdict["reason"])
            return verdict
        except Failure as problem:
            failure = problem
            raise
        finally:
            if failure is None:
                asked.set_result(verdict)  # forgotten when it is in the database: see _bring_back
            else:
                del self._asked[job.prompt]
                asked.set_exception(failure)
                asked.exception()  # retrieved here, because perhaps nobody else waits for it

    async def _ask(self, provider: Provider, job: Job) -> dict[str, Any]:
        reply = await provider.complete(job.messages, job.model, job.temperature, ANSWER_SCHEMA)
        paid = {
            "content": job.content,
            "prompt_hash": job.hash.hex(),
            "latency_ms": reply.latency_ms,
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.completion_tokens,
        }
        try:
            answer = read_answer(reply.text)
        except Unreadable as problem:
            return job.result(status="error", passed=None, score=None, reason=_storable(str(problem)), **paid)
        return job.result(status="ok", passed=answer.passed, score=answer.score, reason=answer.reason, **paid)

    async def _failed(self, job: Job, failure: Failure) -> Outcome:
        if failure.kind == "provider":
            # Nobody's step is at fault: everything that is not in flight goes back, and the provider rests.
            await self._pause(failure)
            while not self._jobs.empty():
                self._outcomes.put_nowait(Outcome(self._jobs.get_nowait(), give_back=True))
            return Outcome(job, give_back=True)
        if failure.kind == "timeout" and job.attempt < MAX_TIMEOUTS:
            seconds = 2**job.attempt * random.uniform(1, 2)
            return Outcome(job, defer=job.result(seconds=seconds, reason=_storable(failure.message)))
        status = "timeout" if failure.kind == "timeout" else "error"
        verdict = job.result(
            status=status, reason=_storable(failure.message), content=job.content, prompt_hash=job.hash.hex()
        )
        return Outcome(job, verdict=verdict)

    async def _pause(self, failure: Failure) -> None:
        with suppress(*DATABASE_AWAY):
            pause = "SELECT flywheel.pause_provider(%s, %s, %s)"
            until = await self._call(pause, self.config.name, _storable(failure.message), failure.retry_after_s)
            log.warning(
                "provider paused", extra={"data": {"provider": self.config.name, "until": until, "why": failure.message}}
            )

    async def _bring_back(self) -> None:
        """Outcomes to the database, as many at once as there are. Holds on to them while the database is away."""
        while True:
            batch = [await self._outcomes.get()]
            while not self._outcomes.empty() and len(batch) < 500:
                batch.append(self._outcomes.get_nowait())
            await _until_database_is_back(partial(self._store, batch))
            for outcome in batch:
                self._held.pop(outcome.job.msg_id, None)
                asked = self._asked.get(outcome.job.prompt)
                if asked is not None and asked.done():
                    del self._asked[outcome.job.prompt]
            self.judged += sum(outcome.verdict is not None for outcome in batch)

    async def _store(self, batch: list[Outcome]) -> None:
        name = self.config.name
        async with self.pool.connection() as conn, conn.transaction():
            if verdicts := [outcome.verdict for outcome in batch if outcome.verdict]:
                await conn.execute("SELECT flywheel.record_judgements(%s, %s)", (name, json.dumps(verdicts)))
            if waits := [outcome.defer for outcome in batch if outcome.defer]:
                await conn.execute("SELECT flywheel.defer_judgements(%s, %s)", (name, json.dumps(waits)))
            if dead := [outcome.bury for outcome in batch if outcome.bury]:
                await conn.execute("SELECT flywheel.bury_judgements(%s, %s)", (name, json.dumps(dead)))
            if back := [outcome.job.msg_id for outcome in batch if outcome.give_back]:
                await conn.execute("SELECT flywheel.give_back(%s, %s)", (name, back))

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            if self._held:
                with suppress(*DATABASE_AWAY):
                    extend = "SELECT flywheel.extend_leases(%s, %s, %s)"
                    await self._call(extend, f"flywheel_judge_{self.config.name}", list(self._held), LEASE_S)


def _reused(job: Job, paid: dict[str, Any]) -> dict[str, Any]:
    answer = {key: paid[key] for key in ("passed", "score", "reason")}
    free = {"details": {"reused": True}, "prompt_tokens": 0, "completion_tokens": 0}
    return job.result(status="ok", content=job.content, prompt_hash=job.hash.hex(), **answer, **free)


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


async def _until_database_is_back(action: Callable[[], Awaitable[Any]]) -> Any:
    delay = 0.1
    while True:
        try:
            return await action()
        except DATABASE_AWAY as error:
            data = {"error": str(error).strip(), "retry_s": delay}
            log.warning("database away", extra={"data": data})
            await asyncio.sleep(delay * random.uniform(0.5, 1))
            delay = min(delay * 2, 5.0)
