"""Validators of generated code."""

import logging
import re
from functools import lru_cache

from .registry import validator
from .verdict import Verdict


def _check_dialect(*, dialect: str) -> None:
    _sqlglot().Dialect.get_or_raise(dialect)  # its ValueError names the nearest dialect


@validator(check=_check_dialect)
def sql_parses(output: str, *, dialect: str = "postgres") -> Verdict | bool:
    """Passes when the output is one or more SQL statements that sqlglot parses; names are not looked up.

    Fails on a syntax error, on a bare expression (prose often reads as one), and without any statement.
    Abstains when the output is NULL, and on commands whose body sqlglot does not read (EXPLAIN, CALL, ...).
    One Markdown fence around the whole output is taken off.
    dialect: a dialect of sqlglot, default "postgres".
    details: {"line", "column"} of the error, from 1, in the SQL without the fence.
    """
    sqlglot = _sqlglot()
    fenced = _FENCE.fullmatch(output)
    try:
        trees = sqlglot.parse(fenced[1] if fenced else output, dialect=dialect)
    except sqlglot.errors.ParseError as error:
        first = error.errors[0]
        line, column, near = first["line"], first["col"], first["highlight"]
        what = first["description"].partition(" but got <Token")[0]
        return Verdict(
            False,
            reason=f"{what} at line {line} column {column}, near {near!r}",
            details={"line": line, "column": column},
        )
    except sqlglot.errors.TokenError as error:
        return Verdict(False, reason=" ".join(str(error.__cause__ or error).split()))
    statements = [each for each in trees if each is not None]
    if not statements:
        return Verdict(False, reason="no SQL statement")
    for each in statements:
        if isinstance(each, (sqlglot.exp.Condition, sqlglot.exp.Alias)):
            return Verdict(False, reason=f"an expression, not a statement: {each.sql()[:100]!r}")
    for each in statements:
        if isinstance(each, sqlglot.exp.Command):
            return Verdict(None, reason=f"sqlglot does not read the body of {each.name}")
    return True


_FENCE = re.compile(r"\s*```\w*[ \t]*\r?\n(.*?)```\s*", re.DOTALL)


@lru_cache(maxsize=1)
def _sqlglot():
    """Loaded on first use: it takes longer than all the rest."""
    import sqlglot

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # a warning per Command would fill the server's log
    return sqlglot
