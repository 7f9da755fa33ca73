"""Structured logs: one JSON object a line on stderr, or plain lines on a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime

from . import show


class JsonLines(logging.Formatter):
    """time, level, event, and what was given in `extra={"data": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "data", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class PlainLines(logging.Formatter):
    """For people: the same, in one readable line."""

    def format(self, record: logging.LogRecord) -> str:
        data = " ".join(f"{key}={show.plain(value, 300)}" for key, value in getattr(record, "data", {}).items())
        event = show.plain(record.getMessage(), 300)
        lines = [f"{datetime.fromtimestamp(record.created):%H:%M:%S} {record.levelname.lower()} {event} {data}"]
        if record.exc_info:
            lines += map(show.harmless, self.formatException(record.exc_info).splitlines())
        return "\n".join(lines)


def set_up(verbose: bool = False) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(PlainLines() if sys.stderr.isatty() else JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("pg_flywheel").setLevel(logging.DEBUG if verbose else logging.INFO)


def quiet() -> None:
    """Only what went wrong: the command shows its own progress."""
    logging.getLogger("pg_flywheel").setLevel(logging.WARNING)
