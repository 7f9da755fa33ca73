"""The judgements of one provider: leased from its queue, asked for, and brought back.

No transaction is open while the provider is called. Verdict and acknowledgement commit together; what happens in
between costs at most a repeated call.
"""

import asyncio
import json
import logging
import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import psycopg

from .database import ONCE_PATIENCE_S, Database, outlast
from .install import query
from .prompt import ANSWER_SCHEMA, Answer, Example, Judge, Step, Unreadable, prompt_hash, read_answer, render
from .provider import Failure, Provider, ProviderConfig, Reply
from .votes import NoMajority, tally

log = logging.getLogger(__name__)

LEASE_S = 60
MAX_DELIVERIES = 5
IDLE_S = 0.2
MAX_BATCH = 500
# The database is away, or a function is missing or closed to us: answers that are paid for wait until that is mended.
NO_STEPS_FAULT = (psycopg.OperationalError, psycopg.ProgrammingError)


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
    context: str | None
    content: int
    votes: int
    examples: list[dict[str, Any]] | None  # None: the judge is not shown any
    messages: list[dict[str, str]] = field(init=False)
    hash: bytes = field(init=False)

    def __post_init__(self) -> None:
        judge = Judge(self.rubric, self.model, self.temperature)
        examples = [Example(e["input"], e["output"], e["passed"], e["critique"]) for e in self.examples or ()]
        self.messages = render(judge, Step(self.input, self.output, self.expected, self.context), examples)
        self.hash = prompt_hash(judge, self.messages)

    @property
    def prompt(self) -> tuple[int, bytes]:
        """What is paid for once: this prompt, for this version."""
        return self.version_id, self.hash


@dataclass(slots=True)
class Question:
    """A prompt that is asked once, and the jobs that wait for its answer, the one that pays first."""

    jobs: list[Job]
    answer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PaidAnswer:
    """A row of flywheel.paid_answers."""

    version_id: int
    prompt_hash: bytes
    passed: bool | None
    score: float | None
    reason: str | None
    details: dict[str, Any] | None


class NotAsked(Exception):
    """The provider began to refuse everybody before this call was made."""


