"""The worker: drains, judges, and runs Python validators where the database cannot. As many as wanted, on any host."""

import asyncio
import json
import logging
import os
import signal
from contextlib import suppress

import psycopg

import pyvalidators

from .database import ONCE_PATIENCE_S, Database, outlast
from .embedder import EmbedderConfig, Embedding
from .install import VERSION, query
from .judging import Judging
from .portable import PythonValidating
from .provider import Failure, ProviderConfig

log = logging.getLogger(__name__)

DRAIN_S = 1.0
OVERDUE_S = 30.0
"""How long a drain may validate one range of steps."""
LOOK_FOR_OVERDUE_S = 1.0
LOOK_FOR_PROVIDERS_S = 2.0
LOOK_AT_SCHEMA_S = 2.0
UNUSABLE_PROVIDER_S = 30.0
# Kubernetes kills after 30 s.
GRACE_S = 25.0


class UnusableProvider(RuntimeError):
    """A provider's key is not in the environment, or its URL is none: somebody has to do something."""


class Worker:
    """Runs until `stop()`, or with once=True until every queue is empty of what can be done now."""

    def __init__(self, dsn: str, once: bool = False, processes: int | None = None) -> None:
        self.once = once
        self.processes = processes or min(4, os.cpu_count() or 1)
        self.verdicts = 0
        self.embedded = 0
        self._unusable: dict[str, str] = {}
        # Beside the Python validators: the drain, and per provider one claims while one records.
        self._db = Database(dsn, connections=self.processes + 8)
        self._stopping = asyncio.Event()
        self._services: set[Judging | Embedding | PythonValidating] = set()
        self._work: asyncio.Task[None] | None = None
        self._refusal: psycopg.Error | None = None

    def stop(self) -> None:
        """Claims nothing more. What is in flight has GRACE_S to finish, then it is given back. Twice does not hurt."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        for service in self._services:
            service.stop()
        if self._work is not None:
            asyncio.get_running_loop().call_later(GRACE_S, self._work.cancel)

    async def run(self) -> None:
        """Raises psycopg.Error: the database cannot be reached, has no pg_flywheel, or one that does not serve this.

        With once, and when all else is done, UnusableProvider: who reads cron's mail has to hear of it.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        async with self._db:
            schema = await self._meet()
            log.info("worker started", extra={"data": {"version": VERSION, "schema": schema, "once": self.once}})
            validating = PythonValidating(self._db, self.processes, self.once)
            self._add(validating)
            run = self._run_once if self.once else self._run_on
            self._work = asyncio.create_task(run(validating))
            watch = asyncio.create_task(self._stop_overdue())
            try:
                await self._work
            except asyncio.CancelledError:
                if not self._stopping.is_set():
                    raise
            except ExceptionGroup as group:
                raise _first(group) from group
            finally:
                watch.cancel()
        log.info("worker stopped")
        if self._refusal:
            raise self._refusal
        if self.once and self._unusable:
            raise UnusableProvider("; ".join(self._unusable.values()))

    async def _meet(self) -> str:
        """The schema's version. Raises InvalidParameterValue, which says what to upgrade, when it does not serve us."""
        version = await self._db.value("SELECT flywheel.admit_worker(%s)", VERSION)
        # A worker of another version has other code: its catalog would turn the schema's back.
        sync = "SELECT flywheel.sync_python_validators(%s) WHERE NOT flywheel.has_python() AND flywheel.version() = %s"
        await self._db.value(sync, json.dumps(pyvalidators.catalog()), VERSION)
        return version

    async def _keep_asking(self) -> None:
        """The schema may be upgraded under a running worker. When it is not served any more it ends, as by stop()."""
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LOOK_AT_SCHEMA_S)
            try:
                await self._db.value("SELECT flywheel.admit_worker(%s)", VERSION)
            except psycopg.errors.InvalidParameterValue as refusal:
                self._refusal = refusal
                self.stop()
            except psycopg.Error:
                pass  # an outage, which the others log

    async def _run_once(self, validating: PythonValidating) -> None:
        """Round and round until a round finds nothing: one step's work can be another's reason."""
        done = -1
        while done != self.verdicts + self.embedded + validating.ranges and not self._stopping.is_set():
            done = self.verdicts + self.embedded + validating.ranges
            await outlast(lambda: self._drain(0), self._stopping, ONCE_PATIENCE_S)
            await validating.run()
            async with asyncio.TaskGroup() as group:
                for config in await self._providers() or []:
                    self._start(group, config)

    async def _run_on(self, validating: PythonValidating) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_draining())
            group.create_task(validating.run())
            group.create_task(self._keep_judging())
            group.create_task(self._keep_asking())

    async def _keep_draining(self) -> None:
        while not self._stopping.is_set():
            await outlast(lambda: self._drain(DRAIN_S), self._stopping)

    async def _drain(self, seconds: float) -> None:
        while not self._stopping.is_set():
            try:
                async with self._db.connection() as conn:
                    row = await (await conn.execute("CALL flywheel.drain(%s)", (seconds,))).fetchone()
                assert row is not None
                self.verdicts += row[1]
                return
            except psycopg.errors.QueryCanceled as error:
                log.warning("a drain was stopped", extra={"data": {"why": str(error).strip()}})

    async def _stop_overdue(self) -> None:
        """Nobody else stops a validator that does not end."""
        while True:
            await outlast(lambda: self._db.value("SELECT flywheel.stop_overdue(%s)", OVERDUE_S))
            await asyncio.sleep(LOOK_FOR_OVERDUE_S)

    async def _keep_judging(self) -> None:
        """A Judging per provider, an Embedding per model; a changed one gets a new one when the old one is done."""
        running: dict[str, tuple[Judging | Embedding, asyncio.Task[None]]] = {}
        async with asyncio.TaskGroup() as group:
            while not self._stopping.is_set():
                configs = await self._providers()
                if configs is None:
                    break
                wanted = {_name(config): config for config in configs}
                for name, (judging, task) in list(running.items()):
                    if wanted.get(name) != judging.config:
                        judging.stop()
                    if task.done():
                        del running[name]
                for name, config in wanted.items():
                    if name not in running:
                        running[name] = self._start(group, config)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), LOOK_FOR_PROVIDERS_S)

    def _start(
        self, group: asyncio.TaskGroup, config: ProviderConfig
    ) -> tuple[Judging | Embedding, asyncio.Task[None]]:
        kind = Embedding if isinstance(config, EmbedderConfig) else Judging
        judging = kind(self._db, config, self.once)
        self._add(judging)
        return judging, group.create_task(self._judge(judging))

    def _add(self, service: Judging | Embedding | PythonValidating) -> None:
        self._services.add(service)
        if self._stopping.is_set():
            service.stop()

    async def _judge(self, judging: Judging | Embedding) -> None:
        name = judging.config.name
        try:
            await judging.run()
        except Failure as failure:
            self._unusable[name] = failure.message
            # No key in the environment, or a base URL that is none: say so where people look, and try again later.
            log.error("provider cannot be used", extra={"data": {"provider": name, "why": failure.message}})
            pause = ("SELECT flywheel.pause_provider(%s, %s, %s)", name, failure.message, UNUSABLE_PROVIDER_S)
            await outlast(lambda: self._db.value(*pause), judging.stopping, ONCE_PATIENCE_S)
            if not self.once:
                with suppress(TimeoutError):
                    await asyncio.wait_for(judging.stopping.wait(), UNUSABLE_PROVIDER_S)
        finally:
            self._services.discard(judging)
            if isinstance(judging, Embedding):
                self.embedded += judging.embedded
            else:
                self.verdicts += judging.judged

    async def _providers(self) -> list[ProviderConfig] | None:
        """None when stopped while the database was away."""
        patience_s = ONCE_PATIENCE_S if self.once else None
        judged = await outlast(lambda: self._db.rows(ProviderConfig, query("providers")), self._stopping, patience_s)
        embedded = await outlast(lambda: self._db.rows(EmbedderConfig, query("embedders")), self._stopping, patience_s)
        return None if judged is None or embedded is None else [*judged, *embedded]


def _name(config: ProviderConfig) -> str:
    return f"embeddings {config.embedder}" if isinstance(config, EmbedderConfig) else config.name


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
