"""The columns of a step that a validator can read, and how their text form becomes a Python value."""

import json
from collections.abc import Callable
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from .suggest import did_you_mean
from .verdict import Verdict

# The columns of flywheel.traces.
COLUMNS = (
    *("id", "trace_id", "span_id", "parent_span_id", "session_id", "pipeline", "node", "node_type"),
    *("input", "output", "expected", "context", "model", "variant", "prompt_tokens", "completion_tokens"),
    *("cost_usd", "started_at", "ended_at", "status", "error", "user_id", "tags", "attributes", "created_at"),
)


class Field(NamedTuple):
    """One column that a validator reads. decode turns the column's text into the annotated type."""

    name: str
    decode: Callable[[str], object]
    nullable: bool


def field(name: str, annotation: Any) -> Field:
    """Raises TypeError for a name that is no column and for a type that text cannot be decoded to."""
    if name not in COLUMNS:
        raise TypeError(
            f"{name!r} is not a column of flywheel.traces{did_you_mean(name, COLUMNS)}. Columns: "
            f"{', '.join(COLUMNS)}; config parameters come after a '*'"
        )
    kind, nullable = annotation, annotation in (object, Any)
    if get_origin(kind) in (Union, UnionType) and len(get_args(kind)) == 2 and NoneType in get_args(kind):
        kind, nullable = next(each for each in get_args(kind) if each is not NoneType), True
    if get_origin(kind) in (list, dict):
        kind = get_origin(kind)
    if kind is str:
        return Field(name, str, nullable)
    if kind in (int, float, bool, datetime):
        return Field(name, _scalar(name, kind), nullable)
    if kind in (list, dict, object, Any):
        return Field(name, _json(name, kind), nullable)
    raise TypeError(
        f"column {name!r} is annotated {annotation!r}, expected str, int, float, bool, datetime, list, dict, "
        "object or one of them | None"
    )


def decoding(function: Callable, fields: tuple[Field, ...]) -> Callable:
    """`function` called with text columns. A NULL that it does not take makes the step abstained."""

    plan = [
        (decode, None if nullable else Verdict(None, reason=f"{name} is NULL"))
        for name, decode, nullable in fields
    ]

    def call(*texts: str | None):
        values = []
        for (decode, if_null), text in zip(plan, texts, strict=True):
            if text is None and if_null:
                return if_null
            values.append(text if text is None else decode(text))
        return function(*values)

    return call


_BOOLEANS = {"true": True, "false": False}


def _scalar(name: str, kind: type) -> Callable[[str], object]:
    parse = {bool: _BOOLEANS.__getitem__, datetime: datetime.fromisoformat}.get(kind, kind)

    def decode(text: str):
        try:
            return parse(text)
        except (ValueError, KeyError):
            raise ValueError(f"{name} is {text[:80]!r}, expected {kind.__name__}") from None

    return decode


def _json(name: str, kind: Any) -> Callable[[str], object]:
    def decode(text: str):
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{name} is not JSON: {error}") from None
        if kind in (list, dict) and not isinstance(value, kind):
            raise ValueError(f"{name} is a JSON {type(value).__name__}, expected {kind.__name__}")
        return value

    return decode
