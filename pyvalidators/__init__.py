"""Validators as plain Python functions of a step's columns.

The same code runs in Postgres (plpython3u), in the worker's subprocesses, and in a unit test. Importing this
package registers every validator in VALIDATORS and loads no heavy dependency.
"""

from . import (
    budgets,
    code,
    context,
    expected,
    injection,
    labels,
    language,
    markdown,
    pii,
    prose,
    python,
    refusal,
    sql,
    sql_equivalent,
    sql_known_names,
    sql_lint,
    sql_read_only,
    structured,
    text,
    tools,
)
from .config import ConfigError
from .registry import VALIDATORS, UnknownValidator, Validator, catalog, get, validator
from .verdict import Verdict

__all__ = [
    "VALIDATORS",
    "ConfigError",
    "UnknownValidator",
    "Validator",
    "Verdict",
    "budgets",
    "catalog",
    "code",
    "context",
    "expected",
    "get",
    "injection",
    "labels",
    "language",
    "markdown",
    "pii",
    "prose",
    "python",
    "refusal",
    "sql",
    "sql_equivalent",
    "sql_known_names",
    "sql_lint",
    "sql_read_only",
    "structured",
    "text",
    "tools",
    "validator",
]
