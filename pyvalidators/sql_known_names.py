"""Does generated SQL name only tables and columns that there are? Against a schema in the config."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache

from .registry import validator
from .sql import check_dialect, is_cte, load_sqlglot, parse_or_abstain
from .suggest import did_you_mean
from .verdict import Verdict


def _check_schema(*, schema: dict, dialect: str) -> None:
    check_dialect(dialect=dialect)
    sql_schema(json.dumps(schema), dialect)


@validator(check=_check_schema)
def sql_known_names(output: str, *, schema: dict, dialect: str = "postgres") -> Verdict | bool:
    """Passes when every table and column that the SQL names is in `schema`; aliases and CTEs are understood.

    Fails on an unknown table, an unknown column, and on one that could be of several tables. Columns are looked at in
    queries, INSERT, UPDATE and DELETE; in other statements only tables. Abstains when the output is NULL or does not
    parse. Resolved by sqlglot's optimizer; not seen: columns of what functions and JSON return, names of functions,
    an alias of the SELECT list that is used in WHERE.
    schema: {"orders": ["id", "total"], "users": ["id"]}, tables with their columns, spelled as stored; {"id": "int"}
        instead of a list will do, too. Either all names have their schema ("sales.orders", which also answers to
        orders), or none has, and then what stands before a table's name is not compared.
    dialect: a dialect of sqlglot, default "postgres"; it decides what case means.
    details: {"unknown": [name]}: all tables, or the first column.
    """
    statements = parse_or_abstain(output, dialect)
    if isinstance(statements, Verdict):
        return statements
    tables, columns = sql_schema(json.dumps(schema), dialect)
    unknown = dict.fromkeys(name for each in statements for name in _unknown_tables(each, tables, dialect))
    if unknown:
        names = list(unknown)[:20]
        hint = did_you_mean(names[0], tables)
        return Verdict(False, reason=f"there is no table {names[0]!r}{hint}", details={"unknown": names})
    errors, qualify = load_sqlglot().errors, load_sqlglot().optimizer.qualify.qualify
    for statement in statements:
        for query in _queries(statement, dialect):
            try:
                qualify(query, schema=columns, dialect=dialect, quote_identifiers=False)
            except errors.SqlglotError as error:
                what = str(error).split("\n")[0].partition(". Line")[0]
                name = re.search(r"'([^']*)'|(\S+)$", what)
                return Verdict(False, reason=what, details={"unknown": [name[1] or name[2]] if name else []})
    return True


@lru_cache(maxsize=64)
def sql_schema(text: str, dialect: str):
    """Names of the tables, and their columns as sqlglot's MappingSchema; ValueError for what is no schema."""
    sqlglot = load_sqlglot()
    given = json.loads(text)
    if not given:
        raise ValueError('schema is empty, expected such as {"orders": ["id", "total"]}')
    if len({name.count(".") for name in given}) > 1:
        raise ValueError("schema: some tables have a schema before their name and some have not; expected all or none")
    nested: dict = {}
    for name, columns in given.items():
        if not isinstance(columns, (list, dict)) or not all(isinstance(each, str) for each in columns):
            raise ValueError(f"schema: {name!r} has {columns!r}, expected a list of columns")
        *path, table = name.split(".")
        inner = nested
        for each in path:
            inner = inner.setdefault(each, {})
        inner[table] = dict.fromkeys(columns, "unknown")
    strategy = sqlglot.Dialect.get_or_raise(dialect).normalization_strategy
    as_stored = strategy is sqlglot.dialects.dialect.NormalizationStrategy.LOWERCASE
    mapping = sqlglot.MappingSchema(nested, dialect=dialect, normalize=not as_stored)
    return frozenset(given if as_stored else map(str.lower, given)), mapping


def _unknown_tables(statement, tables: frozenset[str], dialect: str) -> Iterator[str]:
    sqlglot = load_sqlglot()
    exp = sqlglot.exp
    bare = {name.rpartition(".")[2] for name in tables}
    qualified = any("." in name for name in tables)
    as_stored = sqlglot.Dialect.get_or_raise(dialect).normalization_strategy.name == "LOWERCASE"
    for table in statement.find_all(exp.Table):
        if not _is_named(table):
            continue
        if isinstance(statement, exp.Create) and table in (statement.this, statement.this.this):
            continue
        parts = [each.name if as_stored and each.quoted else each.name.lower() for each in table.parts]
        known = ".".join(parts[-2:]) in tables if qualified and len(parts) > 1 else parts[-1] in bare
        if not known and not (len(parts) == 1 and is_cte(table)):
            yield table.sql(dialect=dialect, comments=False).partition(" ")[0][:100]


def _is_named(source) -> bool:
    """Or is it a function in FROM?"""
    return isinstance(source.this, load_sqlglot().exp.Identifier)


# Of every table of Postgres, and not what * stands for.
_SYSTEM = {"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"}


def _queries(statement, dialect: str) -> Iterator:
    """The queries that name the columns of a statement."""
    exp = load_sqlglot().exp
    rows = {each.alias for each in statement.find_all(exp.Table, exp.Unnest, exp.Lateral) if not _is_named(each)}
    for column in list(statement.find_all(exp.Column)):
        # SELECT t FROM unnest(...) t is the row, not a column.
        if (column.name in rows and not column.table) or (column.name in _SYSTEM and dialect == "postgres"):
            known = exp.null()
            column.replace(exp.alias_(known, column.name) if isinstance(column.parent, exp.Select) else known)
    match statement:
        case exp.Query():
            yield statement
        case exp.Update() | exp.Delete():
            values = [side for each in statement.expressions for side in (each.this, each.expression)]
            query = exp.select(*(values or ["1"])).from_(statement.this)
            if where := statement.args.get("where"):
                query = query.where(where.this)
            source = statement.args.get("from_")
            for other in [source.this] if source else statement.args.get("using") or []:
                query = query.join(other, join_type="cross")
            if statement.args.get("with_"):
                query.set("with_", statement.args["with_"])
            yield query
        case exp.Insert():
            target = statement.this
            if isinstance(target, exp.Schema):
                yield exp.select(*(each.name for each in target.expressions)).from_(target.this)
            if isinstance(statement.expression, exp.Query):
                if statement.args.get("with_"):
                    statement.expression.set("with_", statement.args["with_"])
                yield statement.expression
        case exp.Create() if isinstance(statement.expression, exp.Query):
            yield statement.expression
