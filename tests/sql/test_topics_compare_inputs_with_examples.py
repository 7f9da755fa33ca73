"""on_topic and novelty: an input against the examples of a topic."""

import json

import psycopg
import pytest

ORDERS = [
    f"{question} {thing}{end}"
    for question in ("where is", "when will I get", "can I return", "how do I cancel", "I want to change")
    for thing in ("my order", "the parcel", "my last order", "the books I ordered")
    for end in ("", "?", " please")
]


@pytest.fixture
def topic(fw):
    fw.execute("SELECT flywheel.set_examples('orders', %s)", [ORDERS])
    return fw


def verdict(fw, validator, text, **config):
    """(passed, score, reason, details)"""
    step = "jsonb_populate_record(NULL::flywheel.traces, %s)"
    return fw.one(f"SELECT v.* FROM flywheel.{validator}({step}, %s) v",
                  json.dumps({"input": text}), json.dumps({"topic": "orders", **config}))  # fmt: skip


def test_an_input_like_the_examples_is_on_topic_and_not_novel(topic):
    passed, score, reason, details = verdict(topic, "on_topic", "Where is my order, please?")
    assert (passed, reason) == (True, None) and score > 0.6 and details["p"] >= 0.05
    assert details["nearest"] in ORDERS
    passed, score, reason, details = verdict(topic, "novelty", "WHERE IS MY ORDER", alpha=0.05)
    assert (passed, reason) == (True, None) and score >= 0.01 and details["distance"] < 0.4


def test_an_input_unlike_the_examples_is_neither(topic):
    passed, score, reason, _ = verdict(topic, "on_topic", "Write a poem about photosynthesis")
    assert (passed, reason) == (False, 'less like topic "orders" than 98 % of its examples') and score < 0.3
    passed, score, reason, _ = verdict(topic, "novelty", "Write a poem about photosynthesis", alpha=0.05)
    assert passed is False and score == pytest.approx(1 / 61)
    assert reason == 'novel: p = 0.0164 among the examples of "orders"'


def test_a_keyword_is_on_topic_whatever_else_there_is(topic):
    assert verdict(topic, "on_topic", "My GIFT CARD photosynthesis", keywords=["refund", "gift card"])[0::3] == (
        True,
        {"keyword": "gift card"},
    )


@pytest.mark.parametrize("validator", ["on_topic", "novelty"])
@pytest.mark.parametrize("text", [None, "", " \n\t", "?!...", "👩‍👧", "Где заказ", "注文はどこですか", "a b " * 10**6])
def test_any_text_is_judged_or_left_open(topic, validator, text):
    passed, score, reason, _ = verdict(topic, validator, text, alpha=0.05)
    if (text or "").strip():
        assert passed is not None and 0 <= score <= 1
    else:
        assert (passed, score, reason) == (None, None, "no input")


def test_too_few_examples_to_tell_one_in_a_hundred_abstain(topic):
    says = 'topic "orders" has too few examples for an alpha of 0.01: no input could fail'
    assert verdict(topic, "novelty", "Write a poem about photosynthesis")[:3] == (None, None, says)
    assert verdict(topic, "on_topic", "Write a poem", alpha=0)[0] is None


@pytest.mark.parametrize("validator", ["on_topic", "novelty"])
def test_without_examples_it_abstains(fw, validator):
    assert verdict(fw, validator, "Where is my order?")[:3] == (
        None,
        None,
        'topic "orders" has no examples: see flywheel.set_examples',
    )


def test_keywords_alone_decide_where_no_topic_is_given(fw):
    fw.execute("SELECT flywheel.add_validator('v', 'flywheel.on_topic', '{\"keywords\": [\"refund\", \"Gutschein\"]}')")
    fw.insert("out", input="A REFUND, please")
    fw.insert("out", input="A poem, please")
    fw.drain()
    assert fw.rows("SELECT passed, reason FROM flywheel.verdicts ORDER BY step_id") == [
        (True, None), (False, "has none of the keywords")]  # fmt: skip


