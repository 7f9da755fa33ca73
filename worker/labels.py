"""`flywheel labels import` and `export`: people's labels from and to CSV or JSONL.

A row names its step by step_id, or by trace_id and, where the trace has several steps, node.
"""

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from .install import query
from .load import ROW_ERRORS

BATCH = 500
PASSED = {"pass": True, "true": True, "1": True, "yes": True, "fail": False, "false": False, "0": False, "no": False}
DESIGNS = ("random", "verdict_balanced", "class_balanced", "stratified", "priority", "convenience")
EXPORTED = {"split", "created_at"}  # import decides both anew
FORMATS = {".csv": "csv", ".jsonl": "jsonl"}
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


class Row(NamedTuple):
    """What a line says: its number in the file (from 1), and values by column."""

    line: int
    values: dict[str, Any]


class LabelError(RuntimeError):
    """A line does not fit, so nothing was imported."""

    def __init__(self, line: int, problem: str):
        super().__init__(f"line {line}: {problem}. Nothing was imported.")
        self.line = line


def import_labels(conn: psycopg.Connection, path: str, progress: Callable[[int], None] | None = None) -> int:
    """Imports every label of the file in one transaction, or none and raises LabelError; returns how many."""
    imported = 0
    kind = _format(path)
    csv.field_size_limit(sys.maxsize)  # a critique may be longer than 131,072 characters
    with _opened(path, "r") as lines, conn.transaction():
        rows = parse(lines, kind)
        while batch := list(islice(rows, BATCH)):
            _insert(conn, _with_steps(conn, batch))
            imported += len(batch)
            if progress:
                progress(imported)
    return imported


def export_labels(conn: psycopg.Connection, path: str, validator: str | None, split: str | None) -> int:
    """Writes labels as import_labels reads them; returns how many. Reading test labels is logged."""
    as_csv = _format(path) == "csv"
    rows = conn.cursor(row_factory=dict_row).execute(query("export_labels"), {"validator": validator, "split": split})
    with _opened(path, "w") as out:
        table = csv.writer(out)
        if as_csv:
            table.writerow(column.name for column in rows.description or ())
        for row in rows:
            if as_csv:
                table.writerow(_plain(value) for value in row.values())
            else:
                given = {name: _plain(value) for name, value in row.items() if value is not None}
                out.write(json.dumps(given, ensure_ascii=False) + "\n")
    return rows.rowcount


def parse(lines: Iterable[str], kind: str | None = None) -> Iterator[Row]:
    """The rows of a CSV (with a header line) or JSONL file; without a kind it is JSONL if it begins with {."""
    numbered = _utf8(lines)
    if kind is None:
        first = next(numbered, "")
        kind = "jsonl" if first.lstrip().startswith("{") else "csv"
        numbered = chain([first], numbered)
    for line, given in (_json_rows if kind == "jsonl" else _csv_rows)(numbered):
        yield Row(line, _values(line, given))


def _utf8(lines: Iterable[str]) -> Iterator[str]:
    """The same lines; bytes that are not UTF-8 come as lone surrogates."""
    for number, line in enumerate(lines, 1):
        if _NOT_UTF8.search(line):
            raise LabelError(number, "not UTF-8")
        yield line


