import json

import pytest

READS = [
    "select a, count(*) filter (where b) over (partition by c order by d) from t where x in (select max(y) from u)",
    "with recursive r(n) as (values (1) union all select n + 1 from r where n < 9) select * from r; table t",
    "select coalesce(a, b), lower(c), date_trunc('day', d), percentile_cont(0.5) within group (order by e) from t",
    "select to_tsvector('english', x) @@ plainto_tsquery('a'), jsonb_path_query(j, '$.a'), j ->> 'b' from t",
    "select now(), clock_timestamp(), random(), gen_random_uuid(), current_user, current_setting('x')",
    "select * from generate_series(1, 3) g, unnest(array[1]) u, json_to_recordset('[]') as x(a int)",
    "select 'drop table t', $a$ ; delete from t $a$, E'it\\'s' -- ; drop table t",
    "select 1 /* /* nested */ ; drop table t */",
    "select pg_catalog.upper('a'), \"lower\"('b')",
    "explain (analyze, costs off) select 1",
    "```sql\nselect 1\n```",
    "select pg_sleep from t",
]
DOES_MORE = [
    ("delete from t", "DELETE is no query"),
    ("with d as (delete from t returning *) select * from d", "DELETE in a query"),
    ("with a as materialized (insert into t values (1) returning 1) select 1 from a", "INSERT in a query"),
    ("select 1; update t set a = 1", "UPDATE is no query"),
    ("merge into t using s on t.a = s.a when matched then delete", "MERGE is no query"),
    ("select * into x from t", "SELECT INTO in a query"),
    ("create table x as select 1", "CREATE is no query"),
    ("drop table t", "DROP is no query"),
    ("alter system set x = 1", "ALTER is no query"),
    ("truncate t", "TRUNCATETABLE is no query"),
    ("grant select on t to x", "GRANT is no query"),
    ("copy t to program 'id'", "COPY is no query"),
    ("call f()", "CALL is no query"),
    ("do $$ begin end $$", "DO is no query"),
    ("set role x", "SET is no query"),
    ("begin", "TRANSACTION is no query"),
    ("lock table t", "LOCK is no query"),
    ("vacuum", "VACUUM is no query"),
    ("select 1 from t for update", "a lock"),
    ("select (select 1 from t for share)", "a lock"),
    ("explain analyze delete from t", "DELETE is no query"),
    ("select 'a\\'; drop table t; --'", "DROP is no query"),
    ("```sql\nselect 1\n```\nor\n```sql\ndrop table t\n```", "DROP is no query"),
    ("select pg_sleep(10)", "calls pg_sleep, which does more than read"),
    ("SELECT PG_SLEEP(10)", "calls pg_sleep"),
    ("select \"pg_sleep\"(10)", "calls pg_sleep"),
    ("select pg_catalog.pg_sleep(10)", "calls pg_sleep"),
    ("select case when (select pg_sleep(1)) is null then 1 end", "calls pg_sleep"),
    ("select 1 order by pg_sleep(1)", "calls pg_sleep"),
    ("values (nextval('s'))", "calls nextval"),
    ("select set_config('a', 'b', false)", "calls set_config"),
    ("select pg_read_file('/etc/passwd')", "calls pg_read_file"),
    ("select * from pg_ls_dir('.')", "calls pg_ls_dir"),
    ("select lo_import('/etc/passwd')", "calls lo_import"),
    ("select f.* from lo_export(1, '/x') f", "calls lo_export"),
    ("select * from dblink('a', 'b') as t(x int)", "calls dblink"),
    ("select public.dblink('a', 'b')", "calls public.dblink"),
    ("select query_to_xml('delete from t', true, true, '')", "calls query_to_xml"),
    ("select pg_terminate_backend(1)", "calls pg_terminate_backend"),
    ("select pg_advisory_lock(1)", "calls pg_advisory_lock"),
    ("select pg_notify('a', 'b')", "calls pg_notify"),
]  # fmt: skip


@pytest.mark.parametrize("output", READS)
def test_queries_pass(verdict, output):
    assert verdict("sql_read_only", {}, output) == (True, None, None, None, "ok")


@pytest.mark.parametrize(("output", "says"), DOES_MORE)
def test_what_does_more_fails_and_says_what(verdict, output, says):
    result = verdict("sql_read_only", {}, output)
    assert (result.passed, result.status) == (False, "ok")
    assert says in result.reason


@pytest.mark.parametrize(
    ("dialect", "output"),
    [
        ("mysql", "select sleep(5)"),
        ("mysql", "explain delete from t"),
        ("duckdb", "select * from read_csv('http://x')"),
        ("duckdb", "copy t to 'x'"),
        ("tsql", "exec xp_cmdshell 'x'"),
        ("tsql", "select next value for s"),
        ("sqlite", "attach 'x' as y"),
        ("sqlite", "pragma x = 1"),
        ("clickhouse", "select * from url('http://x', 'CSV')"),
        ("bigquery", "select * from external_query('a', 'b')"),
    ],
)
def test_other_dialects_have_their_own_ways(verdict, dialect, output):
    assert verdict("sql_read_only", {"dialect": dialect}, output).passed is False


@pytest.mark.parametrize(
    ("config", "output", "says"),
    [
        ({}, "select price_of(1)", "calls price_of, which is not known"),
        ({}, "select app.lower('a')", "calls app.lower"),
        ({}, "I cannot do that.", "does not parse"),
        ({}, "Sorry", "does not parse"),
        ({}, "", "does not parse: no SQL statement"),
        ({}, "show all", "does not read the body of SHOW"),
        ({}, None, "output is NULL"),
        ({"dialect": "mysql"}, "select /*! sleep(5) */ 1", "a comment that MySQL would execute"),
    ],
)
def test_what_cannot_be_decided_abstains(verdict, config, output, says):
    result = verdict("sql_read_only", config, output)
    assert result.status == "abstained"
    assert says in result.reason


def test_unknown_functions_are_listed_and_can_be_declared(verdict):
    query = "select App.price_of(1), stock(2), lower('a')"
    assert set(json.loads(verdict("sql_read_only", {}, query).details)["unknown"]) == {"app.price_of", "stock"}
    assert verdict("sql_read_only", {"functions": ["app.price_of", "Stock"]}, query).passed is True
