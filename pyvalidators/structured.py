"""Validators of structured outputs: JSON that has to have a shape."""

import json
from functools import lru_cache
from itertools import islice

from .registry import validator
from .text import search
from .verdict import Verdict

MAX_ERRORS = 5  # in details
MAX_MESSAGE = 300  # characters; jsonschema quotes the whole value


def _check_schema(*, schema: dict) -> None:
    _compile(json.dumps(schema))


@validator(check=_check_schema)
def json_schema(output: str, *, schema: dict) -> Verdict | bool:
    """Passes when the output is JSON that fits the schema. What is not JSON fails. Abstains when it is NULL.

    schema: a JSON Schema, draft 2020-12 unless its "$schema" says otherwise. References lead into the schema
        or to the standard's own documents; nothing is ever fetched. "format" is not checked.
    details: {"errors": [{"path", "message"}]}, up to 5; path is a JSONPath, $ the whole output.
    """
    try:
        value = _decode(output)
    except json.JSONDecodeError as error:
        return Verdict(False, reason=f"not JSON: {error.msg} at line {error.lineno} column {error.colno}")
    except _NotJSON as error:
        return Verdict(False, reason=f"not JSON: {error} is not a JSON value")
    errors = list(islice(_compile(json.dumps(schema)).iter_errors(value), MAX_ERRORS))
    if not errors:
        return True
    rows = [{"path": error.json_path, "message": error.message[:MAX_MESSAGE]} for error in errors]
    return Verdict(False, reason=f"{rows[0]['path']}: {rows[0]['message']}", details={"errors": rows})


class _NotJSON(Exception):
    """NaN and Infinity, which Python's json module takes and the standard does not."""


def _refuse(constant: str):
    raise _NotJSON(constant)


_decode = json.JSONDecoder(parse_constant=_refuse).decode


@lru_cache(maxsize=256)
def _compile(schema_text: str):
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
