"""`flywheel load`: copy a JSONL file of steps into flywheel.traces, and account for every bad line.

One JSON object per line; its keys are columns. A line that is not loaded is named, with its number and why.
"""

import gzip
import json
import math
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import psycopg
from psycopg import sql

# Large enough that the cost of a savepoint and of the trigger vanishes, small enough for steps of 100 KB.
BATCH = 2000  # lines
JSON_TEXT = ("input", "output", "expected")  # text columns that take any JSON, as its text
COLUMNS = (Path(__file__).parent / "queries" / "load_columns.sql").read_text()
# What the server says when the row is at fault. ProgramLimitExceeded: too long for an index.
ROW_ERRORS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)


class Row(NamedTuple):
    """A line that fits: its number in the file (from 1), and values for psycopg, by column."""

    number: int
    values: dict[str, Any]


class BadLine(NamedTuple):
    """A line that does not fit: its number in the file (from 1), and why."""

    number: int
    problem: str


@dataclass
class Report:
    """What became of the lines that were not blank: `loaded` + `skipped` of them."""

    loaded: int = 0
    bad: list[BadLine] = field(default_factory=list)

    @property
    def skipped(self) -> int:
        return len(self.bad)


class LoadError(Exception):
    """A line did not fit, so nothing was loaded. `line` is the BadLine."""

    def __init__(self, line: BadLine):
        super().__init__(
            f"line {line.number}: {line.problem}. Nothing was loaded. "
            "Correct the line, or load the others with --on-error skip."
        )
        self.line = line


