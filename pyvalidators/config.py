"""Config of a validator: JSON Schema from the annotations, and a check with errors that help.

The check needs only the few schema words that annotations produce, so jsonschema is not loaded for it.
"""

import json
import math
from collections.abc import Sequence
from reprlib import repr as short_repr
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from .suggest import did_you_mean

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object", NoneType: "null"}


class ConfigError(ValueError):
    """A config that the validator does not take: which key, what was expected, what it takes."""


def schema_of(annotation: Any) -> dict:
    """JSON Schema of an annotation; TypeError when it is not one of the supported types."""
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in _TYPES:
        return {"type": _TYPES[annotation]}
    if origin in (list, Sequence):
        return {"type": "array", "items": schema_of(args[0])}
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, UnionType) and NoneType in args:
        return {"anyOf": [schema_of(each) for each in args]}
    raise TypeError(
        f"config type {annotation!r} is not supported, expected str, int, float, bool, dict, list[...], "
        "Sequence[...], Literal[...] or one of them | None"
    )


def check(name: str, schema: dict, config: dict) -> None:
    """Raises ConfigError unless `config` fits the validator's config schema."""
    if not isinstance(config, dict):
        raise ConfigError(f"{name}: config is {short_repr(config)}, expected a JSON object")
    properties = schema["properties"]
    takes = f"{name} takes " + ("; ".join(map(_describe_key, properties.items())) or "no config")
    for key, value in config.items():
        if key not in properties:
            raise ConfigError(f"{name}: unknown config key {key!r}{did_you_mean(key, properties)}. {takes}")
        if not _fits(value, properties[key]):
            expected = _describe(properties[key])
            raise ConfigError(
                f"{name}: config key {key!r} is {short_repr(value)}, expected {expected}. {takes}"
            )
    for key in schema["required"]:
        if key not in config:
            raise ConfigError(f"{name}: config key {key!r} is missing. {takes}")


def _fits(value: object, schema: dict) -> bool:
    if "enum" in schema:
        return any(type(value) is type(each) and value == each for each in schema["enum"])
    if "anyOf" in schema:
        return any(_fits(value, each) for each in schema["anyOf"])
    match schema["type"]:
        case "array":
            return isinstance(value, list) and all(_fits(each, schema["items"]) for each in value)
        case "number":
            return type(value) is int or (type(value) is float and math.isfinite(value))
        case kind:
            return _TYPES.get(type(value)) == kind


def _describe(schema: dict) -> str:
    if "enum" in schema:
        return " or ".join(map(json.dumps, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(map(_describe, schema["anyOf"]))
    return f"array of {_describe(schema['items'])}" if schema["type"] == "array" else schema["type"]


def _describe_key(item: tuple[str, dict]) -> str:
    key, schema = item
    default = f"default {json.dumps(schema['default'])}" if "default" in schema else "required"
    return f"{key}: {_describe(schema)} ({default})"
