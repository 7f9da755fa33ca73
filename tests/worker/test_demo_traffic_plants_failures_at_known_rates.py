"""The documented failures are there, as often as PLANTED says, and nowhere else."""

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest
import sqlglot
from pg_flywheel.demo import texts
from pg_flywheel.demo.traffic import PLANTED, generate
from sqlglot.optimizer.qualify import qualify


@pytest.fixture(scope="module")
def outputs():
    """node -> kind (None: good) -> the steps with an output."""
    found = defaultdict(lambda: defaultdict(list))
    for step in generate(traces=12_000, end=datetime(2025, 3, 3, 12, tzinfo=UTC)):
        if step["status"] == "ok":
            [kind] = step.get("attributes", {"planted": [None]})["planted"]
            found[step["node"]][kind].append(step)
    return found


def is_array_of_strings(text):
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def statement(text):
    try:
        return sqlglot.parse_one(text, dialect="postgres")
    except sqlglot.errors.SqlglotError:
        return None


def knows_its_columns(text):
    try:
        qualify(statement(text), schema=texts.SHOP_SCHEMA, dialect="postgres")
    except sqlglot.errors.OptimizeError:
        return False
    return True


def misses(step):
    return not {document["id"] for document in step["context"]} & set(json.loads(step["expected"]))


def words(text):
    return set(re.findall(r"\w{3,}", text.lower()))


def answers_in_other_words(step):
    return bool(step["output"]) and not words(step["output"]) & words(step["input"])


# What each kind looks like, written apart from the generator.
LOOKS = {
    "wrong_label": lambda s: s["output"] != s["expected"] and s["output"] in texts.LABELS,
    "unknown_label": lambda s: s["output"] not in texts.LABELS,
    "malformed_list": lambda s: not is_array_of_strings(s["output"]),
    "missed_documents": misses,
    "too_long": lambda s: len(s["output"]) > texts.ANSWER_LIMIT,
    "promise": lambda s: "I guarantee" in s["output"] or "legally entitled" in s["output"],
    "as_an_ai": lambda s: "as an AI language model" in s["output"],
    "evasive": lambda s: "I don't know" in s["output"],
    "empty": lambda s: s["output"] == "",
    "leaked_email": lambda s: "@" in s["output"],
    "made_up_period": lambda s: re.search(r"\b(45|60|90|100) days", s["output"]) is not None,
    "invalid_sql": lambda s: statement(s["output"]) is None,
    "unknown_column": lambda s: (
        isinstance(statement(s["output"]), sqlglot.exp.Query) and not knows_its_columns(s["output"])
    ),
    "writes_data": lambda s: (
        statement(s["output"]) and not isinstance(statement(s["output"]), sqlglot.exp.Query)
    ),
}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.kind)
def test_each_failure_occurs_at_its_rate_in_both_variants(outputs, planted):
    steps = outputs[planted.node]
    n = Counter(step["variant"] for kind in steps.values() for step in kind)
    found = Counter(step["variant"] for step in steps[planted.kind])
    for variant in ("v1", "v2"):
        rate = getattr(planted, variant)
        bound = 4 * (rate * (1 - rate) / n[variant]) ** 0.5
        assert found[variant] / n[variant] == pytest.approx(rate, abs=bound), variant


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.kind)
def test_each_failure_is_in_its_outputs_and_in_no_other(outputs, planted):
    for kind, steps in outputs[planted.node].items():
        for step in steps:
            assert bool(LOOKS[planted.kind](step)) == (kind == planted.kind), (kind, step["output"])


def test_good_answers_and_only_evasive_ones_are_found_by_words(outputs):
    """The stand-in judge objects to an answer that shares no word with the question: not to a good one."""
    assert not [step["output"] for step in outputs["answer"][None] if answers_in_other_words(step)]


def test_the_table_is_the_whole_truth(outputs):
    assert {(p.node, p.kind) for p in PLANTED} | {(node, None) for node in outputs} == {
        (node, kind) for node, kinds in outputs.items() for kind in kinds
    }