def load(
    conn: psycopg.Connection,
    path: str | Path,
    on_error: Literal["skip", "stop"] = "stop",
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Load the file at `path`: `-` is standard input, `*.gz` is unpacked. For the rest, see load_lines."""
    if str(path) == "-":
        return load_lines(conn, sys.stdin.buffer, on_error, progress)
    with open_lines(path) as lines:
        try:
            return load_lines(conn, lines, on_error, progress)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise OSError(f"{path} is not a whole gzip file: {error}. Nothing was loaded.") from error


def open_lines(path: str | Path) -> BinaryIO:
    return gzip.open(path) if str(path).endswith(".gz") else Path(path).open("rb")


def load_lines(
    conn: psycopg.Connection,
    lines: Iterable[bytes],
    on_error: Literal["skip", "stop"] = "stop",
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """COPY JSONL into flywheel.traces in one transaction (a savepoint if `conn` has one open).

    A column that a line leaves out or sets to null gets its default. "stop" loads all lines or none, and
    LoadError names a bad one. "skip" loads the good ones and reports the others. `progress` is called
    with the growing report after every batch.
    """
    report = Report()

    def reject(line: BadLine) -> None:
        if on_error == "stop":
            raise LoadError(line)
        report.bad.append(line)

    def rows(columns: Mapping[str, str]) -> Iterator[Row]:
        for line in parse(lines, columns):
            if isinstance(line, Row):
                yield line
            else:
                reject(line)

    with conn.transaction():
        columns = conn.cursor(row_factory=psycopg.rows.tuple_row).execute(COLUMNS).fetchall()
        plain = [name for name, _, has_default in columns if not has_default]
        filled = [name for name, _, has_default in columns if has_default]
        # A COPY names its columns once. Only those with a default must be left out of it to get the default,
        # and a file mostly gives the same of those in every line.
        good = rows({name: kind for name, kind, _ in columns})
        for given, run in groupby(good, lambda row: [name for name in filled if name in row.values]):
            while batch := list(islice(run, BATCH)):
                report.loaded += _copy(conn, [*plain, *given], batch, reject)
                if progress:
                    progress(report)
    report.bad.sort()  # the server's refusals come after those of the parser
    return report


def _copy(
    conn: psycopg.Connection, names: list[str], rows: list[Row], reject: Callable[[BadLine], None]
) -> int:
    """COPY the rows, return how many. A batch that the server refuses is halved until a bad row is alone."""
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    into = sql.SQL("COPY flywheel.traces ({}) FROM STDIN").format(columns)
    try:
        with conn.transaction(), conn.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row([row.values.get(name) for name in names])
        return len(rows)
    except ROW_ERRORS as error:
        if len(rows) > 1:
            half = len(rows) // 2
            return _copy(conn, names, rows[:half], reject) + _copy(conn, names, rows[half:], reject)
        reject(BadLine(rows[0].number, f"the server refused it: {error.diag.message_primary}"))
        return 0


def parse(lines: Iterable[bytes], columns: Mapping[str, str]) -> Iterator[Row | BadLine]:
    """Yield a Row or a BadLine for every line that is not blank; never raises for what a line contains.

    `columns`: name -> type as format_type() writes it. A text column takes a string, or a number or boolean
    as its JSON text; the columns JSON_TEXT take any JSON so. A time is ISO 8601, in UTC if it has no offset.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield Row(number, _values(line, columns))
        except _Bad as bad:
            yield BadLine(number, str(bad))
        except RecursionError:
            yield BadLine(number, "JSON nested too deeply")


class _Bad(Exception):
    """Why a line does not fit."""


def _values(line: bytes, columns: Mapping[str, str]) -> dict[str, Any]:
    try:
        given = _DECODER.decode(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _Bad(f"not UTF-8: byte {error.start + 1} is 0x{line[error.start]:02x}") from None
    except json.JSONDecodeError as error:
        raise _Bad(f"not one JSON object: {error.msg} at character {error.colno}") from None
    except ValueError as error:  # NaN, 1e999, integers of 5000 digits
        raise _Bad(f"not JSON that Postgres can hold: {error}") from None
    if not isinstance(given, dict):
        raise _Bad(f"expected one JSON object per line, got {_kind(given)}")
    # Only an escape can make a NUL or a lone surrogate out of valid UTF-8.
    escapes = b"\\u" in line
    values = {}
    for name, value in given.items():
        if name not in columns:
            raise _Bad(_unknown(name, columns))
        if value is None:
            continue
        if escapes:
            _check_characters(name, value)
        values[name] = _CONVERT[columns[name]](name, value)
    return values


def _unknown(name: str, columns: Mapping[str, str]) -> str:
    if name == "id":
        return 'the database numbers the steps itself; leave "id" out'
    near = get_close_matches(name, columns, 1)
    hint = f'did you mean "{near[0]}"?' if near else 'put what has no column under "attributes"'
    return f"unknown column {json.dumps(name)}; {hint}"


def _check_characters(name: str, value: Any) -> None:
    for text in _strings(value):
        if "\0" in text:
            raise _Bad(f"Postgres text cannot hold NUL (\\u0000): {name}, character {text.index(chr(0)) + 1}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            escape = f"\\u{ord(text[error.start]):04x}"
            raise _Bad(f"half a surrogate pair ({escape}): {name}, character {error.start + 1}") from None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value:
            yield from _strings(part)
        if isinstance(value, dict):
            yield from _strings(list(value.values()))


def _kind(value: Any) -> str:
    for types, kind in (
        (bool, "a boolean"),
        (str, "a string"),
        (int | float, "a number"),
        (list, "an array"),
        (dict, "an object"),
    ):
        if isinstance(value, types):
            return kind
    return "null"


def _expected(name: str, expected: str, value: Any) -> _Bad:
    shown = json.dumps(value, ensure_ascii=False)
    return _Bad(f"{name}: expected {expected}, got {_kind(value)}: {shown[:60]}{'...' if shown[60:] else ''}")


def _json_text(_name: str, value: Any) -> str:
    return _ENCODER.encode(value)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict) and name not in JSON_TEXT:
        raise _expected(name, "a string", value)
    return _json_text(name, value)


def _text_array(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise _expected(name, "an array of strings", value)
    return value


def _timestamp(name: str, value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _expected(name, 'a time like "2025-01-31T12:00:00Z"', value) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _integer(name: str, value: Any) -> int:
    # Data frames write 12.0 for a 12 in a column with gaps.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or value != int(value) or not -(2**31) <= value < 2**31:
        raise _expected(name, "an integer of 32 bits", value)
    return int(value)


def _numeric(name: str, value: Any) -> int | float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _expected(name, "a number", value)
    return value


_CONVERT: dict[str, Callable[[str, Any], Any]] = {
    "text": _text,
    "jsonb": _json_text,
    "text[]": _text_array,
    "timestamp with time zone": _timestamp,
    "integer": _integer,
    "numeric": _numeric,
}


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"number out of range: {text}")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON; use null")


# Made once: json.dumps with options makes an encoder per call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_float=_float, parse_constant=_no_constant)
