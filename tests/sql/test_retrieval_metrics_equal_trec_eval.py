"""Ranking metrics of retriever steps, held against trec_eval's own test run and by hand."""

import json
from collections import defaultdict

import psycopg
import pytest

NAMES = {
    "map": "average_precision(c, e)",
    "Rprec": "r_precision(c, e)",
    "bpref": "bpref(c, e)",
    "recip_rank": "reciprocal_rank(c, e)",
    "ndcg": "ndcg_at_k(c, e, NULL)",
    "P": "precision_at_k(c, e, {k})",
    "recall": "recall_at_k(c, e, {k})",
    "success": "success_at_k(c, e, {k})",
    "ndcg_cut": "ndcg_at_k(c, e, {k})",
}


def call(trec_name: str) -> str:
    """P_5: the call of the function that computes it."""
    name, _, k = trec_name.rpartition("_")
    return "flywheel." + (NAMES[name].format(k=k) if k.isdigit() else NAMES[trec_name])


def value(fw, expression: str, context: object, expected: object) -> float | None:
    query = f"SELECT {expression} FROM (SELECT %s::jsonb, %s::text) AS q (c, e)"
    return fw.one(query, json.dumps(context), expected if isinstance(expected, str) else json.dumps(expected))


@pytest.fixture
def topics(shared) -> dict[str, tuple[list, dict]]:
    """Query id: (retrieved documents with scores, grades)."""
    found: dict[str, tuple[list, dict]] = defaultdict(lambda: ([], {}))
    for line in (shared / "data/trec_eval/results.test").read_text().splitlines():
        topic, _, doc, _, score, _ = line.split()
        found[topic][0].append({"id": doc, "score": float(score)})
    for line in (shared / "data/trec_eval/qrels.test").read_text().splitlines():
        topic, _, doc, grade = line.split()
        found[topic][1][doc] = int(grade)
    return found


def test_equal_to_the_reference_to_nine_digits(fw, topics, shared):
    golden = json.loads((shared / "reference/golden.json").read_text())
    wanted = [
        each for each in golden if each["dataset"].startswith("trec_eval test qid") and each["metric"][:3] == "ir/"
    ]
    assert len(wanted) > 50
    for each in wanted:
        context, grades = topics[each["dataset"].split()[-1]]
        got = value(fw, call(each["metric"][3:]), context, grades)
        assert got == pytest.approx(each["value"], abs=1e-9), each


def test_equal_to_what_trec_eval_prints(fw, topics, shared):
    compared = 0
    for line in (shared / "data/trec_eval/out.test.aq").read_text().splitlines():
        name, topic, printed = line.split()
        if topic in topics and (name in NAMES or name.rpartition("_")[0] in ("P", "recall", "ndcg_cut", "success")):
            context, grades = topics[topic]
            assert round(value(fw, call(name), context, grades), 4) == pytest.approx(float(printed), abs=1e-4), line
            compared += 1
    assert compared > 100


def test_equal_scores_are_ordered_by_id_in_reverse_as_trec_eval_does(fw):
    context = [{"id": "a", "score": 1}, {"id": "c", "score": 1.00000001}, {"id": "b", "score": 1}]  # a float's worth
    assert fw.rows("SELECT doc FROM flywheel.ranking(%s) ORDER BY rank", json.dumps(context)) == [
        ("c",),
        ("b",),
        ("a",),
    ]


def test_without_scores_documents_count_as_they_stand_and_once(fw):
    assert value(fw, "flywheel.reciprocal_rank(c, e)", ["x", "x", "y"], ["y"]) == 0.5
    assert value(fw, "flywheel.precision_at_k(c, e, 4)", ["x", {"id": "y"}], "y") == 0.25


def test_scores_that_no_real_holds_are_ordered_all_the_same(fw):
    context = [{"id": "a", "score": 1e-300}, {"id": "b", "score": -1e300}, {"id": "c", "score": 1e300}]
    ranked = fw.rows("SELECT doc FROM flywheel.ranking(%s) ORDER BY rank", json.dumps(context))
    assert ranked == [("c",), ("a",), ("b",)]


