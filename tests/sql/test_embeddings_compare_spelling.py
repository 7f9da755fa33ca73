"""The built-in embedder: the same in SQL and Python, nearer for what is spelled alike."""

import math

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pg_flywheel.embedding import DIMENSIONS, READ_CHARACTERS, embed

EMBED = "SELECT flywheel.embed(%s)::real[]"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300))
@example("Where is my order?")
@example("ÄÖÜ Ёлка ΣΟΦΊΑ İstanbul \u00a0 注文はどこですか 👩‍👧")
@example("x" * (READ_CHARACTERS + 5))
@example("")
def test_sql_and_python_agree(db, text):
    (in_sql,) = db.execute(EMBED, (text,)).fetchone()
    in_python = embed(text)
    assert in_sql == (in_python and pytest.approx(in_python, abs=1e-6))
    if in_sql:
        assert len(in_sql) == DIMENSIONS and math.hypot(*in_sql) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("text", [None, "", " \n\t", "?!...", "—“”"])
def test_a_text_without_letters_has_no_embedding(fw, text):
    assert fw.one("SELECT flywheel.embed(%s)", text) is None
    assert fw.one("SELECT flywheel.embed_query(%s)", text) is None
    assert fw.rows("SELECT * FROM flywheel.nearest_steps(flywheel.embed_query(%s))", text) == []


def test_case_punctuation_and_what_is_beyond_the_limit_do_not_count(fw):
    assert fw.one("SELECT flywheel.embed('WHERE is—my ORDER?!') = flywheel.embed('where is my order')")
    assert fw.one("SELECT flywheel.embed('ЁЛКА, Straße') = flywheel.embed('ёлка straße')")
    long = "word " * 400
    assert len(long) == READ_CHARACTERS
    assert fw.one("SELECT flywheel.embed(%s || 'and more') = flywheel.embed(%s)", long, long)


def test_what_is_spelled_alike_is_near(fw):
    distances = [
        fw.one("SELECT flywheel.embed('Where is my order?') <=> flywheel.embed(%s)", other)
        for other in ("where is my order", "Where are my orders?", "When will my order ship?", "Write me a poem")
    ]
    assert distances == sorted(distances)
    assert distances[0] == pytest.approx(0, abs=1e-6) and distances[1] < 0.5 < distances[3]


def test_the_callers_search_path_decides_nothing(fw):
    expected = fw.one("SELECT flywheel.embed('order')::text")
    fw.execute("SET search_path = pg_temp")
    assert fw.one("SELECT flywheel.embed('order')::text") == expected
    assert fw.rows("SELECT * FROM flywheel.nearest_steps(flywheel.embed_query('order'))") == []


@pytest.mark.parametrize("k", [0, -1, None])
def test_no_k_that_is_none(fw, k):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="bad k"):
        fw.execute("SELECT flywheel.nearest_steps(flywheel.embed_query('order'), %s)", (k,))
