"""Outcomes of judgements to the database: verdict and acknowledgement in one transaction."""

import json
import logging
from functools import partial

import psycopg
from psycopg import errors

from .database import Database, outlast
from .questions import Outcome, buried

log = logging.getLogger(__name__)

# The database is away, or a function is missing or closed to us: answers that are paid for wait until that is mended.
NO_STEPS_FAULT = (
    psycopg.OperationalError,
    errors.InvalidSchemaName,
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.InsufficientPrivilege,
)


async def store(db: Database, provider: str, batch: list[Outcome], patience_s: float | None) -> set[int]:
    """Holds on to them while the database is away. One that it does not take is that step's dead letter.

    Returns the versions that nobody should ask now, so far as one of these failed.
    """
    try:
        return await outlast(partial(_store, db, provider, batch), None, patience_s, NO_STEPS_FAULT) or set()
    except NO_STEPS_FAULT:
        raise
    except psycopg.Error as error:
        if len(batch) > 1:
            return {version for outcome in batch for version in await store(db, provider, [outcome], patience_s)}
        log.error("judgement refused by the database", extra={"data": {"error": str(error)}})
        job = batch[0].job
        letter = buried(job, job.attempt, str(error))
        return await outlast(partial(_store, db, provider, [letter]), None, patience_s) or set()


async def _store(db: Database, provider: str, batch: list[Outcome]) -> set[int]:
    def rows(kind: str) -> str | None:
        chosen = [outcome.row() for outcome in batch if outcome.kind == kind]
        return json.dumps(chosen) if chosen else None

    unreadable = [outcome.row() for outcome in batch if outcome.data.get("unreadable")]
    paused: list[int] = []
    paused_until = None
    async with db.connection() as conn, conn.transaction():
        if unreadable:
            turns = [outcome.row() for outcome in batch if outcome.kind == "verdict"] + unreadable
            await conn.execute("SELECT flywheel.lock_judgements(%s)", (json.dumps(turns),))
        if verdicts := rows("verdict"):
            await conn.execute("SELECT flywheel.record_judgements(%s, %s)", (provider, verdicts))
        if failures := rows("fail"):
            cursor = await conn.execute("SELECT flywheel.fail_judgements(%s, %s)", (provider, failures))
            (paused_until,) = await cursor.fetchone() or (None,)
            cursor = await conn.execute("SELECT flywheel.paused_judges(%s)", (provider,))
            (paused,) = await cursor.fetchone() or ([],)
        if dead := rows("bury"):
            await conn.execute("SELECT flywheel.bury_judgements(%s, %s)", (provider, dead))
        if back := [outcome.job.msg_id for outcome in batch if outcome.kind == "give_back"]:
            await conn.execute("SELECT flywheel.give_back(%s, %s)", (provider, back))
    if paused_until:
        why = next(outcome.data["error"] for outcome in batch if outcome.kind == "fail")
        log.warning("provider paused", extra={"data": {"provider": provider, "until": paused_until, "why": why}})
    return set(paused)
