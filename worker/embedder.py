"""Embeddings by a provider's model: leased from its queue, asked for in batches, stored. No transaction is open."""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from .database import ONCE_PATIENCE_S, Database, outlast
from .install import query
from .provider import Failure, Provider, ProviderConfig

log = logging.getLogger(__name__)

BATCH = 32
IDLE_S = 0.2
MAX_ATTEMPTS = 5
MODEL_RETRY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderConfig(ProviderConfig):
    """A row of embedders.sql. embedder: flywheel.embedding_models.name. judges: the provider has some, too."""

    embedder: str
    model: str
    dimensions: int
    judges: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A row of flywheel.claim_embeddings."""

    msg_id: int
    attempt: int
    step_id: int
    input: str | None
    content: int

    def result(self, embedding: list[float] | None, error: str | None = None) -> dict[str, Any]:
        return {
            "msg_id": self.msg_id,
            "step_id": self.step_id,
            "content": self.content,
            "embedding": embedding,
            "error": error,
        }


class Embedding:
    """Runs until `stop()`; with once=True until the model's queue has nothing that can be asked for now."""

    def __init__(self, db: Database, config: EmbedderConfig, once: bool = False) -> None:
        self.db = db
        self.config = config
        self.once = once
        self.embedded = 0
        self.stopping = asyncio.Event()
        self._patience_s = ONCE_PATIENCE_S if once else None

    def stop(self) -> None:
        """Claims nothing more; what is in flight is finished."""
        self.stopping.set()

    async def run(self) -> None:
        """Raises Failure when the provider cannot be used (no key, bad URL)."""
        provider = Provider(self.config)
        lease_s = round(3 * self.config.timeout_s) + 30
        claim = partial(self.db.rows, Job, query("claim_embeddings"), self.config.embedder, BATCH, lease_s)
        try:
            while not self.stopping.is_set():
                if jobs := await outlast(claim, self.stopping, self._patience_s):
                    await self._embed(provider, jobs)
                elif self.once:
                    return
                else:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.stopping.wait(), IDLE_S)
        finally:
            await provider.close()

    async def _embed(self, provider: Provider, jobs: list[Job]) -> bool:
        """False: it was nobody's own failure, so the others of a batch need not be asked."""
        blank = [job.result(None, "the input is empty") for job in jobs if not (job.input or "").strip()]
        jobs = [job for job in jobs if (job.input or "").strip()]
        if blank:
            await self._store(blank)
        if not jobs:
            return True
        try:
            vectors = await self._ask(provider, [job.input or "" for job in jobs])
        except Failure as failure:
            return await self._failed(provider, jobs, failure)
        await self._store([job.result(vector) for job, vector in zip(jobs, vectors, strict=True)])
        return True

    async def _failed(self, provider: Provider, jobs: list[Job], failure: Failure) -> bool:
        if failure.kind in ("unclear", "step"):
            # Something about these texts, or about every one? One of which nothing can be wrong tells.
            try:
                await self._ask(provider, ["hello"])
            except Failure as other:
                kind = "judge" if other.kind in ("judge", "step") else "provider"
                failure = Failure(kind, other.message, other.at_once, other.retry_after_s)
        if failure.kind == "provider" and self.config.judges and not failure.at_once:
            # Perhaps it is down for embeddings only. Judges, who would be paused, too, find that out for themselves.
            failure = Failure("judge", failure.message)
        data = {"model": self.config.embedder, "steps": len(jobs), "why": failure.message}
        if failure.kind in ("provider", "judge"):
            log.warning("no embeddings", extra={"data": data})
            await self._give_back(jobs, failure)
            return False
        if len(jobs) > 1:
            for job in jobs:
                if not await self._embed(provider, [job]):
                    break  # the others come back when their lease is over
            return True
        log.warning("a text was not embedded", extra={"data": data})
        (job,) = jobs
        if failure.kind == "unclear" and job.attempt < MAX_ATTEMPTS:
            back = "SELECT flywheel.return_embeddings(%s, %s, %s, NULL, true)"
            await self._tell(back, self.config.embedder, [job.msg_id], 2.0**job.attempt)
        else:
            await self._store([job.result(None, failure.message)])
        return True

    async def _give_back(self, jobs: list[Job], failure: Failure) -> None:
        if failure.kind == "provider":
            pause = "SELECT flywheel.pause_provider(%s, %s, %s)"
            await self._tell(pause, self.config.name, failure.message, failure.retry_after_s)
        seconds = MODEL_RETRY_S if failure.kind == "judge" else 0.0
        back = "SELECT flywheel.return_embeddings(%s, %s, %s, %s)"
        await self._tell(back, self.config.embedder, [job.msg_id for job in jobs], seconds, failure.message)
        # Nothing is claimed of a provider that is paused. That a model fails, only this worker knows.
        if failure.kind == "judge" and self.once:
            self.stop()
        elif failure.kind == "judge":
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), MODEL_RETRY_S)

    async def _ask(self, provider: Provider, texts: list[str]) -> list[list[float]]:
        return await provider.embed(texts, self.config.model, self.config.dimensions)

    async def _store(self, results: list[dict[str, Any]]) -> None:
        await self._tell("SELECT flywheel.store_embeddings(%s, %s)", self.config.embedder, json.dumps(results))
        self.embedded += len(results)

    async def _tell(self, statement: str, *arguments: object) -> None:
        await outlast(partial(self.db.value, statement, *arguments), None, self._patience_s)
