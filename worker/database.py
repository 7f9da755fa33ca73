"""The worker's connections to a database that may go away and come back."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

log = logging.getLogger(__name__)
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # outlast says it already

T = TypeVar("T")

MAX_RETRY_S = 5.0
ONCE_PATIENCE_S = 60.0
"""How long `flywheel worker --once` waits for a database that went away."""
# Seconds; what the DSN says goes first. Without a limit, a host that drops packets takes minutes.
_DEFAULTS = {"application_name": "flywheel worker", "connect_timeout": 10}


class Database:
    """A pool of autocommit connections, as an async context manager. Raises OperationalError when it cannot connect."""

    def __init__(self, dsn: str, connections: int) -> None:
        self._dsn = make_conninfo("", **(_DEFAULTS | conninfo_to_dict(dsn)))
        # A pool that gave up tries again for the next that asks: short limits find a returned database soon.
        self._pool = AsyncConnectionPool(
            self._dsn,
            min_size=1,
            max_size=connections,
            timeout=5,
            reconnect_timeout=5,
            kwargs={"autocommit": True},
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    async def __aenter__(self) -> Self:
        # The pool would try for long and say little.
        await (await psycopg.AsyncConnection.connect(self._dsn)).close()
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        async with self._pool.connection() as conn:
            yield conn

    async def value(self, statement: str, *arguments: object) -> Any:
        """The first column of the first row, or None."""
        async with self._pool.connection() as conn:
            row = await (await conn.execute(statement, arguments)).fetchone()
            return row[0] if row else None

    async def rows(self, kind: type[T], statement: str, *arguments: object) -> list[T]:
        """The rows as objects of a class, columns as its fields."""
        async with self._pool.connection() as conn:
            cursor = conn.cursor(row_factory=class_row(kind))
            return await (await cursor.execute(statement, arguments)).fetchall()


async def outlast(
    action: Callable[[], Awaitable[T]],
    stopping: asyncio.Event | None = None,
    patience_s: float | None = None,
    errors: type[psycopg.Error] | tuple[type[psycopg.Error], ...] = psycopg.Error,
) -> T | None:
    """The action's result, repeated for as long as it raises `errors`. Returns None when `stopping` is set meanwhile.

    With patience, seconds, it raises when they are over, and at once what is no outage.
    """
    stopping = stopping or asyncio.Event()
    began = time.monotonic()
    delay = 0.1
    while True:
        try:
            return await action()
        except errors as error:
            outage = isinstance(error, psycopg.OperationalError)
            if patience_s is not None and not (outage and time.monotonic() - began < patience_s):
                raise
            log.warning("database error", extra={"data": {"error": str(error).strip(), "retry_s": delay}})
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), delay * random.uniform(0.5, 1))
        if stopping.is_set():
            return None
        delay = min(delay * 2, MAX_RETRY_S)
