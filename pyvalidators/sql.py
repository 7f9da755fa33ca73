"""Generated SQL: taken out of the answer, and parsed by sqlglot."""

import logging
from functools import lru_cache

from .code import code_of
from .registry import validator
from .verdict import Verdict


def check_dialect(*, dialect: str, **_) -> None:
    """Its ValueError names the nearest dialect."""
    load_sqlglot().Dialect.get_or_raise(dialect)


@lru_cache(maxsize=1)
def load_sqlglot():
    """Loaded on first use: it takes longer than all the rest."""
    import sqlglot
    import sqlglot.optimizer.optimizer

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # a warning per Command would fill the server's log
    return sqlglot


def parse(output: str, dialect: str) -> list | Verdict:
    """The statements of the SQL in an answer, or a failing verdict that says why there are none."""
    sqlglot = load_sqlglot()
    statements = []
    for code in code_of(output):
        try:
            trees = sqlglot.parse(code, dialect=dialect)
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
        statements += [each for each in trees if each and not isinstance(each, sqlglot.exp.Semicolon)]
    if not statements:
        return Verdict(False, reason="no SQL statement")
    for each in statements:
        if isinstance(each, (sqlglot.exp.Condition, sqlglot.exp.Alias)):
            return Verdict(False, reason=f"an expression, not a statement: {each.sql()[:100]!r}")
    return statements


def parse_or_abstain(output: str, dialect: str) -> list | Verdict:
    """Like parse, for validators of what SQL says: what is no SQL is for sql_parses to fail."""
    parsed = parse(output, dialect)
    if isinstance(parsed, Verdict):
        return Verdict(None, reason=f"does not parse: {parsed.reason}")
    return parsed


def is_cte(table) -> bool:
    """Does the name of a table mean a CTE that is in sight?"""
    node, name = table.parent, table.name.lower()
    while node is not None:
        if any(each.alias.lower() == name for each in getattr(node, "ctes", ())):
            return True
        node = node.parent
    return False


@validator(check=check_dialect)
def sql_parses(output: str, *, dialect: str = "postgres") -> Verdict | bool:
    """Passes when the output is one or more SQL statements that sqlglot parses; names are not looked up.

    Fails on a syntax error, on a bare expression (prose often reads as one), and without any statement.
    Abstains when the output is NULL, and on commands whose body sqlglot does not read (EXPLAIN, CALL, ...).
    Where there are Markdown fences, what is in them is the SQL; code_fenced with `only` forbids text around them.
    dialect: a dialect of sqlglot, default "postgres".
    details: {"line", "column"} of the error, from 1, in the SQL without the fence.
    """
    statements = parse(output, dialect)
    if isinstance(statements, Verdict):
        return statements
    for each in statements:
        if isinstance(each, load_sqlglot().exp.Command):
            return Verdict(None, reason=f"sqlglot does not read the body of {each.name}")
    return True
