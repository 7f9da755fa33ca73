"""What an input mentions has to belong to the user who asks; the look-up can do nothing else."""

import json

import psycopg
import pytest

CONFIG = {"pattern": r"\morder\s+#?(\d+)", "lookup": "shop.owns_order"}


@pytest.fixture
def shop(fw):
    """Orders that only the role clerk of this database may read, and a validator of inputs that mention them."""
    clerk = fw.one("SELECT current_database() || '_clerk'")
    fw.execute(f"""
        CREATE SCHEMA shop;
        CREATE TABLE shop.orders (number text, customer text);
        INSERT INTO shop.orders VALUES ('7', 'ann'), ('8', 'bob');
        CREATE TABLE shop.secrets ();
        CREATE ROLE "{clerk}";
        GRANT USAGE, CREATE ON SCHEMA shop TO "{clerk}";
        GRANT SELECT ON shop.orders TO "{clerk}";
        CREATE FUNCTION shop.owns_order(user_id text, entity text) RETURNS boolean
            LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
            RETURN EXISTS (SELECT FROM shop.orders WHERE number = $2 AND customer = $1);
        ALTER FUNCTION shop.owns_order OWNER TO "{clerk}";
        REVOKE CREATE ON SCHEMA shop FROM "{clerk}" """)
    fw.execute("SELECT flywheel.add_validator('own', 'flywheel.owned_entities', %s)", (json.dumps(CONFIG),))
    yield fw
    fw.execute(f'DROP FUNCTION shop.owns_order; DROP OWNED BY "{clerk}"; DROP ROLE "{clerk}"')


def check(fw, text: str | None, user: str | None) -> tuple:
    return fw.one(
        'SELECT passed, reason, details, status FROM flywheel."check"(input => %s, user_id => %s)', text, user
    )


def test_only_the_users_own_pass(shop):
    assert check(shop, "Where is order 7?", "ann") == (True, None, None, "ok")
    assert check(shop, "Where are order 7, order #8 and order 9?", "ann") == (
        False,
        "2 of 3 mentioned entities do not belong to the user",
        {"not_owned": ["8", "9"]},
        "ok",
    )
    assert check(shop, "Where is my parcel?", None)[0] is True
    assert check(shop, "Where is order 7?", None)[0] is False
    assert check(shop, None, "ann")[3] == "abstained"


def test_an_entity_is_a_value_and_never_sql(shop):
    config = {"pattern": "order (.*)", "lookup": "shop.owns_order"}
    shop.execute("SELECT flywheel.add_validator('own', 'flywheel.owned_entities', %s)", (json.dumps(config),))
    assert check(shop, "order 7' OR true; DROP TABLE shop.orders; --", "ann")[0] is False
    assert shop.one("SELECT count(*) FROM shop.orders") == 2


def test_a_worker_needs_no_right_on_the_orders(shop):
    (step,) = shop.rows("INSERT INTO flywheel.traces (input, user_id) VALUES ('order 8', 'ann') RETURNING id")[0]
    worker = shop.one("SELECT current_database() || '_worker'")
    shop.execute(f'CREATE ROLE "{worker}" IN ROLE flywheel_worker; GRANT USAGE ON SCHEMA shop TO "{worker}"')
    try:
        shop.execute(f'SET ROLE "{worker}"')
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shop.execute("SELECT FROM shop.orders")
        shop.drain()
    finally:
        shop.execute(f'RESET ROLE; DROP OWNED BY "{worker}"; DROP ROLE "{worker}"')
    assert shop.verdicts("own") == {step: [1, "ok", False]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pattern": "("}, "parentheses"),
        ({"lookup": "shop.nothing"}, "not a function"),
        ({"lookup": "pg_catalog.length"}, "not a function"),
        ({"lookup": 3}, "another kind of value"),
        ({"role": "x"}, "does not take config key"),
    ],
)
def test_a_config_that_cannot_work_is_refused(shop, change, says):
    with pytest.raises(psycopg.Error, match=says):
        shop.execute(
            "SELECT flywheel.add_validator('v', 'flywheel.owned_entities', %s)", (json.dumps(CONFIG | change),)
        )
