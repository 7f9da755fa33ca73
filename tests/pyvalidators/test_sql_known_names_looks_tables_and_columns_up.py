import json

import pytest

from pyvalidators import ConfigError, get

SCHEMA = {
    "orders": ["id", "user_id", "total", "created_at", "data", "tags"],
    "users": {"id": "int", "name": "text"},
}


def judged(verdict, output, schema=SCHEMA, **config):
    result = verdict("sql_known_names", {"schema": schema, **config}, output)
    assert result.status == "ok"
    return json.loads(result.details)["unknown"] if result.details else []


@pytest.mark.parametrize(
    "output",
    [
        "select ID, o.total from Orders o where created_at > now()",
        "select u.name, count(*) n from users u join orders on orders.user_id = u.id group by u.name order by n desc",
        "with a(k, v) as (select * from users) select v from a where k = 1",
        "with recursive r as (select 1 as n union all select n + 1 from r) select n from r",
        "select * from users where exists (select 1 from orders where user_id = users.id)",
        "select (select name from users u where u.id = o.user_id) from orders o",
        "select l.n from users u, lateral (select count(*) n from orders o where o.user_id = u.id) l",
        "select e, d.value from orders, unnest(tags) e, jsonb_each(data) d",
        "select row_to_json(u), ctid from users u",
        "select public.users.name from public.users",
        "select id from users union select user_id from orders order by id",
        "select rank() over w from users window w as (order by name)",
        "update orders o set total = total + 1 from users u where u.id = o.user_id",
        "delete from orders using users u where u.id = orders.user_id and name = 'x'",
        "insert into orders (id, total) select id, 1 from users on conflict (id) do nothing returning id",
        "create table copy_of as select name from users",
        "select 1",
    ],
)
def test_known_names_pass(verdict, output):
    assert judged(verdict, output) == []


@pytest.mark.parametrize(
    ("output", "unknown"),
    [
        ("select * from user", ["user"]),
        ("select * from nope, users, sales.nothing", ["nope", "sales.nothing"]),
        ("with a as (select 1) select * from b", ["b"]),
        ("drop table nope", ["nope"]),
        ("select nope from orders", ["nope"]),
        ("select o.nope from orders o", ["nope"]),
        ("select x.id from orders o", ["id"]),
        ("with a as (select id as k from users) select k, name from a", ["name"]),
        ("select s.name from (select id from users) s", ["name"]),
        ("select id from users where total > 1", ["total"]),
        ("select id from users join orders on user_id = users.id", ["id"]),
        ('select "ID" from users', ["ID"]),
        ("update orders set nope = 1", ["nope"]),
        ("delete from orders where nope = 1", ["nope"]),
        ("insert into orders (nope) values (1)", ["nope"]),
        ("insert into orders (id) select nope from users", ["nope"]),
    ],
)
def test_an_unknown_or_ambiguous_name_fails(verdict, output, unknown):
    assert judged(verdict, output) == unknown


def test_a_misspelt_table_gets_a_hint(verdict):
    result = verdict("sql_known_names", {"schema": SCHEMA}, "select 1 from ordres")
    assert result.reason == "there is no table 'ordres' (did you mean 'orders'?)"


def test_tables_may_be_named_with_their_schema(verdict):
    schema = {"sales.orders": ["id"], "app.users": ["id"]}
    assert judged(verdict, "select id from sales.orders", schema) == []
    assert judged(verdict, "select orders.id from orders join app.users using (id)", schema) == []
    assert judged(verdict, "select id from app.orders", schema) == ["app.orders"]


def test_the_dialect_decides_what_case_means(verdict):
    assert judged(verdict, "select NAME from USERS", dialect="snowflake") == []
    assert judged(verdict, 'select "Name" from "Users"', {"Users": ["Name"]}) == []
    assert judged(verdict, "select name from users", {"Users": ["Name"]}) == ["users"]


@pytest.mark.parametrize("output", [None, "", "no SQL at all"])
def test_what_is_no_sql_abstains(verdict, output):
    assert verdict("sql_known_names", {"schema": SCHEMA}, output).status == "abstained"


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({}, "schema is empty"),
        ({"a": "id"}, "'a' has 'id', expected a list of columns"),
        ({"a": [1]}, "expected a list of columns"),
        ({"a": ["x"], "s.b": ["y"]}, "expected all or none"),
    ],
)
def test_what_is_no_schema_is_refused(schema, says):
    with pytest.raises(ConfigError, match=says):
        get("sql_known_names").check_config({"schema": schema})
