"""A new embedding model: embedded in the background while the old one serves, then it serves."""

import json

import psycopg
import pytest


@pytest.fixture
def asked(fw):
    """A step that is embedded by ngrams, and a provider."""
    fw.judge("polite")
    fw.one("SELECT flywheel.set_embedded('default', true)")
    fw.insert("x", input="Where is my order?")
    fw.drain()
    return fw


def serving(fw):
    return fw.one("SELECT flywheel.serving_embedding_model()")


def set_model(fw, name="small", dimensions=3):
    fw.one("SELECT flywheel.set_embedding_model(%s, 'default', 'embed-small', %s)", name, dimensions)


def claim(fw, model="small") -> list[dict]:
    return (
        fw.one("SELECT jsonb_agg(to_jsonb(c) ORDER BY step_id) FROM flywheel.claim_embeddings(%s, 100, 60) c", model)
        or []
    )


def store(fw, claimed, embedding, model="small"):
    results = [each | {"embedding": embedding} for each in claimed]
    return fw.one("SELECT flywheel.store_embeddings(%s, %s::text::jsonb)", model, json.dumps(results))


def searched(fw, query):
    return [step for (step,) in fw.rows(f"SELECT step_id FROM flywheel.nearest_steps('{query}')")]


def test_the_old_one_serves_until_the_new_one_has_everything(asked):
    (first,) = asked.one("SELECT array_agg(id) FROM flywheel.traces")
    set_model(asked)
    asked.drain()
    assert serving(asked) == "ngrams"
    (second,) = asked.insert("x", input="A refund, please")
    asked.drain()
    assert len(asked.rows("SELECT * FROM flywheel.nearest_steps(flywheel.embed_query('a refund'))")) == 2

    claimed = claim(asked)
    assert [each["step_id"] for each in claimed] == [first, second]
    store(asked, claimed[1:], [0, 1, 0])
    asked.drain()
    assert serving(asked) == "ngrams"
    store(asked, claimed[:1], [1, 0, 0])
    asked.drain()
    assert serving(asked) == "small"
    assert searched(asked, "[1,0.1,0]") == [first, second]
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="by embed-small of provider default"):
        asked.execute("SELECT flywheel.embed_query('order')")

    # Embeddings of the old one go, later.
    of_ngrams = "SELECT count(*) FROM flywheel.embeddings WHERE model = 'ngrams'"
    assert asked.one(of_ngrams) == 2
    asked.execute("UPDATE flywheel.embedding_models SET ready_at = ready_at - interval '2 hours' WHERE current")
    asked.one("SELECT flywheel.tend_embeddings()")
    assert asked.one(of_ngrams) == 0
    # And come again.
    asked.one("SELECT flywheel.set_embedding_model('ngrams')")
    assert serving(asked) == "small"
    asked.drain()
    assert (serving(asked), asked.one(of_ngrams)) == ("ngrams", 2)


def test_steps_that_keep_coming_do_not_hold_the_new_one_up(asked):
    set_model(asked)
    asked.drain()
    store(asked, claim(asked), [1, 0, 0])
    asked.insert("x", input="Another")
    asked.drain()
    assert (serving(asked), len(claim(asked))) == ("small", 1)


def test_readers_are_not_blocked_while_a_model_is_set(asked, another):
    reader = another(asked, autocommit=False)
    reader.one("SELECT count(*) FROM flywheel.nearest_steps(flywheel.embed_query('order'))")
    asked.execute("SET lock_timeout = '5s'")
    set_model(asked)
    other = another(asked, autocommit=False)
    with other.conn.transaction():
        set_model(other, "other")
        assert reader.one("SELECT count(*) FROM flywheel.nearest_steps(flywheel.embed_query('order'))") == 1


@pytest.mark.parametrize(
    ("embedding", "message"),
    [
        ([1, 0], "the vector has 2 dimensions, expected 3 of embedding model small"),
        ([0, 0, 0], "the vector is zero in all 3 dimensions"),
        (["NaN", 0, 0], "NaN not allowed in vector"),
        ("infinity", "invalid input syntax"),
    ],
)
def test_a_vector_that_could_not_be_found_is_refused(asked, embedding, message):
    set_model(asked)
    asked.drain()
    literal = embedding if isinstance(embedding, str) else f"[{','.join(map(str, embedding))}]"
    with pytest.raises(psycopg.errors.DataError, match=message):
        asked.execute(f"INSERT INTO flywheel.embeddings (step_id, model, embedding, content) "
                      f"VALUES (1, 'small', '{literal}', 0)")  # fmt: skip
    with pytest.raises(psycopg.errors.DataError, match=message):
        asked.execute(f"SELECT * FROM flywheel.nearest_steps('{literal}', 10, 'small')")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ("'Bad name'", "bad name of an embedding model: 'Bad name'", "A lower-case letter"),
        ("NULL", "bad name of an embedding model: NULL", "A lower-case letter"),
        ("'small'", "needs a provider and the provider's name", "Built in is only ngrams"),
        ("'small', 'nobody', 'm'", "there is no provider 'nobody'", "set_provider"),
        ("'small', 'default', 'm', 0", "bad dimensions: 0", "1 to 2000"),
        ("'small', 'default', 'm', 3072", "bad dimensions: 3072", "1 to 2000"),
        ("'small', 'default', 'm', NULL", "bad dimensions: NULL", "1 to 2000"),
        (
            "'ngrams', dimensions => 512",
            "embedding model ngrams is another: built in, 256 dimensions",
            "a name of its own",
        ),
    ],
)
def test_a_bad_model_is_refused_with_a_hint(asked, arguments, message, hint):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message) as refused:
        asked.execute(f"SELECT flywheel.set_embedding_model({arguments})")
    assert hint in refused.value.diag.message_hint
    assert serving(asked) == "ngrams"


def test_an_unknown_model_cannot_be_searched(asked):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="there is no embedding model 'nobody'"):
        asked.execute("SELECT flywheel.nearest_steps(flywheel.embed_query('order'), 10, 'nobody')")


def test_an_admin_sets_a_model_and_measures_it(asked, member_of):
    admin = member_of("admin")
    admin.execute("SELECT flywheel.set_embedding_model('small', 'default', 'embed-small', 3)")
    admin.execute("SELECT flywheel.set_embedded('support', true), flywheel.tend_embeddings(), flywheel.index_recall()")
    assert [each["input"] for each in claim(asked)] == ["Where is my order?"]


def test_nothing_waits_for_a_model_that_was_given_up(asked):
    health = "SELECT backlog, embedded FROM flywheel.index_health WHERE model = 'small'"
    set_model(asked)
    asked.drain()
    assert asked.one(health) == (1, 0)
    asked.one("SELECT flywheel.set_embedding_model('ngrams')")
    asked.execute("UPDATE flywheel.embedding_models SET ready_at = ready_at - interval '2 hours'")
    asked.drain()
    asked.drain()
    assert asked.one(health) == (0, 0)
    assert asked.messages("flywheel_embed_small") == 0


def test_the_counts_of_a_replaced_model_are_those_of_now(asked):
    set_model(asked)
    asked.drain()
    store(asked, claim(asked), [1, 0, 0])
    asked.drain()
    asked.execute("UPDATE flywheel.embedding_models SET ready_at = ready_at - interval '2 hours' WHERE current")
    asked.one("SELECT flywheel.tend_embeddings()")
    assert asked.one("SELECT embedded, serving FROM flywheel.index_health WHERE model = 'ngrams'") == (0, False)
