import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvalidators import ConfigError, get
from pyvalidators.sql_equivalent import sql_equivalent

SAME = [
    ("select a from t", "SELECT  A\nFROM t AS x;"),
    ("select id from o where a = 1 and b = 2", "select o.id from o where 2 = b and a = 1"),
    ("select o.id from orders o join users u on o.uid = u.id where u.n = 'x'",
     "select orders.id from users, orders where users.n = 'x' and orders.uid = users.id"),
    ("select a from t where b in (1, 2)", "select a from t where b in (2, 1)"),
    ("select a from t where b between 1 and 2", "select a from t where b >= 1 and b <= 2"),
    ("select a from t where not (x = 1 or y = 2)", "select a from t where x <> 1 and y <> 2"),
    ("select a from t where b is not null", "select a from t where not b is null"),
    ("with c as (select a from t where b = 1) select a from c", "select a from t where b = 1"),
    ("select a from (select a, b from t) s where b = 1", "select a from t where b = 1"),
    ("with c as (select a, count(*) n from t group by a) select a from c where n > 1",
     "with d as (select a, count(*) k from t group by a) select d.a from d where k > 1"),
    ("select count(*) as n from t order by n", "select count(*) as m from t order by m"),
    ("select a from t order by a", "select a from t"),
    ("select a.x from t a join t b on a.i = b.j", "select q.x from t q join t r on q.i = r.j"),
    ("select name from users u where exists (select 1 from orders o where o.uid = u.id)",
     "select x.name from users x where exists (select 1 from orders y where y.uid = x.id)"),
    ("delete from t where a = 1 and b = 2", "delete from t where b = 2 and a = 1"),
    ("```sql\nselect 1\n```", "select 1"),
]  # fmt: skip
DIFFERENT = [
    ("select a from t", "select b from t"),
    ("select a from t where x = 1", "select a from t where x = 2"),
    ("select a, b from t", "select b, a from t"),
    ("select distinct a from t", "select a from t"),
    ("select a from t", "select a from t order by a"),
    ("select a from t order by a limit 3", "select a from t limit 3"),
    ("select a from t order by a", "select a from t order by a desc"),
    ("select a.x from a left join b on a.i = b.i", "select a.x from b left join a on a.i = b.i"),
    ("select a.x from a left join b on a.i = b.i", "select a.x from a join b on a.i = b.i"),
    ("select a.x from t a join t b on a.i = b.j", "select b.x from t a join t b on a.i = b.j"),
    ("select a from t; select 1", "select a from t"),
    ("select a from t union all select b from u", "select a from t union select b from u"),
    ("select a from t where x < 1", "select a from t where x <= 1"),
    ("select 'A'", "select 'a'"),
    ('select "A" from t', "select a from t"),
]


@pytest.mark.parametrize(("output", "expected"), SAME)
def test_the_same_said_differently_passes(verdict, output, expected):
    assert verdict("sql_equivalent", {}, output, expected) == (True, 1.0, None, None, "ok")


@pytest.mark.parametrize(("output", "expected"), DIFFERENT)
def test_something_else_fails_with_a_score_and_both_forms(verdict, output, expected):
    result = verdict("sql_equivalent", {}, output, expected)
    assert (result.passed, result.status) == (False, "ok")
    assert 0 <= result.score < 1
    assert set(json.loads(result.details)) == {"output", "expected"}


def test_a_schema_says_what_a_star_is(verdict):
    config = {"schema": {"t": ["id", "v"]}}
    assert verdict("sql_equivalent", {}, "select * from t", "select id, v from t").passed is False
    assert verdict("sql_equivalent", config, "select * from t", "select id, v from t").passed is True


COLUMNS = st.sampled_from("abc")
CONDITIONS = st.recursive(
    st.builds("{} {} {}".format, COLUMNS, st.sampled_from(["=", "<", ">=", "<>"]), st.integers(0, 9)),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=4,
)


@given(st.lists(COLUMNS, min_size=1), CONDITIONS, CONDITIONS)
def test_the_order_of_two_conditions_never_matters(columns, one, other):
    query = f"select {', '.join(columns)} from t where "
    assert sql_equivalent(f"{query}{one} and {other}", f"{query}({other}) and {one}").passed is not False


@pytest.mark.parametrize(
    ("output", "expected", "reason"),
    [
        (None, "select 1", "output is NULL"),
        ("select 1", None, "expected is NULL"),
        ("what?", "select 1", "output does not parse"),
        ("select 1", "", "expected does not parse: no SQL statement"),
    ],
)
def test_what_is_no_sql_abstains(verdict, output, expected, reason):
    result = verdict("sql_equivalent", {}, output, expected)
    assert result.status == "abstained"
    assert result.reason.startswith(reason)


@pytest.mark.parametrize("config", [{"dialect": "postgers"}, {"schema": {"t": 3}}])
def test_a_bad_config_is_refused(config):
    with pytest.raises(ConfigError):
        get("sql_equivalent").check_config(config)
