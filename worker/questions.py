"""What the worker holds of a judgement on its way from the queue to the provider and back. Pure."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from .prompt import Example, Judge, Step, prompt_hash, render


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


@dataclass(slots=True)
class Outcome:
    """What becomes of a job. data: what the database is told about it."""

    job: Job
    kind: Literal["verdict", "fail", "bury", "give_back"]
    data: dict[str, Any] = field(default_factory=dict)
    stored: asyncio.Event = field(default_factory=asyncio.Event)

    def row(self) -> dict[str, Any]:
        job = self.job
        return {"msg_id": job.msg_id, "step_id": job.step_id, "version_id": job.version_id, **self.data}


def verdict(job: Job, **said: Any) -> Outcome:
    return Outcome(job, "verdict", _asked(job, said))


def reused(job: Job, answer: dict[str, Any]) -> Outcome:
    """The answer to the same prompt, which another job paid for."""
    details = (answer["details"] or {}) | {"reused": True}
    return verdict(job, **answer | {"details": details}, prompt_tokens=0, completion_tokens=0)


def failed(job: Job, **said: Any) -> Outcome:
    return Outcome(job, "fail", {"attempt": job.attempt} | _asked(job, said))


def buried(job: Job, attempts: int, error: str) -> Outcome:
    return Outcome(job, "bury", {"attempts": attempts, "error": error})


def _asked(job: Job, said: dict[str, Any]) -> dict[str, Any]:
    """What was said, and what it is about: for the verdict, with which it can be replayed."""
    if job.examples is not None:
        said["details"] = (said.get("details") or {}) | {"example_ids": [example["id"] for example in job.examples]}
    return said | {"content": job.content, "prompt_hash": job.hash.hex()}
