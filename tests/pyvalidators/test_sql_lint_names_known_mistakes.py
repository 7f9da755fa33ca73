import json
from typing import get_args

import pytest

from pyvalidators import ConfigError, get
from pyvalidators.sql_lint import Rule

CLEAN = [
    "select a from t where b = 1 order by a limit 5",
    "with c as (select a from t) select * from c",
    "select 1 from t where exists (select * from u where u.a = t.a limit 1)",
    "select a, count(*) over () from t",
    "select max(a) from t limit 1",
    "select upper(a), count(*) from t group by upper(a)",
    "select a from t where 1=1 and b = 2",
    "update t set a = null where b = 1",
    "select a.x from a, b where a.i = b.i",
    "select x from a, b where i = j",
    "select a.x from a cross join b",
    "select a.x from a join b using (i) natural join c",
    "select a.x from a, unnest(a.t) u, lateral (select a.y) l",
    "select a.x from a left join lateral (select 1) l on true",
    "select a.x from a left join b on a.i = b.i and b.y = 3 where b.y is null or coalesce(b.y, 0) = 3",
    "with d as (delete from t where a = 1 returning 1) select 1 from t",
    "select a.x from a, (select max(i) m from b) s where a.i = s.m",
    "select a from t where b like 'x%' and c is not null",
]
BROKEN = [
    ("select a, count(*) from t", "aggregate_without_group_by"),
    ("select a from t where true", "always_true"),
    ("select a from t where b = 2 or 1 = 1", "always_true"),
    ("select a.x from a, b", "cartesian_join"),
    ("select a.x from a, b, c where a.i = b.i", "cartesian_join"),
    ("select a.x from a join b on a.i = a.j", "cartesian_join"),
    ("select a from t where b like '%x'", "leading_wildcard"),
    ("select a from t limit 5", "limit_without_order_by"),
    ("select a from t union select a from u limit 5", "limit_without_order_by"),
    ("select a from t where b not in (select c from u)", "not_in_subquery"),
    ("select a from t where b = null", "null_comparison"),
    ("select a from t where (c = 1 or c = 2) and null <> b", "null_comparison"),
    ("select a.x from a left join b on a.i = b.i where b.y = 3", "outer_join_undone"),
    ("select * from t", "select_star"),
    ("select o.* from a o join b on b.i = o.i", "select_star"),
    ("with c as (select 1) select 2", "unused_cte"),
    ("with recursive c as (select 1 n union all select n + 1 from c) select 1", "unused_cte"),
    ("update t set a = 1", "write_without_where"),
    ("delete from t where 1 = 1", "write_without_where"),
]


def rules(verdict, output, **config):
    result = verdict("sql_lint", config, output)
    assert result.status == "ok"
    broken = json.loads(result.details)["broken"] if result.details else []
    assert result.passed == (not broken)
    return {each["rule"] for each in broken}


@pytest.mark.parametrize("output", CLEAN)
def test_sound_sql_passes(verdict, output):
    assert rules(verdict, output) == set()


@pytest.mark.parametrize(("output", "rule"), BROKEN)
def test_a_mistake_is_named(verdict, output, rule):
    assert rule in rules(verdict, output)
    assert rules(verdict, f"select 1; {output}", rules=[rule]) == {rule}
    assert rule not in rules(verdict, output, rules=[each for each in get_args(Rule) if each != rule])


def test_every_rule_has_a_case():
    assert {rule for _, rule in BROKEN} == set(get_args(Rule))


def test_the_reason_quotes_the_part(verdict):
    result = verdict("sql_lint", {}, "select a from t where b = null")
    assert result.reason == "null_comparison: b = NULL"


@pytest.mark.parametrize("output", [None, "", "no SQL at all"])
def test_what_is_no_sql_abstains(verdict, output):
    assert verdict("sql_lint", {}, output).status == "abstained"


def test_an_unknown_rule_is_refused():
    with pytest.raises(ConfigError, match='"select_star"'):
        get("sql_lint").check_config({"rules": ["star"]})
