"""Validators of structured outputs: JSON that has to have a shape, or to equal the expected one."""

import json
import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, zip_longest
from types import NoneType

from .registry import validator
from .text import search
from .verdict import Verdict

MAX_ERRORS = 5  # in details
MAX_MESSAGE = 300  # characters; jsonschema quotes the whole value


def _check_schema(*, schema: dict) -> None:
    compile_schema(json.dumps(schema))


@validator(check=_check_schema)
def json_schema(output: str, *, schema: dict) -> Verdict | bool:
    """Passes when the output is JSON that fits the schema. What is not JSON fails. Abstains when it is NULL.

    schema: a JSON Schema, draft 2020-12 unless its "$schema" says otherwise. References lead into the schema
        or to the standard's own documents; nothing is ever fetched. "format" is not checked.
    details: {"errors": [{"path", "message"}]}, up to 5; path is a JSONPath, $ the whole output.
    """
    try:
        value = decode(output)
    except NotJSON as error:
        return Verdict(False, reason=f"not JSON: {error}")
    errors = schema_errors(value, json.dumps(schema))
    return not errors or Verdict(
        False, reason=f"{errors[0]['path']}: {errors[0]['message']}", details={"errors": errors}
    )


def schema_errors(value: object, schema_text: str) -> list[dict]:
    """Where a value does not fit a JSON Schema: up to 5 of {"path", "message"}."""
    errors = islice(compile_schema(schema_text).iter_errors(value), MAX_ERRORS)
    return [{"path": error.json_path, "message": error.message[:MAX_MESSAGE]} for error in errors]


class NotJSON(ValueError):
    """What is wrong, and where."""


def decode(text: str) -> object:
    """The value of a JSON text, which NotJSON is raised for where it is none, as with NaN and Infinity."""
    try:
        return _decode(text)
    except json.JSONDecodeError as error:
        raise NotJSON(f"{error.msg} at line {error.lineno} column {error.colno}") from None


def _refuse(constant: str):
    raise NotJSON(f"{constant} is not a JSON value")


_decode = json.JSONDecoder(parse_constant=_refuse).decode


def _check_paths(*, paths: list[str], rel_tol: float, abs_tol: float) -> None:
    for path in paths:
        if path and path[0] != "/":
            raise ValueError(f"paths has {path!r}, expected a JSON Pointer such as '/items/0/price'")
    if rel_tol < 0 or abs_tol < 0:
        raise ValueError(f"rel_tol is {rel_tol} and abs_tol is {abs_tol}, expected 0 or more")


@validator(check=_check_paths)
def json_equals_expected(
    output: str, expected: str, *, paths: list[str] = (), rel_tol: float = 1e-9, abs_tol: float = 0.0
) -> Verdict:
    """Passes when output and expected are the same JSON: the order of keys, white space and 1 or 1.0 do not matter.

    The order of arrays does. Abstains when either is NULL and when the expected text is not JSON; an output that is
    not JSON fails. The score is the share of the values (leaves) that are equal.
    paths: JSON Pointers (RFC 6901) of the parts to compare, such as ["/total", "/items/0/price"]; default []: all.
    rel_tol, abs_tol: how far apart numbers may be, as in numeric_close; default 1e-9 and 0.
    details: {"differences": [{"path", "output", "expected"}]}, up to 5; a value that is missing has no key there.
    """
    try:
        wanted = decode(expected)
    except NotJSON as error:
        return Verdict(None, reason=f"expected is not JSON: {error}")
    try:
        value = decode(output)
    except NotJSON as error:
        return Verdict(False, 0.0, reason=f"not JSON: {error}")
    compared, different, differences = 0, 0, []
    for path in paths or [""]:
        for place, ours, theirs in _side_by_side(path, _at(value, path), _at(wanted, path)):
            compared += 1
            if not _same_leaf(ours, theirs, rel_tol, abs_tol):
                different += 1
                if len(differences) < MAX_ERRORS:
                    sides = {"output": ours, "expected": theirs}
                    sides = {key: _short(side) for key, side in sides.items() if side is not MISSING}
                    differences.append({"path": place, **sides})
    score = 1 - different / compared
    if not different:
        return Verdict(True, score)
    first = differences[0]
    ours, theirs = (json.dumps(first[side]) if side in first else "nothing" for side in ("output", "expected"))
    reason = f"{first['path'] or 'the value'} is {ours[:MAX_MESSAGE]}, expected {theirs[:MAX_MESSAGE]}"
    return Verdict(False, score, reason=reason, details={"differences": differences})


