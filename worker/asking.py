"""One question to a provider: as many calls as the judge has votes, and what they come to."""

import asyncio
from collections.abc import Iterable
from typing import Any

from .prompt import ANSWER_SCHEMA, Answer, Unreadable, read_answer
from .provider import Failure, Provider, Reply
from .questions import Job
from .votes import NoMajority, tally


class NotAsked(Exception):
    """The provider began to refuse everybody before this call was made."""


class Unanswered(Exception):
    """A question that was asked, and what was paid for it."""

    def __init__(self, failure: Failure, paid: dict[str, Any], unreadable: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.paid = paid
        self.unreadable = unreadable


class Asking:
    """resting is set: the provider refuses everybody, so nothing more is asked."""

    def __init__(self, provider: Provider, resting: asyncio.Event) -> None:
        self._provider = provider
        self._resting = resting
        self._in_flight = asyncio.Semaphore(provider.config.max_in_flight)  # calls, of which a question may be several

    async def ask(self, job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
        """The answer, and what was paid for it. Raises Unanswered; NotAsked, if nothing was paid.

        All votes or none: where one of them failed, the question is asked anew, and what the others said is lost.
        """
        results = await asyncio.gather(*(self._call(job) for _ in range(job.votes)), return_exceptions=True)
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

    async def _call(self, job: Job) -> Reply:
        async with self._in_flight:
            if self._resting.is_set():
                raise NotAsked
            return await self._provider.complete(job.messages, job.model, job.temperature, ANSWER_SCHEMA)


def _read(reply: Reply) -> Answer | Unreadable:
    try:
        return read_answer(reply.text)
    except Unreadable as problem:
        return problem


def _total(counts: Iterable[int | None]) -> int | None:
    """None, if nobody said any."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
