"""The worker: drains, judges, and runs Python validators where the database cannot. As many as wanted, on any host."""

import asyncio
import json
import logging
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

import pyvalidators

from .install import VERSION, query
from .judging import DATABASE_AWAY, Judging
from .portable import PythonValidating
from .provider import Failure, ProviderConfig

log = logging.getLogger(__name__)

DRAIN_S = 1.0
LOOK_FOR_PROVIDERS_S = 2.0
GRACE_S = 30.0


class WrongSchema(RuntimeError):
    """The database has no pg_flywheel, or another version than this worker knows."""


class Worker:
    """Runs until `stop()`, or with once=True until every queue is empty of what can be done now."""

    def __init__(self, dsn: str, once: bool = False, processes: int | None = None) -> None:
        self.dsn = dsn
        self.once = once
        self.processes = processes or min(4, os.cpu_count() or 1)
        self.verdicts = 0
        self._stopping = asyncio.Event()
        self._services: set[Judging | PythonValidating] = set()

    def stop(self) -> None:
        """Claims nothing more; what is in flight is finished or given back. Twice does not hurt."""
        self._stopping.set()
        for service in self._services:
            service.stop()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        pool = AsyncConnectionPool(
            self.dsn,
            min_size=1,
            max_size=self.processes + 8,
            kwargs={"autocommit": True, "application_name": "flywheel worker"},
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        async with pool:
            await self._meet(pool)
            log.info("worker started", extra={"data": {"version": VERSION, "once": self.once}})
            validating = PythonValidating(pool, self.processes, self.once)
            self._services.add(validating)
            await (self._run_once if self.once else self._run_on)(pool, validating)
        log.info("worker stopped")

    async def _meet(self, pool: AsyncConnectionPool) -> None:
        """Refuses a schema it does not know, and tells the database about the validators it has."""
        async with pool.connection() as conn:
            row = await (await conn.execute("SELECT to_regprocedure('flywheel.version()')")).fetchone()
            if row == (None,):
                raise WrongSchema("the database has no pg_flywheel: run flywheel install")
            row = await (await conn.execute("SELECT flywheel.version()")).fetchone()
            if row != (VERSION,):
                raise WrongSchema(f"the database has pg_flywheel {row and row[0]}, this worker is {VERSION}: run flywheel install")
            sync = "SELECT flywheel.sync_python_validators(%s) WHERE NOT flywheel.has_python()"
            await conn.execute(sync, (json.dumps(pyvalidators.catalog()),))

    async def _run_once(self, pool: AsyncConnectionPool, validating: PythonValidating) -> None:
        """Round and round until a round finds nothing: one step's work can be another's reason."""
        done = -1
        while done != self.verdicts + validating.ranges and not self._stopping.is_set():
            done = self.verdicts + validating.ranges
            async with pool.connection() as conn:
                await self._drain(conn, 0)
            await validating.run()
            judgings = [Judging(pool, config, once=True) for config in await self._providers(pool)]
            await asyncio.gather(*(self._judge(pool, each) for each in judgings))

    async def _run_on(self, pool: AsyncConnectionPool, validating: PythonValidating) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep("drain", lambda: self._keep_draining(pool)))
            group.create_task(self._keep("python validators", validating.run))
            group.create_task(self._keep("judges", lambda: self._keep_judging(pool)))

    async def _keep(self, what: str, action: Callable[[], Awaitable[None]]) -> None:
        """Runs a service for as long as the worker, through any absence of the database."""
        delay = 0.1
        while not self._stopping.is_set():
            try:
                await action()
                delay = 0.1
            except* DATABASE_AWAY as group:
                data = {"what": what, "error": str(group.exceptions[0]).strip(), "retry_s": round(delay, 1)}
                log.warning("database away", extra={"data": data})
                await self._pause(delay * random.uniform(0.5, 1))
                delay = min(delay * 2, 5.0)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _keep_draining(self, pool: AsyncConnectionPool) -> None:
        async with pool.connection() as conn:
            while not self._stopping.is_set():
                await self._drain(conn, DRAIN_S)

    async def _drain(self, conn: psycopg.AsyncConnection, seconds: float) -> None:
        row = await (await conn.execute("CALL flywheel.drain(%s)", (seconds,))).fetchone()
        assert row is not None
        self.verdicts += row[1]

    async def _keep_judging(self, pool: AsyncConnectionPool) -> None:
        """One Judging per provider; a changed provider gets a new one when the old one is done."""
        running: dict[ProviderConfig, tuple[Judging, asyncio.Task]] = {}
        try:
            while not self._stopping.is_set():
                wanted = await self._providers(pool)
                for config, (judging, task) in list(running.items()):
                    if config not in wanted:
                        judging.stop()
                    if task.done():
                        del running[config]
                        await task
                for config in wanted:
                    if config not in running:
                        judging = Judging(pool, config)
                        running[config] = judging, asyncio.create_task(self._judge(pool, judging))
                await self._pause(LOOK_FOR_PROVIDERS_S)
        finally:
            for judging, _ in running.values():
                judging.stop()
            await asyncio.gather(*(task for _, task in running.values()), return_exceptions=True)

    async def _judge(self, pool: AsyncConnectionPool, judging: Judging) -> None:
        self._services.add(judging)
        try:
            await judging.run(GRACE_S)
        except Failure as failure:
            # No key in the environment, or a base URL that is none: say so where people look, and try again later.
            name = judging.config.name
            log.error("provider cannot be used", extra={"data": {"provider": name, "why": failure.message}})
            async with pool.connection() as conn:
                await conn.execute("SELECT flywheel.pause_provider(%s, %s, 30)", (name, failure.message))
            if not self.once:
                await self._pause(30)
        finally:
            self._services.discard(judging)
            self.verdicts += judging.judged

    async def _providers(self, pool: AsyncConnectionPool) -> list[ProviderConfig]:
        async with pool.connection() as conn:
            cursor = conn.cursor(row_factory=class_row(ProviderConfig))
            return await (await cursor.execute(query("providers"))).fetchall()
