"""The @validator decorator, and the table of what it has registered."""

import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .columns import Field, field
from .config import ConfigError, check, schema_of
from .suggest import did_you_mean

VALIDATORS: dict[str, "Validator"] = {}


class UnknownValidator(LookupError):
    """No validator has this name."""


@dataclass(frozen=True)
class Validator:
    """A registered function.

    name: the function's name.
    inputs: the columns it reads, with their decoders, in the order of its parameters.
    config_schema: JSON Schema of its config.
    fingerprint: 16 hex digits of the SHA-256 of its source file and of the files of this package that it imports
        helpers from, so that a changed helper counts, too.
    doc: the function's docstring.
    function: the function itself.
    check: looks deeper into a config that fits the schema; takes it as keywords, raises ValueError.
    """

    name: str
    inputs: tuple[Field, ...]
    config_schema: dict
    fingerprint: str
    doc: str
    function: Callable
    check: Callable | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.inputs)

    def check_config(self, config: dict) -> None:
        """Raises ConfigError: which key, what was expected, what this validator takes."""
        check(self.name, self.config_schema, config)
        if self.check:
            try:
                self.check(**{**(self.function.__kwdefaults__ or {}), **config})
            except ValueError as error:
                raise ConfigError(f"{self.name}: {error}") from error


def validator(function: Callable | None = None, *, check: Callable | None = None) -> Callable:
    """Register a function of a step's columns (positional) and config (keyword-only); returns it unchanged.

    Annotations say how a column's text is decoded (columns.field) and what config is allowed
    (config.schema_of). `check(**config)` may refuse a config, with defaults filled in, by ValueError.
    Raises TypeError for parameters that are neither, ValueError for a name that is taken.
    """

    def register(function: Callable) -> Callable:
        name = function.__name__
        if name in VALIDATORS:
            raise ValueError(f"validator {name!r} exists already, in {VALIDATORS[name].function.__module__}")
        try:
            inputs, config_schema = _signature(function)
        except TypeError as error:
            raise TypeError(f"validator {name!r}: {error}") from None
        source = b"".join(Path(file).read_bytes() for file in _files(function))
        fingerprint = hashlib.sha256(source).hexdigest()[:16]
        doc = inspect.getdoc(function) or ""
        VALIDATORS[name] = Validator(name, inputs, config_schema, fingerprint, doc, function, check)
        return function

    return register(function) if function else register


def get(name: str) -> Validator:
    """The validator of this name; UnknownValidator, with a hint, when there is none."""
    try:
        return VALIDATORS[name]
    except KeyError:
        hint, known = did_you_mean(name, VALIDATORS), ", ".join(sorted(VALIDATORS))
        raise UnknownValidator(f"no Python validator {name!r}{hint}. There are: {known}") from None


def catalog() -> list[dict]:
    """One JSON-able row {name, fields, config_schema, fingerprint, doc} per validator, sorted by name."""
    return [
        {
            "name": each.name,
            "fields": list(each.fields),
            "config_schema": each.config_schema,
            "fingerprint": each.fingerprint,
            "doc": each.doc,
        }
        for _, each in sorted(VALIDATORS.items())
    ]


# What every validator imports: how it is called, not what it decides.
_FRAME = {f"{__package__}.{name}" for name in ("columns", "config", "registry", "suggest", "verdict")}


def _files(function: Callable) -> list[str]:
    """The file of a function, and those of this package that its file imports from, directly or not."""
    files, todo = {function.__code__.co_filename: None}, [function.__globals__]
    while todo:
        modules = {getattr(each, "__module__", None) or "" for each in todo.pop().values()}
        for name in sorted(modules - _FRAME):
            if name.startswith(f"{__package__}.") and sys.modules[name].__file__ not in files:
                files[sys.modules[name].__file__] = None
                todo.append(vars(sys.modules[name]))
    return list(files)


def _signature(function: Callable) -> tuple[tuple[Field, ...], dict]:
    """The columns and the config schema in a function's parameters; TypeError for any other parameter."""
    if not inspect.isfunction(function) or hasattr(function, "__wrapped__"):
        raise TypeError(f"expected a plain function, got {function!r}")
    inputs, properties, required = [], {}, []
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        if parameter.annotation is parameter.empty:
            raise TypeError(f"parameter {name!r} has no annotation")
        if parameter.kind is parameter.KEYWORD_ONLY:
            properties[name] = schema_of(parameter.annotation)
            if parameter.default is parameter.empty:
                required.append(name)
            else:
                default = parameter.default
                properties[name]["default"] = list(default) if isinstance(default, tuple) else default
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"parameter {parameter} would take anything; name the columns and the config")
        elif parameter.default is not parameter.empty:
            raise TypeError(f"column {name!r} has a default; config parameters come after a '*'")
        else:
            inputs.append(field(name, parameter.annotation))
    if not inputs:
        raise TypeError("it reads no column; columns are its positional parameters")
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    defaults = {name: each["default"] for name, each in properties.items() if "default" in each}
    check(function.__name__, {**schema, "required": []}, defaults)
    return tuple(inputs), schema
