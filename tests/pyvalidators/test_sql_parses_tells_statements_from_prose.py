import json
import logging

import pytest

from pyvalidators import ConfigError, get


@pytest.mark.parametrize(
    "output",
    [
        "select 1",
        "SELECT a, count(*) FROM t GROUP BY 1;",
        "with x as (select 1) select * from x; delete from t where id = 1",
        "(select 1) union all (values (2))",
        "create table t (id bigint primary key, data jsonb)",
        "insert into t values (1) on conflict do nothing returning id",
        "-- a comment\nselect '漢é😀' as \"ß\"",
        "```sql\nselect 1\n```",
        "\n```\nselect 1;\n```\n",
        "```postgresql\r\nselect 1\r\n```",
    ],
)
def test_statements_pass(verdict, output):
    assert verdict("sql_parses", {}, output) == (True, None, None, None, "ok")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "no SQL statement"),
        (" ;\n;", "no SQL statement"),
        ("-- nothing", "no SQL statement"),
        ("```sql\n```", "no SQL statement"),
        ("Sorry", "an expression, not a statement: 'Sorry'"),
        ("hello world", "an expression, not a statement: 'hello AS world'"),
        ("1 + 1", "an expression, not a statement: '1 + 1'"),
        ("select 'abc", "Missing ' from 1:"),
        ("I cannot do that.", "at line 1 column"),
        ("select 1; selec 2", "at line 1 column 17, near '2'"),
    ],
)
def test_the_rest_fails_and_says_why(verdict, output, reason):
    result = verdict("sql_parses", {}, output)
    assert (result.passed, result.status) == (False, "ok")
    assert reason in result.reason
    assert "\n" not in result.reason


def test_an_error_has_its_place_in_the_sql_without_the_fence(verdict):
    result = verdict("sql_parses", {}, "```sql\nselect 1\nfrom\n```")
    assert json.loads(result.details) == {"line": 2, "column": 4}
    assert result.reason == "Expected table name at line 2 column 4, near 'from'"


@pytest.mark.parametrize("output", ["explain select 1", "select 1; call f()"])
def test_a_command_that_sqlglot_does_not_read_abstains_silently(verdict, output, caplog):
    with caplog.at_level(logging.WARNING):
        result = verdict("sql_parses", {}, output)
    assert result.status == "abstained"
    assert "sqlglot does not read the body of" in result.reason
    assert caplog.records == []


def test_the_dialect_decides(verdict):
    assert verdict("sql_parses", {"dialect": "mysql"}, "select `a` from `b`").passed is True
    assert verdict("sql_parses", {"dialect": "postgres"}, "select `a` from `b`").passed is False


def test_an_unknown_dialect_is_refused():
    with pytest.raises(ConfigError, match=r"Unknown dialect 'postgers'\. Did you mean postgres"):
        get("sql_parses").check_config({"dialect": "postgers"})