MISSING = object()


def _at(value: object, pointer: str) -> object:
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and step.isdecimal() and int(step[:9]) < len(value):
            value = value[int(step[:9])]
        else:
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
    return value


def _side_by_side(path: str, output: object, expected: object) -> Iterator[tuple[str, object, object]]:
    """The values to compare, side by side. A stack, because JSON nests deeper than Python calls."""
    todo = [(path, output, expected)]
    while todo:
        path, ours, theirs = todo.pop()
        if isinstance(ours, list) and isinstance(theirs, list) and (ours or theirs):
            pairs = list(zip_longest(ours, theirs, fillvalue=MISSING))
            todo += ((f"{path}/{i}", *pairs[i]) for i in reversed(range(len(pairs))))
        elif isinstance(ours, dict) and isinstance(theirs, dict) and (ours or theirs):
            keys = list(theirs | ours)
            todo += ((f"{path}/{_escape(k)}", ours.get(k, MISSING), theirs.get(k, MISSING)) for k in reversed(keys))
        else:
            yield path, ours, theirs


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def same(ours: object, theirs: object) -> bool:
    """Equal JSON: 1 is 1.0, and not true."""
    return all(_same_leaf(*leaves, 0, 0) for _, *leaves in _side_by_side("", ours, theirs))


def _same_leaf(ours: object, theirs: object, rel_tol: float, abs_tol: float) -> bool:
    """True is not 1; numbers may be a little apart."""
    if isinstance(ours, bool) or isinstance(theirs, bool) or not isinstance(ours, (int, float)):
        return type(ours) is type(theirs) and ours == theirs
    if ours == theirs or not isinstance(theirs, (int, float)):
        return ours == theirs
    try:
        return math.isclose(ours, theirs, rel_tol=rel_tol, abs_tol=abs_tol)
    except OverflowError:  # an integer beyond every float
        return False


def _short(value: object) -> object:
    return value if isinstance(value, (int, float, bool, NoneType)) else json.dumps(value)[:MAX_MESSAGE]


@lru_cache(maxsize=256)
def compile_schema(schema_text: str):
    """The schema's jsonschema validator; ValueError when it is not valid, or refers to what is not there."""
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import extend, validator_for
    from jsonschema_specifications import REGISTRY
    from referencing.jsonschema import DRAFT202012, specification_with

    schema = json.loads(schema_text)
    draft = schema.get("$schema")
    kind = validator_for(schema, default=None if draft else Draft202012Validator)
    if kind is None:
        raise ValueError(f"schema: $schema is {draft!r}, expected a published draft of JSON Schema")
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"schema is not valid at {error.json_path}: {error.message[:MAX_MESSAGE]}") from None
    resource = (specification_with(draft) if draft else DRAFT202012).create_resource(schema)
    _check_references(resource, REGISTRY.resolver_with_root(resource))
    kind = extend(kind, {"pattern": _pattern, "patternProperties": _pattern_properties})
    return kind(schema, registry=REGISTRY)  # the default registry would fetch remote references


def _pattern(validator, pattern, instance, schema):
    """jsonschema's own, with matches' time limit: with re, x+y on 3 MB of x held the process for 27 s."""
    from jsonschema import ValidationError

    if validator.is_type(instance, "string") and not search(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator, patterns, instance, schema):
    if validator.is_type(instance, "object"):
        for pattern, subschema in patterns.items():
            for key, value in instance.items():
                if search(pattern, key):
                    yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _check_references(resource, resolver) -> None:
    from referencing.exceptions import Unresolvable

    reference = resource.contents.get("$ref") if isinstance(resource.contents, dict) else None
    if reference is not None:
        try:
            resolver.lookup(reference)
        except Unresolvable:
            raise ValueError(f"schema: $ref {reference!r} leads nowhere, and nothing is fetched") from None
    for each in resource.subresources():
        _check_references(each, resolver.in_subresource(each))
