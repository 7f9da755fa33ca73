"""Who looks at the test split's numbers is written down; looking at dev is free."""

import psycopg
import pytest

from tests.sql.alignment import judge_steps, label, say

READS = "SELECT count(*) FROM flywheel.test_reads"


@pytest.fixture
def labelled(fw):
    version = fw.judge("polite")
    steps = judge_steps(fw, version, [True] * 40)
    label(fw, steps, [True] * len(steps))
    fw.steps = steps
    return fw


@pytest.mark.parametrize("query", [
    "SELECT * FROM flywheel.alignment WHERE split = 'dev'",
    "SELECT * FROM flywheel.alignment WHERE split IN ('dev', 'few_shot')",
    "SELECT * FROM flywheel.alignment WHERE split = 'test' AND validator = 'another'",
    "SELECT tpr FROM flywheel.validators v LEFT JOIN flywheel.alignment a ON a.validator = v.name AND a.split = 'dev'",
    "SELECT * FROM flywheel.alignment_weekly",
    "SELECT * FROM flywheel.corrected_metrics",
    "SELECT * FROM flywheel.judge_version_diff('polite', 1, 1)",
])  # fmt: skip
def test_not_where_test_is_not_read(labelled, query):
    labelled.execute(query)
    assert labelled.one(READS) == 0


@pytest.mark.parametrize("query, reads", [
    ("SELECT * FROM flywheel.alignment", 1),
    ("SELECT tpr FROM flywheel.alignment WHERE split = 'test'", 1),
    ("SELECT count(*) FROM flywheel.alignment WHERE split = 'test'", 1),
    ("SELECT * FROM flywheel.judge_version_diff('polite', 1, 1, 'test')", 1),
])  # fmt: skip
def test_where_it_is(labelled, query, reads):
    labelled.execute(query)
    assert labelled.one(READS) == reads
    assert labelled.one("SELECT DISTINCT reader FROM flywheel.test_reads") == "postgres"


def test_every_reading_says_how_many_there_were(labelled):
    query = "SELECT test_reads FROM flywheel.alignment WHERE split = 'test'"
    assert [labelled.one(query) for _ in range(3)] == [1, 2, 3]


def test_all_versions_at_once_are_one_reading(labelled):
    say(labelled, labelled.judge("polite", model="large"), labelled.steps, [True] * 40)
    query = "SELECT version, test_reads FROM flywheel.alignment WHERE split = 'test' ORDER BY version"
    assert [labelled.rows(query) for _ in range(2)] == [[(1, 1), (2, 1)], [(1, 2), (2, 2)]]
    with labelled.conn.transaction():
        labelled.rows(query)
        labelled.rows(query)
    assert labelled.one(READS) == 4


def test_a_reading_transaction_is_told_what_to_do(labelled):
    labelled.execute("SET default_transaction_read_only = on")
    assert labelled.one("SELECT count(*) FROM flywheel.alignment WHERE split = 'dev'") == 1
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction, match="is logged") as error:
        labelled.execute("SELECT * FROM flywheel.alignment")
    assert "split = 'dev'" in error.value.diag.message_hint
