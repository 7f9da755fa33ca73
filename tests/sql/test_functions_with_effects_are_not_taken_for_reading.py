"""What py:sql_read_only knows about Postgres's functions agrees with what each server says of its own."""

from pyvalidators.sql_read_only import sql_read_only

FUNCTIONS = """
    SELECT p.proname, bool_or(p.provolatile = 'v') FROM pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace GROUP BY p.proname"""
# Volatile for what they return, not for what they do.
HARMLESS = {"random", "random_normal", "clock_timestamp", "timeofday", "gen_random_uuid", "uuidv4", "uuidv7"}
# Not volatile, and still no reading: these give the transaction a number.
NUMBERING = {"pg_current_xact_id", "txid_current"}


def judged(name):
    verdict = sql_read_only(f"SELECT {name}()")
    return verdict if verdict is True else verdict.passed


def test_no_volatile_function_passes_and_no_other_fails(db):
    functions = dict(db.execute(FUNCTIONS).fetchall())
    assert len(functions) > 2_000
    verdicts = {name: judged(name) for name in functions}
    assert {name for name, volatile in functions.items() if volatile and verdicts[name] is True} <= HARMLESS
    failing = {name for name, volatile in functions.items() if not volatile and verdicts[name] is False}
    assert failing - NUMBERING == set()
