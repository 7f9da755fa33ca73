"""Rules of sql_lint about joins."""


def conjuncts(condition, exp) -> list:
    """The parts of a condition that all have to hold."""
    condition = condition.unnest()
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def cartesian_join(query, exp) -> bool:
    """Do the conditions leave the tables in more than one group?"""
    joins, source, where = query.args.get("joins") or [], query.args.get("from_"), query.args.get("where")
    if not joins or not source:
        return False
    first, *rest = names = [each.this.alias_or_name.lower() for each in (source, *joins)]
    pairs = [(first, name) for name, join in zip(rest, joins, strict=True) if _is_meant(join, exp)]
    conditions = [join.args["on"] for join in joins if join.args.get("on")]
    for condition in conditions + (conjuncts(where.this, exp) if where else []):
        columns = list(condition.find_all(exp.Column))
        tables = [column.table.lower() for column in columns if column.table.lower() in names]
        if len(columns) > 1 and not all(column.table for column in columns):
            return False  # a column without its table may connect any two
        pairs += ((tables[0], each) for each in tables[1:])
    reached = {first}
    while more := {name for pair in pairs if reached & set(pair) for name in pair} - reached:
        reached |= more
    return not reached.issuperset(names)


def _is_meant(join, exp) -> bool:
    """CROSS JOIN says so; USING and NATURAL connect; a function or LATERAL reads the row to its left."""
    named = isinstance(join.this, exp.Subquery) or isinstance(join.this.this, exp.Identifier)
    return join.kind == "CROSS" or bool(join.args.get("using")) or join.method == "NATURAL" or not named


def outer_join_undone(query, exp) -> bool:
    """Does WHERE compare a column of the optional side, which is NULL in the rows without a partner?"""
    optional = {join.this.alias_or_name.lower() for join in query.args.get("joins") or [] if join.side == "LEFT"}
    where = query.args.get("where")
    if not optional or not where:
        return False
    drops_null = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike, exp.In, exp.Between)
    for condition in conjuncts(where.this, exp):
        sides = (condition.this, condition.args.get("expression")) if isinstance(condition, drops_null) else ()
        if any(isinstance(side, exp.Column) and side.table.lower() in optional for side in sides):
            return True
    return False
