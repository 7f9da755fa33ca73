"""The judgements of one provider: leased from its queue, asked for, and brought back.

No transaction is open while the provider is called. Verdict and acknowledgement commit together; what happens in
between costs at most a repeated call.
"""

import asyncio
import logging
import random
from contextlib import suppress
from functools import partial

import psycopg

from .asking import Asking, NotAsked, Unanswered
from .database import ONCE_PATIENCE_S, Database, outlast
from .install import query
from .provider import Provider, ProviderConfig
from .questions import Job, Outcome, PaidAnswer, Question, buried, failed, reused, verdict
from .storing import store

log = logging.getLogger(__name__)

LEASE_S = 60
MAX_DELIVERIES = 5
IDLE_S = 0.2
MAX_BATCH = 500


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
        self._questions: dict[tuple[int, bytes], Question] = {}  # until the answer is in the database
        self._ready: asyncio.Queue[Question] = asyncio.Queue()
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._moved = asyncio.Event()  # a question was taken, or outcomes were stored
        self._resting = asyncio.Event()  # the provider refuses everybody, and the database does not know yet
        self._writing = asyncio.Lock()  # so that no lease is extended that was just given back

    def stop(self) -> None:
        """Claims nothing more, gives back what is not yet asked; what is in flight is finished."""
        self.stopping.set()
        self._moved.set()

    async def run(self) -> None:
        """Raises Failure when the provider cannot be used (no key, bad URL). Cancelled: gives back what it holds."""
        provider = Provider(self.config)
        asking = Asking(provider, self._resting)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._slot(asking)) for _ in range(self.config.max_in_flight)]
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
            if self._resting.is_set() or room < (ready + 1) // 2:
                await self._moved.wait()
                continue
            lease = partial(self.db.rows, Job, claim, self.config.name, room, LEASE_S)
            jobs = await outlast(lease, self.stopping, self._patience_s)
            if jobs:
                await self._take(jobs)
                if self._resting.is_set():
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
                self._bring_back(buried(job, job.attempt - 1, f"its worker was lost {job.attempt - 1} times"))
            elif question := self._questions.get(job.prompt):
                question.jobs.append(job)
                if question.answer:
                    self._bring_back(reused(job, question.answer))
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
                    self._bring_back(reused(job, question.answer))
            else:
                self._ready.put_nowait(question)

    async def _slot(self, asking: Asking) -> None:
        """Asks one question after the other."""
        while True:
            question = await self._ready.get()
            self._moved.set()
            try:
                answer, paid = await asking.ask(question.jobs[0])
            except Unanswered as unanswered:
                # The next one when the database knows of this: it may be what pauses the judge.
                await self._fail(question, unanswered).stored.wait()
            except NotAsked:
                self._give_back(question)
            except Exception as bug:
                log.exception("judgement failed")
                del self._questions[question.jobs[0].prompt]
                for job in question.jobs:
                    self._bring_back(buried(job, job.attempt, f"{type(bug).__name__}: {bug}"))
            else:
                question.answer = answer
                first, *others = question.jobs  # which came while it was asked, too
                self._bring_back(verdict(first, **answer, **paid))
                for job in others:
                    self._bring_back(reused(job, answer))

    def _fail(self, question: Question, unanswered: Unanswered) -> Outcome:
        """The database decides whose fault it was and when to try again: it knows what others were answered."""
        failure = unanswered.failure
        said = {
            "whose": failure.kind,
            "unreadable": unanswered.unreadable,
            "error": failure.message,
            "at_once": failure.at_once,
            "retry_after": failure.retry_after_s,
        }
        del self._questions[question.jobs[0].prompt]
        first, *others = question.jobs
        outcome = failed(first, called=True, **said, **unanswered.paid)
        self._bring_back(outcome)
        for job in others:
            self._bring_back(failed(job, called=False, **said))
        if failure.at_once:
            self._resting.set()
            self._give_back_ready()
        return outcome

    def _give_back_ready(self, versions: set[int] | None = None) -> None:
        """What is not yet asked: of these versions, or all."""
        for _ in range(self._ready.qsize()):
            question = self._ready.get_nowait()
            if versions is None or question.jobs[0].version_id in versions:
                self._give_back(question)
            else:
                self._ready.put_nowait(question)

    def _give_back(self, question: Question) -> None:
        del self._questions[question.jobs[0].prompt]
        for job in question.jobs:
            self._bring_back(Outcome(job, "give_back"))

    def _bring_back(self, outcome: Outcome) -> None:
        self._outcomes.put_nowait(outcome)

    async def _record(self) -> None:
        """Outcomes to the database, as many at once as there are."""
        while True:
            batch = [await self._outcomes.get()]
            while not self._outcomes.empty() and len(batch) < MAX_BATCH:
                batch.append(self._outcomes.get_nowait())
            async with self._writing:
                paused = await store(self.db, self.config.name, batch, self._patience_s)
                if paused:
                    self._give_back_ready(paused)
                for outcome in batch:
                    outcome.stored.set()
                    self._held.discard(outcome.job.msg_id)
                    question = self._questions.get(outcome.job.prompt)
                    if question and question.answer:
                        del self._questions[outcome.job.prompt]
            if any(outcome.data.get("at_once") for outcome in batch):
                self._resting.clear()  # from here on, claiming minds the pause
            self.judged += sum(outcome.kind == "verdict" for outcome in batch)
            self._moved.set()

    async def _keep_leases(self) -> None:
        extend = "SELECT flywheel.extend_leases(%s, %s, %s)"
        while True:
            await asyncio.sleep(LEASE_S / 3)
            async with self._writing:
                if self._held:
                    with suppress(psycopg.Error):
                        await self.db.value(extend, f"flywheel_judge_{self.config.name}", list(self._held), LEASE_S)
