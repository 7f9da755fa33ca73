"""Does generated SQL say the same as the expected SQL? By a canonical form of both, without running them."""

import json

from .registry import validator
from .sql import check_dialect, load_sqlglot, parse_or_abstain
from .sql_known_names import sql_schema
from .verdict import Verdict

MAX_NODES = 1_000  # of both trees, for a score: sqlglot's diff takes 1 s for that


def _check_schema(*, dialect: str, schema: dict | None) -> None:
    check_dialect(dialect=dialect)
    if schema is not None:
        sql_schema(json.dumps(schema), dialect)


@validator(check=_check_schema)
def sql_equivalent(
    output: str, expected: str, *, dialect: str = "postgres", schema: dict | None = None
) -> Verdict | bool:
    """Passes when output and expected SQL have the same canonical form, so that they give the same rows.

    Not seen as a difference: layout, case of names, aliases, names of the output columns, the order of conditions, of
    IN lists and of inner joins, JOIN ... ON or WHERE, BETWEEN or two comparisons, NOT pushed inwards, a CTE or a
    subquery that can be merged, and an ORDER BY that `expected` does not have. All else is one, so a failing output may
    still be right: EXISTS for IN, a window for a subquery, or what follows from keys and types. To know, run both.
    Abstains when either is NULL or does not parse, or is too deep for sqlglot's optimizer.
    dialect: a dialect of sqlglot, default "postgres".
    schema: default null; as in sql_known_names. With it * is what it stands for, and columns find their table.
    score: share of the nodes of both canonical forms that sqlglot's diff keeps; none above 1,000 nodes.
    details: {"output", "expected"}: the canonical forms, up to 1,000 characters, when they differ.
    """
    sides = []
    for sql, name in ((output, "output"), (expected, "expected")):
        statements = parse_or_abstain(sql, dialect)
        if isinstance(statements, Verdict):
            return statements._replace(reason=f"{name} {statements.reason}")
        sides.append(statements)
    tables = sql_schema(json.dumps(schema), dialect)[1] if schema else None
    errors = load_sqlglot().errors
    try:
        ours, theirs = ([_canonical(each, dialect, tables) for each in side] for side in sides)
    except (errors.SqlglotError, RecursionError) as error:
        return Verdict(None, reason=f"has no canonical form: {str(error).splitlines()[0]}")
    for mine, other in zip(ours, theirs, strict=False):
        if mine.args.get("order") and not other.args.get("order") and not mine.args.get("limit"):
            mine.set("order", None)
    left, right = ("; ".join(each.sql(dialect=dialect, comments=False) for each in side) for side in (ours, theirs))
    if left == right:
        return Verdict(True, 1.0)
    reason = "another canonical form" if len(ours) == len(theirs) else f"{len(ours)} statements, expected {len(theirs)}"
    return Verdict(False, _kept(ours, theirs), reason, {"output": left[:1000], "expected": right[:1000]})


def _canonical(tree, dialect: str, schema):
    sqlglot = load_sqlglot()
    exp, optimizer = sqlglot.exp, sqlglot.optimizer
    if schema is None:
        _name_the_only_table(tree, exp, optimizer.scope.traverse_scope)
    tree = optimizer.qualify.qualify(
        tree,
        dialect=dialect,
        schema=schema,
        allow_partial_qualification=True,
        validate_qualify_columns=False,
        quote_identifiers=False,
    )
    tree = optimizer.eliminate_subqueries.eliminate_subqueries(tree)
    tree = optimizer.merge_subqueries.merge_subqueries(tree)
    tree = optimizer.eliminate_ctes.eliminate_ctes(tree)
    for each in list(tree.find_all(exp.Is)):
        if each.args.get("negate"):  # IS NOT NULL is NOT ... IS NULL
            each.replace(exp.Not(this=exp.Is(this=each.this, expression=each.expression)))
    for select in tree.find_all(exp.Select):
        _conditions_into_where(select)
    tree = optimizer.simplify.simplify(optimizer.normalize.normalize(tree), dialect=dialect)
    for each in tree.find_all(exp.In):
        each.set("expressions", sorted(each.expressions, key=lambda item: item.sql()))
    for select in tree.find_all(exp.Select):
        _sort_sources(select)
    _rename(tree, exp, optimizer.scope)
    return optimizer.simplify.simplify(tree, dialect=dialect)  # orders the conditions by their new names