@pytest.mark.parametrize(
    ("validator", "config", "message"),
    [
        ("on_topic", {"topics": "orders"}, 'does not take config key "topics"'),
        ("on_topic", {}, "nothing to compare with"),
        ("on_topic", {"keywords": []}, "nothing to compare with"),
        ("on_topic", {"topic": None}, 'another kind of value for config key "topic"'),
        ("on_topic", {"topic": "orders", "alpha": -1}, 'another kind of value for config key "alpha"'),
        ("novelty", {"topic": "orders", "keywords": ["a"]}, 'does not take config key "keywords"'),
        ("novelty", {}, 'needs config key "topic"'),
    ],
)
def test_a_bad_config_is_refused_with_what_it_takes(fw, validator, config, message):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message) as refused:
        fw.execute("SELECT flywheel.add_validator('v', %s, %s)", (f"flywheel.{validator}", json.dumps(config)))
    assert refused.value.diag.message_hint


def test_other_examples_are_another_version_of_on_topic_and_not_of_novelty(topic):
    for validator in ("on_topic", "novelty"):
        add = (validator, f"flywheel.{validator}", json.dumps({"topic": "orders"}))
        topic.execute("SELECT flywheel.add_validator(%s, %s, %s)", add)
    topic.insert("out", input="Where is my order?")
    topic.drain()
    for examples in (ORDERS[::-1] * 2, [*ORDERS, "Where is my gift card?"]):  # the same ones, and others
        topic.execute("SELECT flywheel.set_examples('orders', %s)", [examples])
        topic.insert("out", input="Where is my order?")
        topic.drain()
    assert [version for version, *_ in topic.verdicts("on_topic").values()] == [1, 1, 2]
    assert [version for version, *_ in topic.verdicts("novelty").values()] == [1, 1, 1]
    topic.execute("SELECT flywheel.add_validator('on_topic', 'flywheel.on_topic', '{\"topic\": \"orders\"}')")
    assert topic.one("SELECT max(version) FROM flywheel.validator_versions WHERE validator = 'on_topic'") == 2


def test_examples_are_replaced_without_repetitions(topic):
    assert topic.one("SELECT flywheel.set_examples('orders', %s)", [*ORDERS[:30], *ORDERS[:30], "", None, " "]) == 30
    assert topic.one("SELECT flywheel.set_examples('other', %s)", ORDERS) == 60
    assert topic.one("SELECT flywheel.set_examples('orders', '{}')") == 0
    kept = topic.rows("SELECT topic, count(*), count(apart) FROM flywheel.topic_examples GROUP BY 1")
    assert kept == [("other", 60, 60)]


def test_too_few_examples_are_refused_and_the_old_ones_stay(topic):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="would have 2 different examples"):
        topic.execute("SELECT flywheel.set_examples('orders', '{a,b,a}')")
    assert topic.one("SELECT count(*) FROM flywheel.topic_examples JOIN flywheel.topics USING (topic)") == 60


def test_about_alpha_of_the_examples_own_kind_fails(topic):
    """Each example against the others: by construction of an empirical p-value no more than alpha, up to ties."""
    failing = topic.one("SELECT count(*) FROM flywheel.topic_examples e WHERE (SELECT count(*) + 1 FROM "
                        "flywheel.topic_examples o WHERE o.apart >= e.apart AND o.number <> e.number) / 60.0 < 0.05")
    assert failing <= 3


@pytest.mark.parametrize("validator", ["on_topic", "novelty"])
def test_they_run_in_drain_and_check_as_roles_that_cannot_read_the_examples(topic, validator):
    config = '{"topic": "orders", "alpha": 0.05}'
    topic.execute("SELECT flywheel.add_validator(%s, %s, %s)", (validator, f"flywheel.{validator}", config))
    (step,) = topic.insert("out", input="Where is my order?")
    topic.execute("SET ROLE flywheel_worker")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        topic.execute("SELECT FROM flywheel.topic_examples")
    topic.drain()
    topic.execute("SET ROLE flywheel_writer")
    assert topic.rows("SELECT validator, passed, status FROM flywheel.check(input => 'Where is my order?')") == [
        (validator, True, "ok")
    ]
    topic.execute("RESET ROLE")
    assert topic.verdicts(validator)[step][1:] == ["ok", True]


def test_pgvector_s_operator_is_found_whatever_the_search_path(topic):
    topic.execute("SET search_path = pg_temp")
    assert verdict(topic, "on_topic", "Where is my order?")[0] is True
