"""flywheel.sql_executes and flywheel.sql_same_result: what passes, fails and abstains, and what is said of it."""

import json
from collections import Counter

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CALL = """
SELECT v.passed, v.reason, v.details
FROM jsonb_populate_record(NULL::flywheel.traces, jsonb_build_object('output', %s::text, 'expected', %s::text)) AS step,
     {}(step, %s) AS v"""
SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int, customer text, total numeric, at date);
INSERT INTO shop.orders SELECT g, 'c' || g % 3, g * 1.5, date '2024-01-01' + g FROM generate_series(1, 20) AS g;
CREATE VIEW shop.large AS SELECT * FROM shop.orders WHERE total > 20;
SELECT flywheel.allow_generated_sql('shop')"""


@pytest.fixture
def shop(fw):
    fw.execute(SHOP)
    return fw


def executes(fw, output, **config):
    """(passed, reason, details)"""
    return fw.one(CALL.format("flywheel.sql_executes"), output, None, json.dumps({"schema": "shop", **config}))


def same(fw, output, expected, **config):
    return fw.one(CALL.format("flywheel.sql_same_result"), output, expected, json.dumps({"schema": "shop", **config}))


def test_what_runs_passes_with_or_without_rows(shop):
    assert executes(shop, "SELECT * FROM orders;") == (True, None, {"rows": 20, "columns": 4})
    assert executes(shop, "SELECT id, id FROM shop.orders WHERE false") == (True, None, {"rows": 0, "columns": 2})
    assert executes(shop, "TABLE large")[2] == {"rows": 7, "columns": 4}
    assert executes(shop, "VALUES (1, 'a;b'), (2, NULL); -- done") == (True, None, {"rows": 2, "columns": 2})
    assert executes(shop, "SELECT FROM orders")[2] == {"rows": 20, "columns": 0}
    assert executes(shop, "SELECT customer FROM orders", max_rows=5)[2] == {"rows": 5, "columns": 1, "more": True}
    cte = "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) OVER () FROM r"
    assert executes(shop, cte)[2] == {"rows": 5, "columns": 1}


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("```sql\nSELECT 1\n```", "SELECT 1"),
        ("Here you are:\n\n```\nSELECT 1;\n```\nIt counts.", "SELECT 1"),
        ("~~~postgresql\r\nSELECT 1\r\nFROM t\r\n~~~", "SELECT 1\nFROM t"),
        ("```sql\nSELECT 1", "SELECT 1"),
        ("```\nSELECT 1\n```\nand\n```\nSELECT 2\n```", "SELECT 1;\nSELECT 2"),
        (" SELECT 1 ;\n", "SELECT 1"),
        ("```sql\n```", None),
        ("", None),
        (None, None),
    ],
)
def test_the_sql_of_an_answer_is_what_is_fenced(full_fw, output, code):
    assert full_fw.one("SELECT flywheel.sql_of(%s)", output) == code


def test_what_does_not_run_fails_with_the_servers_words_and_without_data(shop):
    def said(output, **config):
        passed, reason, details = executes(shop, output, **config)
        assert passed is False
        return reason, details["state"]

    assert said("SELEC 1") == ('syntax error at or near "SELEC"', "invalid")
    assert said("SELECT nothing FROM orders") == ('column "nothing" does not exist', "invalid")
    assert said("SELECT * FROM nowhere") == ('relation "nowhere" does not exist', "invalid")
    assert said("I cannot help with that.")[1] == "invalid"
    assert said("SELECT 1; SELECT 2") == ("is more than one statement", "refused")
    assert said("SELECT customer::int FROM orders") == ("invalid input syntax for type integer", "failed")
    assert said("SELECT random()") == ("calls pg_catalog.random, which is not allowed", "refused")
    assert said("SELECT 1 -- " + "x" * 100_000)[1] == "refused"
    assert executes(shop, "SELECT random() < 2", functions=["random"])[0] is True


def test_no_output_abstains(shop):
    assert executes(shop, None)[:2] == executes(shop, " \n")[:2] == (None, "the step has no output")
    assert same(shop, None, "SELECT 1")[:2] == (None, "the step has no output")
    assert same(shop, "SELECT 1", "")[:2] == (None, "the step has no expected SQL")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("SELECT id FROM orders ORDER BY id DESC", "SELECT id FROM orders"),
        ("SELECT customer AS c, count(*) FROM orders GROUP BY 1", "SELECT customer, count(id) FROM orders GROUP BY 1"),
        ("SELECT 1", "SELECT 1.00"),
        ("SELECT 1.5::float8, true, NULL", "SELECT 1.50, 1 = 1, NULL::text"),
        ("SELECT id, id FROM orders", "SELECT id AS a, id AS b FROM orders"),
        ("SELECT id FROM orders WHERE false", "SELECT 1 WHERE false"),
        ("SELECT at FROM orders", "```sql\nSELECT at::text FROM orders\n```"),
        ("SELECT ARRAY[1, -2]", "SELECT ARRAY[1.0, -2.0]"),
        ("SELECT jsonb '{\"a\": -0.50, \"b\": 1e3}'", "SELECT jsonb '{\"b\": 1000, \"a\": -0.5}'"),
    ],
)  # fmt: skip
def test_the_same_rows_pass(shop, output, expected):
    assert same(shop, output, expected)[0] is True


def test_other_rows_fail_and_are_counted(shop):
    def differ(output, expected, **config):
        passed, reason, details = same(shop, output, expected, **config)
        assert passed is False
        return reason, details

    reason, details = differ("SELECT id FROM orders WHERE id < 18", "SELECT id + 1 FROM orders")
    assert reason == "4 rows are missing, 1 are not expected"
    assert details == {
        "rows": 17,
        "expected_rows": 20,
        "columns": 1,
        "expected_columns": 1,
        "missing": 4,
        "unexpected": 1,
    }
    assert differ("SELECT customer FROM orders", "SELECT DISTINCT customer FROM orders")[1]["unexpected"] == 17
    assert differ("SELECT id FROM orders", "SELECT id, total FROM orders")[0] == "1 columns, expected 2"
    assert differ("SELECT id WHERE false", "SELECT 1 WHERE false")[1] == {"state": "invalid"}
    assert differ("SELECT 1, 2 WHERE false", "SELECT 1 WHERE false")[0] == "2 columns, expected 1"
    assert differ("SELECT total, id FROM orders", "SELECT id, total FROM orders")[1]["missing"] == 20
    for ours, theirs in (
        ("NULL::int", "0"),
        ("1", "-1"),
        ("ARRAY[1, -2]", "ARRAY[-1, 2]"),
        ("1.50::text", "1.5::text"),
    ):
        assert differ(f"SELECT {ours}", f"SELECT {theirs}")[1]["missing"] == 1
    assert differ("SELECT g FROM generate_series(1, 9) g", "VALUES (1), (2)", max_rows=2)[1]["more"] is True
    columns = [f"{n} AS c{n}" for n in range(80)]
    swapped = [columns[64], *columns[1:64], columns[0], *columns[65:]]
    assert differ(f"SELECT {', '.join(columns)}", f"SELECT {', '.join(swapped)}")[1]["missing"] == 1


def test_ordered_compares_row_by_row(shop):
    up, down = "SELECT id FROM orders ORDER BY id", "SELECT id FROM orders ORDER BY id DESC"
    assert same(shop, up, up, ordered=True)[0] is True
    passed, reason, details = same(shop, up, f"({up} LIMIT 2) UNION ALL ({down} LIMIT 18)", ordered=True)
    assert (passed, reason, details["first_difference"]) == (False, "the same rows in another order", 3)


def test_expected_sql_that_gives_nothing_to_compare_with_abstains(shop):
    for expected in (
        "SELECT x FROM orders",
        "SELECT random()",
        "SELECT 1/0",
        "DELETE FROM orders",
        "SELECT g FROM generate_series(1, 2000) g",
    ):
        passed, reason, _ = same(shop, "SELECT 1", expected)
        assert passed is None
        assert reason.startswith("the expected SQL gives no result to compare with: ")


@pytest.fixture(scope="module")
def pg18(databases):
    janitor, dsn = databases("pg18").fresh()
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(SHOP)
        yield conn
    janitor.drop()


values = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.integers(-99999, 99999),
    st.sampled_from(["1.0", "-2.50", "0.5", "1e3"]),
    st.booleans(),
    st.text("ab'\\;\"", max_size=3),
)
rows = st.lists(st.tuples(values, values), max_size=6)


def literal(value):
    match value:
        case None:
            return "NULL"
        case bool():
            return f"to_jsonb({str(value).lower()})"
        case int():
            return f"to_jsonb({value})"
        case str() if value[:1].isdigit() or value[:1] == "-":
            return f"to_jsonb({value}::numeric)"
        case _:
            return "to_jsonb('" + value.replace("'", "''") + "'::text)"


def key(value):
    if isinstance(value, str) and (value[:1].isdigit() or value[:1] == "-"):
        value = float(value)
    return ("bool" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else "text", value)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows, rows, st.booleans(), st.randoms())
def test_the_verdict_is_that_of_comparing_the_rows(pg18, left, right, ordered, random):
    if random.random() < 0.5:
        right = random.sample(left, len(left))

    def query(rows):
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        return f"SELECT a, b FROM (VALUES {values}) v (a, b)" if rows else "SELECT 1, 2 WHERE false"

    config = json.dumps({"schema": "shop", "ordered": ordered})
    found = pg18.execute(CALL.format("flywheel.sql_same_result"), (query(left), query(right), config)).fetchone()
    ours, theirs = ([tuple(map(key, row)) for row in each] for each in (left, right))
    assert found[0] == (ours == theirs if ordered else Counter(ours) == Counter(theirs)), found
