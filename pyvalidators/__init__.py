"""Validators as plain Python functions of a step's columns.

The same code runs in Postgres (plpython3u), in the worker's subprocesses, and in a unit test. Importing this
package registers every validator in VALIDATORS and loads no heavy dependency.
"""

from . import code, expected, injection, language, pii, prose, refusal, structured, text
from .config import ConfigError
from .registry import VALIDATORS, UnknownValidator, Validator, catalog, get, validator
from .verdict import Verdict

__all__ = [
    "VALIDATORS",
    "ConfigError",
    "UnknownValidator",
    "Validator",
    "Verdict",
    "catalog",
    "code",
    "expected",
    "get",
    "injection",
    "language",
    "pii",
    "prose",
    "refusal",
    "structured",
    "text",
    "validator",
]
