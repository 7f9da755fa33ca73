"""What is wrong in generated SQL although it parses and runs: a function per known mistake."""

from collections.abc import Sequence
from typing import Literal, get_args

from .registry import validator
from .sql import check_dialect, is_cte, load_sqlglot, parse_or_abstain
from .sql_joins import cartesian_join, conjuncts, outer_join_undone
from .verdict import Verdict

Rule = Literal[
    "aggregate_without_group_by",
    "always_true",
    "cartesian_join",
    "leading_wildcard",
    "limit_without_order_by",
    "not_in_subquery",
    "null_comparison",
    "outer_join_undone",
    "select_star",
    "unused_cte",
    "write_without_where",
]
MAX_FOUND = 20  # parts listed in details


@validator(check=check_dialect)
def sql_lint(output: str, *, dialect: str = "postgres", rules: Sequence[Rule] = get_args(Rule)) -> Verdict | bool:
    """Passes when no statement of the output breaks one of `rules`. Abstains when it is NULL or does not parse.

    rules: default all of:
        "aggregate_without_group_by": count(*) beside a bare column, and no GROUP BY.
        "always_true": WHERE, ON or HAVING that is constant, or an OR with a constant. WHERE 1=1 AND ... is fine.
        "cartesian_join": a table that no condition connects to the others; CROSS JOIN says that it is meant.
        "leading_wildcard": LIKE '%...', which reads every row.
        "limit_without_order_by": which rows there are is then chance.
        "not_in_subquery": NOT IN (SELECT ...), which is never true once there is a NULL.
        "null_comparison": = NULL and the like, which is never true.
        "outer_join_undone": LEFT JOIN, then a WHERE that drops the rows without a partner.
        "select_star": SELECT * from a table; from a CTE or subquery it is fine, and in EXISTS.
        "unused_cte": a CTE that nothing reads, unless it writes.
        "write_without_where": UPDATE or DELETE of every row.
    dialect: a dialect of sqlglot, default "postgres".
    details: {"broken": [{"rule", "sql"}]}, up to 20, with the first 100 characters of the part.
    """
    statements = parse_or_abstain(output, dialect)
    if isinstance(statements, Verdict):
        return statements
    exp = load_sqlglot().exp
    chosen = [(rule, tuple(getattr(exp, kind) for kind in kinds), breaks) for rule, kinds, breaks in _RULES]
    broken = [
        {"rule": rule, "sql": node.sql(dialect=dialect, comments=False)[:100]}
        for statement in statements
        for node in statement.walk()
        for rule, kinds, breaks in chosen
        if rule in rules and isinstance(node, kinds) and breaks(node, exp)
    ]
    return not broken or Verdict(
        False, reason=f"{broken[0]['rule']}: {broken[0]['sql']}", details={"broken": broken[:MAX_FOUND]}
    )


def _aggregate_without_group_by(query, exp) -> bool:
    if query.args.get("group") or not _aggregates(query, exp):
        return False
    inside = (exp.Query, exp.AggFunc, exp.Filter, exp.WithinGroup, exp.Anonymous)
    return any(_has(each, exp.Column, inside) for each in query.expressions)


def _aggregates(query, exp) -> bool:
    return any(_has(each, exp.AggFunc, (exp.Query, exp.Window)) for each in query.expressions)


def _has(expression, kind: type, outside: tuple[type, ...]) -> bool:
    """Is there a node of this kind that is not below one of the others?"""
    nodes = expression.walk(prune=lambda node: isinstance(node, outside))
    return any(isinstance(node, kind) for node in nodes)


def _always_true(node, exp) -> bool:
    if isinstance(node, exp.Or):
        return _constant(node.left, exp) or _constant(node.right, exp)
    condition = node.args.get("on") if isinstance(node, exp.Join) else node.this
    # LATERAL has to have an ON, and ON true is how it is written.
    return condition is not None and not isinstance(node.this, exp.Lateral) and _constant(condition, exp)


def _constant(condition, exp) -> bool:
    condition = condition.unnest()
    if isinstance(condition, exp.EQ):
        return isinstance(condition.left, exp.Literal) and condition.left == condition.right
    return isinstance(condition, (exp.Boolean, exp.Literal))


def _leading_wildcard(node, exp) -> bool:
    return node.expression.is_string and node.expression.name[:1] in ("%", "_")


def _limit_without_order_by(query, exp) -> bool:
    if not (query.args.get("limit") or query.args.get("offset")) or query.args.get("order") or _in_exists(query, exp):
        return False
    if isinstance(query, exp.SetOperation):
        return True
    one_row = not query.args.get("group") and _aggregates(query, exp)
    return bool(query.args.get("from_")) and not one_row


def _in_exists(query, exp) -> bool:
    return isinstance(query.parent, exp.Exists) or isinstance(query.parent.parent if query.parent else None, exp.Exists)


def _not_in_subquery(node, exp) -> bool:
    return isinstance(node.this, exp.In) and bool(node.this.args.get("query"))


def _null_comparison(node, exp) -> bool:
    is_assignment = isinstance(node.parent, exp.Update) and node.arg_key == "expressions"
    return exp.Null in (type(node.left), type(node.right)) and not is_assignment


def _select_star(query, exp) -> bool:
    stars = [each for each in query.expressions if each.is_star]
    if not stars or _in_exists(query, exp):
        return False
    of = {each.text("table").lower() for each in stars}  # "" for a star of everything
    source = query.args.get("from_")
    tables = [each.this for each in (source, *(query.args.get("joins") or ())) if each]
    return any(
        isinstance(each, exp.Table) and isinstance(each.this, exp.Identifier) and not is_cte(each)
        and ("" in of or each.alias_or_name.lower() in of)
        for each in tables
    )  # fmt: skip


def _unused_cte(cte, exp) -> bool:
    if isinstance(cte.this, exp.DML):
        return False
    readers = (each for each in cte.root().find_all(exp.Table) if each.name.lower() == cte.alias.lower())
    return all(each.find_ancestor(exp.CTE) is cte for each in readers)


def _write_without_where(node, exp) -> bool:
    where = node.args.get("where")
    return where is None or all(_constant(each, exp) for each in conjuncts(where.this, exp))


_RULES: tuple = (
    ("aggregate_without_group_by", ["Select"], _aggregate_without_group_by),
    ("always_true", ["Where", "Having", "Join", "Or"], _always_true),
    ("cartesian_join", ["Select"], cartesian_join),
    ("leading_wildcard", ["Like", "ILike"], _leading_wildcard),
    ("limit_without_order_by", ["Select", "SetOperation"], _limit_without_order_by),
    ("not_in_subquery", ["Not"], _not_in_subquery),
    ("null_comparison", ["EQ", "NEQ", "GT", "GTE", "LT", "LTE"], _null_comparison),
    ("outer_join_undone", ["Select"], outer_join_undone),
    ("select_star", ["Select"], _select_star),
    ("unused_cte", ["CTE"], _unused_cte),
    ("write_without_where", ["Update", "Delete"], _write_without_where),
)