class Unanswered(Exception):
    """A question that was asked, and what was paid for it."""

    def __init__(self, failure: Failure, paid: dict[str, Any], unreadable: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.paid = paid
        self.unreadable = unreadable


@dataclass(slots=True)
class Outcome:
    """What becomes of a job. data: what the database is told about it."""

    job: Job
    kind: Literal["verdict", "fail", "bury", "give_back"]
    data: dict[str, Any] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        job = self.job
        return {"msg_id": job.msg_id, "step_id": job.step_id, "version_id": job.version_id, **self.data}


class Judging:
    """Runs until `stop()`; with once=True until the queue has nothing that can be asked now."""

    def __init__(self, db: Database, config: ProviderConfig, once: bool = False) -> None:
        self.db = db
        self.config = config
        self.once = once
        self.judged = 0
        self.stopping = asyncio.Event()
        self._patience_s = ONCE_PATIENCE_S if once else None
        self._held: set[int] = set()  # messages that are leased and not yet brought back
        self._in_flight = asyncio.Semaphore(config.max_in_flight)  # a question may be several calls
        self._questions: dict[tuple[int, bytes], Question] = {}  # until the answer is in the database
        self._ready: asyncio.Queue[Question] = asyncio.Queue()
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._moved = asyncio.Event()  # a question was taken, or outcomes were stored
        self._resting = False  # the provider refuses everybody, and the database does not know yet
        self._writing = asyncio.Lock()  # so that no lease is extended that was just given back

    def stop(self) -> None:
        """Claims nothing more, gives back what is not yet asked; what is in flight is finished."""
        self.stopping.set()
        self._moved.set()

    async def run(self) -> None:
        """Raises Failure when the provider cannot be used (no key, bad URL). Cancelled: gives back what it holds."""
        provider = Provider(self.config)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._slot(provider)) for _ in range(self.config.max_in_flight)]
                tasks += [group.create_task(self._record()), group.create_task(self._keep_leases())]
                await self._claim()
                self._give_back_ready()
                while self._held:
                    self._moved.clear()
                    await self._moved.wait()
                for task in tasks:
                    task.cancel()
        finally:
            if self._held:
                with suppress(psycopg.Error):
                    await self.db.value("SELECT flywheel.give_back(%s, %s)", self.config.name, list(self._held))
            await provider.close()

    async def _claim(self) -> None:
        """Keeps half as many questions ready as can be in flight, so that no slot waits for the database."""
        ready = max(4, self.config.max_in_flight // 2)
        claim = query("claim_judgements")
        while not self.stopping.is_set():
            self._moved.clear()
            room = ready - self._ready.qsize()
            if self._resting or room < (ready + 1) // 2:
                await self._moved.wait()
                continue
            lease = partial(self.db.rows, Job, claim, self.config.name, room, LEASE_S)
            jobs = await outlast(lease, self.stopping, self._patience_s)
            if jobs:
                await self._take(jobs)
                if self._resting:
                    self._give_back_ready()
            else:
                if self.once and not self._held and not await self._waiting():
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), IDLE_S * random.uniform(0.5, 1))

    async def _waiting(self) -> bool | None:
        waiting = partial(self.db.value, "SELECT flywheel.judgements_waiting(%s)", self.config.name)
        return await outlast(waiting, self.stopping, self._patience_s)

    async def _take(self, jobs: list[Job]) -> None:
        new: list[Question] = []
        for job in jobs:
            self._held.add(job.msg_id)
            if job.attempt > MAX_DELIVERIES:
                self._bury(job, job.attempt - 1, f"its worker was lost {job.attempt - 1} times")
            elif question := self._questions.get(job.prompt):
                question.jobs.append(job)
                if question.answer:
                    self._reuse(job, question.answer)
            else:
                new.append(Question([job]))
                self._questions[job.prompt] = new[-1]

        if not new:
            return
        # Looked up after they are in _questions: a question leaves there when its answer is in the database.
        prompts = [question.jobs[0].prompt for question in new]
        paid = "SELECT version_id, prompt_hash, passed, score, reason, details FROM flywheel.paid_answers(%s, %s)"
        look_up = partial(self.db.rows, PaidAnswer, paid, [p[0] for p in prompts], [p[1] for p in prompts])
        rows = await outlast(look_up, self.stopping, self._patience_s) or []
        known = {(row.version_id, row.prompt_hash): row for row in rows}
        for question, prompt in zip(new, prompts, strict=True):
            if row := known.get(prompt):
                said = {"passed": row.passed, "score": row.score, "reason": row.reason, "details": row.details}
                question.answer = {"status": "ok", **said}
                for job in question.jobs:
                    self._reuse(job, question.answer)
            else:
                self._ready.put_nowait(question)

    async def _slot(self, provider: Provider) -> None:
        """Asks one question after the other."""
        while True:
            question = await self._ready.get()
            self._moved.set()
            try:
                answer, paid = await self._ask(provider, question.jobs[0])
            except Unanswered as unanswered:
                self._fail(question, unanswered)
            except NotAsked:
                self._give_back(question)
            except Exception as bug:
                log.exception("judgement failed")
                del self._questions[question.jobs[0].prompt]
                for job in question.jobs:
                    self._bury(job, job.attempt, f"{type(bug).__name__}: {bug}")
            else:
                self._answer(question, answer, paid)

    async def _ask(self, provider: Provider, job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
        """The answer, and what was paid for it. Raises Unanswered; NotAsked, if nothing was paid.

        All votes or none: where one of them failed, the question is asked anew, and what the others said is lost.
        """
        calls = (self._call(provider, job) for _ in range(job.votes))
        results = await asyncio.gather(*calls, return_exceptions=True)
        replies = [result for result in results if isinstance(result, Reply)]
        failures = [result for result in results if isinstance(result, Failure)]
        unasked = [result for result in results if isinstance(result, NotAsked)]
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, Failure | NotAsked):
                raise result
        if len(unasked) == job.votes:
            raise unasked[0]
        tokens = [(reply.prompt_tokens, reply.completion_tokens) for reply in replies]
        tokens += [failure.tokens for failure in failures]
        paid = {
            "calls": job.votes - len(unasked),
            "latency_ms": max((reply.latency_ms for reply in replies), default=None),
            "prompt_tokens": _total(prompt for prompt, _ in tokens),
            "completion_tokens": _total(completion for _, completion in tokens),
        }
        if unasked:
            failures.append(Failure("provider", "it began to refuse everybody between two votes"))
        if failures:
            raise Unanswered(max(failures, key=lambda failure: failure.at_once), paid)
        try:
            decided = tally([_read(reply) for reply in replies])
        except NoMajority as problem:
            raise Unanswered(Failure("step", str(problem)), paid, unreadable=True) from None
        answer = decided.answer
        said = {"passed": answer.passed, "score": answer.score, "reason": answer.reason, "details": decided.details}
        return {"status": "ok", **said}, paid

    async def _call(self, provider: Provider, job: Job) -> Reply:
        async with self._in_flight:
            if self._resting:
                raise NotAsked
            return await provider.complete(job.messages, job.model, job.temperature, ANSWER_SCHEMA)

    def _answer(self, question: Question, answer: dict[str, Any], paid: dict[str, Any]) -> None:
        question.answer = answer
        self._verdict(question.jobs[0], **answer, **paid)
        for job in question.jobs[1:]:
            self._reuse(job, answer)

    def _reuse(self, job: Job, answer: dict[str, Any]) -> None:
        details = (answer["details"] or {}) | {"reused": True}
        self._verdict(job, **answer | {"details": details}, prompt_tokens=0, completion_tokens=0)

    def _fail(self, question: Question, unanswered: Unanswered) -> None:
        """The database decides whose fault it was and when to try again: it knows what others were answered."""
        failure = unanswered.failure
        del self._questions[question.jobs[0].prompt]
        for job in question.jobs:
            called = job is question.jobs[0]
            data = {
                "attempt": job.attempt,
                "whose": failure.kind,
                "unreadable": unanswered.unreadable,
                "error": failure.message,
                "at_once": failure.at_once,
                "retry_after": failure.retry_after_s,
                "called": called,
                **(unanswered.paid if called else {}),
                **_asked(job),
            }
            self._outcomes.put_nowait(Outcome(job, "fail", data))
        if failure.at_once:
            self._resting = True
            self._give_back_ready()

    def _give_back_ready(self) -> None:
        while not self._ready.empty():
            self._give_back(self._ready.get_nowait())

    def _give_back(self, question: Question) -> None:
        del self._questions[question.jobs[0].prompt]
        for job in question.jobs:
            self._outcomes.put_nowait(Outcome(job, "give_back"))

    def _verdict(self, job: Job, **data: Any) -> None:
        if job.examples is not None:
            data["details"] = (data.get("details") or {}) | {"example_ids": [e["id"] for e in job.examples]}
        self._outcomes.put_nowait(Outcome(job, "verdict", _asked(job) | data))

    def _bury(self, job: Job, attempts: int, error: str) -> None:
        self._outcomes.put_nowait(Outcome(job, "bury", {"attempts": attempts, "error": error}))

    async def _record(self) -> None:
        """Outcomes to the database, as many at once as there are. Holds on to them while the database is away."""
        while True:
            batch = [await self._outcomes.get()]
            while not self._outcomes.empty() and len(batch) < MAX_BATCH:
                batch.append(self._outcomes.get_nowait())
            async with self._writing:
                await self._store_or_bury(batch)
                for outcome in batch:
                    self._held.discard(outcome.job.msg_id)
                    question = self._questions.get(outcome.job.prompt)
                    if question and question.answer:
                        del self._questions[outcome.job.prompt]
            if any(outcome.data.get("at_once") for outcome in batch):
                self._resting = False  # from here on, claiming minds the pause
            self.judged += sum(outcome.kind == "verdict" for outcome in batch)
            self._moved.set()

    async def _store_or_bury(self, batch: list[Outcome]) -> None:
        """One outcome that the database does not take is that step's dead letter; the others are stored."""
        try:
            await outlast(partial(self._store, batch), None, self._patience_s, NO_STEPS_FAULT)
        except NO_STEPS_FAULT:
            raise
        except psycopg.Error as error:
            if len(batch) > 1:
                for outcome in batch:
                    await self._store_or_bury([outcome])
                return
            log.error("judgement refused by the database", extra={"data": {"error": str(error)}})
            job = batch[0].job
            buried = Outcome(job, "bury", {"attempts": job.attempt, "error": str(error)})
            await outlast(partial(self._store, [buried]), None, self._patience_s)

    async def _store(self, batch: list[Outcome]) -> None:
        name = self.config.name

        def rows(kind: str) -> str | None:
            chosen = [outcome.row() for outcome in batch if outcome.kind == kind]
            return json.dumps(chosen) if chosen else None

        unreadable = [outcome.row() for outcome in batch if outcome.data.get("unreadable")]
        paused_until = None
        async with self.db.connection() as conn, conn.transaction():
            if unreadable:
                turns = [outcome.row() for outcome in batch if outcome.kind == "verdict"] + unreadable
                await conn.execute("SELECT flywheel.lock_judgements(%s)", (json.dumps(turns),))
            if verdicts := rows("verdict"):
                await conn.execute("SELECT flywheel.record_judgements(%s, %s)", (name, verdicts))
            if failures := rows("fail"):
                cursor = await conn.execute("SELECT flywheel.fail_judgements(%s, %s)", (name, failures))
                (paused_until,) = await cursor.fetchone() or (None,)
            if dead := rows("bury"):
                await conn.execute("SELECT flywheel.bury_judgements(%s, %s)", (name, dead))
            if back := [outcome.job.msg_id for outcome in batch if outcome.kind == "give_back"]:
                await conn.execute("SELECT flywheel.give_back(%s, %s)", (name, back))
        if paused_until:
            why = next(outcome.data["error"] for outcome in batch if outcome.kind == "fail")
            log.warning("provider paused", extra={"data": {"provider": name, "until": paused_until, "why": why}})
            self._give_back_ready()

    async def _keep_leases(self) -> None:
        extend = "SELECT flywheel.extend_leases(%s, %s, %s)"
        while True:
            await asyncio.sleep(LEASE_S / 3)
            async with self._writing:
                if self._held:
                    with suppress(psycopg.Error):
                        await self.db.value(extend, f"flywheel_judge_{self.config.name}", list(self._held), LEASE_S)


def _asked(job: Job) -> dict[str, Any]:
    """What the answer is about, for the verdict."""
    return {"content": job.content, "prompt_hash": job.hash.hex()}


def _read(reply: Reply) -> Answer | Unreadable:
    try:
        return read_answer(reply.text)
    except Unreadable as problem:
        return problem


def _total(counts: Iterable[int | None]) -> int | None:
    """None, if nobody said any."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