def test_what_has_no_id_is_not_expected(fw):
    assert value(fw, "flywheel.recall_at_k(c, e, 5)", ["a"], ["a", None, {"text": "b"}]) == 1


def test_a_negative_grade_is_no_judgement_to_bpref_as_trec_eval_has_it(fw):
    assert value(fw, "flywheel.bpref(c, e)", ["a", "b"], {"a": -1, "b": 1, "c": 0}) == 1
    assert value(fw, "flywheel.bpref(c, e)", ["a", "b"], {"a": 0, "b": 1, "c": -2}) == 0


def test_grades_count_in_ndcg(fw):
    best = value(fw, "flywheel.ndcg_at_k(c, e, 2)", ["a", "b"], {"a": 3, "b": 1})
    worse = value(fw, "flywheel.ndcg_at_k(c, e, 2)", ["b", "a"], {"a": 3, "b": 1})
    assert best == 1
    assert worse == pytest.approx((1 + 3 / 1.5849625007211562) / (3 + 1 / 1.5849625007211562))


@pytest.mark.parametrize("metric", sorted(set(NAMES.values())))
@pytest.mark.parametrize(("context", "expected"), [([], ["a"]), (None, ["a"]), ("text", ["a"]), ([None, {}, 7], ["a"])])
def test_nothing_retrieved_is_zero(full_fw, metric, context, expected):
    assert value(full_fw, f"flywheel.{metric.format(k=5)}", context, expected) == 0


@pytest.mark.parametrize("metric", sorted(set(NAMES.values())))
@pytest.mark.parametrize("expected", [[], {}, {"a": 0}, ""])
def test_nothing_relevant_is_null(full_fw, metric, expected):
    assert value(full_fw, f"flywheel.{metric.format(k=5)}", ["a"], expected) is None


def add(fw, name: str, **config) -> None:
    fw.execute("SELECT flywheel.add_validator(%s, 'flywheel.retrieval', %s)", (name, json.dumps(config)))


def test_a_step_gets_a_score_and_the_view_its_mean(fw):
    add(fw, "mrr", metric="reciprocal_rank")
    add(fw, "recall", metric="recall_at_k", k=2, min=1)
    insert = (
        "INSERT INTO flywheel.traces (node, node_type, context, expected) "
        "VALUES ('search', 'retriever', %s, %s) RETURNING id"
    )
    good, bad, unknown, broken = (
        fw.one(insert, json.dumps(docs), expected)
        for docs, expected in [(["a", "b"], '["a"]'), (["b", "c", "a"], '["a"]'), (["a"], None), (["a"], "[not json")]
    )
    fw.drain()
    assert fw.verdicts("recall") == {
        good: [1, "ok", True],
        bad: [1, "ok", False],
        unknown: [1, "abstained", None],
        broken: [1, "error", None],
    }
    assert fw.why(bad, "recall") == ("verdict", "recall_at_k is 0.0000, expected at least 1")
    assert fw.verdicts("mrr")[good] == [1, "ok", None]
    view = "SELECT validator, metric, k, node, n, value FROM flywheel.retrieval_metrics ORDER BY validator"
    assert fw.rows(view) == [
        ("mrr", "reciprocal_rank", None, "search", 2, pytest.approx((1 + 1 / 3) / 2)),
        ("recall", "recall_at_k", 2, "search", 2, 0.5),
    ]


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ({}, 'needs config key "metric"'),
        ({"metric": "ndgc"}, "another kind of value"),
        ({"metric": "ndcg_at_k", "k": 0}, "another kind of value"),
        ({"metric": "bpref", "max": 1}, 'does not take config key "max"'),
    ],
)
def test_a_config_that_it_does_not_take_is_refused(fw, config, hint):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=hint):
        add(fw, "v", **config)