def _name_the_only_table(tree, exp, traverse_scope) -> None:
    """Without a schema: a column of a query of one table is that table's, unless it is an alias."""
    for scope in traverse_scope(tree) if isinstance(tree, exp.Query) else ():
        if len(scope.selected_sources) == 1:
            aliases = {each.alias for each in scope.expression.selects}
            for column in scope.columns:
                if not column.table and column.name not in aliases and column.parent_select is scope.expression:
                    column.set("table", exp.to_identifier(next(iter(scope.selected_sources))))


def _inner_joins(select) -> list | None:
    """The joins of a query when all of them are inner ones of tables and subqueries, whose order does not matter."""
    joins = select.args.get("joins") or []
    inner = all(
        join.kind in ("", "INNER", "CROSS") and not (join.side or join.method or join.args.get("using"))
        and type(join.this).__name__ in ("Table", "Subquery")
        for join in joins
    )  # fmt: skip
    return joins if inner else None


def _conditions_into_where(select) -> None:
    for join in _inner_joins(select) or ():
        if join.args.get("on"):
            select.where(join.args["on"], copy=False)
            join.set("on", None)
        join.set("kind", "CROSS")


def _sort_sources(select) -> None:
    joins, source = _inner_joins(select), select.args.get("from_")
    if joins and source:
        first, *others = sorted(
            (source.this, *(join.this for join in joins)), key=lambda each: (each.this.sql(), each.alias)
        )
        source.set("this", first)
        for join, other in zip(joins, others, strict=True):
            join.set("this", other)


def _rename(tree, exp, scopes) -> None:
    """Tables, CTEs and output columns by what they are and their place, instead of by what the author called them."""
    ctes = {cte.alias: f"cte_{at}" for at, cte in enumerate(tree.find_all(exp.CTE))}
    seen: dict[str, int] = {}
    columns_of: dict[int, dict[str, str]] = {}
    for scope in scopes.traverse_scope(tree) if isinstance(tree, exp.Query) else ():
        for alias, (node, source) in scope.selected_sources.items():
            name = ctes.get(node.name, node.name) if isinstance(node, exp.Table) else "derived"
            seen[name] = seen.get(name, 0) + 1
            names = columns_of.get(id(source), {})
            for column in scope.columns:
                if column.table == alias:
                    column.set("table", exp.to_identifier(f"{name}_{seen[name]}"))
                    if column.name in names:
                        column.set("this", exp.to_identifier(names[column.name]))
            node.set("alias", exp.TableAlias(this=exp.to_identifier(f"{name}_{seen[name]}")))
        if isinstance(scope.expression, exp.Select):
            columns_of[id(scope)] = _rename_outputs(scope.expression, exp)
    for table in list(tree.find_all(exp.Table)):
        if table.name in ctes and not table.db:
            table.set("this", exp.to_identifier(ctes[table.name]))
    for cte in tree.find_all(exp.CTE):
        cte.args["alias"].set("this", exp.to_identifier(ctes[cte.alias]))


def _rename_outputs(select, exp) -> dict[str, str]:
    names = {each.alias: f"c{at}" for at, each in enumerate(select.selects) if isinstance(each, exp.Alias)}
    order = select.args.get("order")
    for column in order.find_all(exp.Column) if order else ():
        if not column.table and column.name in names:
            column.set("this", exp.to_identifier(names[column.name]))
    for each in select.selects:
        if isinstance(each, exp.Alias):
            each.set("alias", exp.to_identifier(names[each.alias]))
    return names


def _kept(ours: list, theirs: list) -> float | None:
    sqlglot = load_sqlglot()
    total = sum(1 for side in (ours, theirs) for tree in side for _ in tree.walk())
    if total > MAX_NODES:
        return None
    edits = (edit for pair in zip(ours, theirs, strict=False) for edit in sqlglot.diff(*pair, delta_only=False))
    return 2 * sum(isinstance(edit, sqlglot.diff.__globals__["Keep"]) for edit in edits) / total