def _csv_rows(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = csv.reader(lines, strict=True)
    line = 1
    try:
        names = next(rows, [])
        for name in names:
            _known(1, name)
            if names.count(name) > 1:
                raise LabelError(1, f"column {json.dumps(name)} is there twice")
        line = rows.line_num + 1
        for row in rows:
            if row and len(row) != len(names):
                raise LabelError(line, f"expected {len(names)} fields as in the header line")
            if row:
                yield line, {name: value for name, value in zip(names, row, strict=True) if value != ""}
            line = rows.line_num + 1
    except csv.Error as error:
        raise LabelError(line, f"not CSV: {error}") from None


def _json_rows(lines: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            given = json.loads(line)
            if not isinstance(given, dict):
                raise LabelError(number, "expected one JSON object per line")
            yield number, {name: value for name, value in given.items() if value is not None}
    except (ValueError, RecursionError) as error:
        raise LabelError(number, f"not one JSON object: {error}") from None


def _values(line: int, given: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for name, value in given.items():
        _known(line, name)
        if name in _CONVERT:
            try:
                values[name] = _CONVERT[name](value)
            except (TypeError, ValueError, OverflowError, _Bad) as error:
                expected = error if isinstance(error, _Bad) else _EXPECTED[_CONVERT[name]]
                raise LabelError(line, f"{name}: expected {expected}, got {json.dumps(value)[:60]}") from None
    if "validator" not in values:
        raise LabelError(line, "which validator? Give the column validator")
    if not values.keys() & {"step_id", "trace_id"}:
        raise LabelError(line, "which step? Give step_id, or trace_id and node")
    if not values.keys() & {"passed", "score", "category"}:
        raise LabelError(line, "what is the label? Give passed, score or category")
    return values


def _known(line: int, name: str) -> None:
    if name not in _CONVERT and name not in EXPORTED:
        raise LabelError(line, f"unknown column {json.dumps(name)}; expected {', '.join(_CONVERT)}")


def _with_steps(conn: psycopg.Connection, batch: list[Row]) -> list[Row]:
    keys = ("step_id", "trace_id", "node")
    wanted = [{"line": row.line} | {key: row.values.get(key) for key in keys} for row in batch]
    found = conn.cursor(row_factory=psycopg.rows.tuple_row).execute(query("label_steps"), {"rows": Jsonb(wanted)})
    rows = []
    for row, (_, steps, step_id) in zip(batch, found, strict=True):
        named = " ".join(f"{key} {row.values[key]}" for key in keys if key in row.values)
        if steps != 1:
            hint = "name its node, or give step_id" if steps else "load the steps first, see flywheel load"
            raise LabelError(row.line, f"{steps or 'no'} step{'s' * (steps > 1)} with {named}; {hint}")
        rows.append(Row(row.line, row.values | {"step_id": step_id}))
    return rows


def _insert(conn: psycopg.Connection, rows: list[Row]) -> None:
    """Inserts them; when the server refuses, by halves until the first bad row is alone."""
    values = Jsonb([{"line": row.line} | row.values for row in rows])
    try:
        with conn.transaction():
            conn.execute(query("insert_labels"), {"rows": values})
    except ROW_ERRORS as error:
        if len(rows) > 1:
            half = len(rows) // 2
            _insert(conn, rows[:half])
            _insert(conn, rows[half:])
            return
        if error.diag.constraint_name == "labels_one_per_rater":
            raise LabelError(rows[0].line, "this rater has labelled the step already, for this validator") from None
        hint = f"; {error.diag.message_hint.rstrip('.')}" if error.diag.message_hint else ""
        raise LabelError(rows[0].line, f"{error.diag.message_primary}{hint}") from None


def _format(path: str) -> str | None:
    if path == "-":
        return None
    if (suffix := Path(path).suffix.lower()) not in FORMATS:
        raise RuntimeError(f"{path}: cannot tell its format. Name it .csv or .jsonl.")
    return FORMATS[suffix]


@contextmanager
def _opened(path: str, mode: str) -> Iterator[TextIO]:
    encoding, errors = ("utf-8-sig", "surrogateescape") if mode == "r" else ("utf-8", "strict")
    if path == "-":
        standard = sys.stdin if mode == "r" else sys.stdout
        standard.reconfigure(encoding=encoding, errors=errors, newline="")  # whatever the locale
        yield standard
        return
    with Path(path).open(mode, encoding=encoding, errors=errors, newline="") as file:
        yield file


class _Bad(Exception):
    """What was expected."""


def _passed(value: Any) -> bool:
    if str(value).strip().lower() not in PASSED:
        raise _Bad("pass or fail")
    return PASSED[str(value).strip().lower()]


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError
    return number


def _probability(value: Any) -> float:
    if not 0 < (number := _number(value)) <= 1:
        raise _Bad("a probability over 0, up to 1")
    return number


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    if not -(2**63) <= (number := int(value)) < 2**63:
        raise _Bad("an integer that Postgres can hold")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    value.encode()  # half a surrogate pair raises ValueError, too
    return value


def _design(value: Any) -> str:
    if value not in DESIGNS:
        raise _Bad(f"one of {', '.join(DESIGNS)}")
    return value


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "step_id": _integer,
    "trace_id": _text,
    "node": _text,
    "validator": _text,
    "rubric_version": _integer,
    "passed": _passed,
    "score": _number,
    "category": _text,
    "critique": _text,
    "rater": _text,
    "sampling_design": _design,
    "inclusion_probability": _probability,
}
_EXPECTED = {
    _integer: "an integer",
    _number: "a number",
    _probability: "a number",
    _text: "a text that Postgres can hold",
}
