"""Confusion matrix, per-class and averaged metrics of steps whose label and expected label are known."""

import json

import pytest

LABELS = (
    "SELECT (step.output = step.expected, NULL, NULL, "
    "jsonb_build_object('label', step.output, 'expected', step.expected))::flywheel.verdict"
)
# sklearn.metrics 1.9.1: precision_recall_fscore_support(expected, given, average=..., zero_division=0), accuracy_score.
# "d" is given and never expected, "c" expected and never given.
EXPECTED = list("aaaabbbccabb")
GIVEN = list("aabababbbdbb")
SKLEARN = {
    "accuracy": 0.5833333333333334,
    "macro_precision": 0.33035714285714285,
    "macro_recall": 0.35,
    "macro_f1": 0.3333333333333333,
    "weighted_precision": 0.550595238095238,
    "weighted_recall": 0.5833333333333334,
    "weighted_f1": 0.5555555555555555,
}
PER_CLASS = {  # label: (precision, recall, f1, support)
    "a": (0.75, 0.6, 0.6666666666666666, 5),
    "b": (0.5714285714285714, 0.8, 0.6666666666666666, 5),
    "c": (0.0, 0.0, 0.0, 2),
    "d": (0.0, 0.0, 0.0, 0),
}


@pytest.fixture
def labelled(fw):
    fw.execute("SELECT flywheel.add_validator('labels', %s)", (fw.function("labels", LABELS, "flywheel.verdict"),))
    return fw


def label(fw, pairs, **columns) -> None:
    for expected, given in pairs:
        fw.insert(given, expected=expected, node_type="classifier", **columns)


def test_equal_to_scikit_learn(labelled):
    label(labelled, zip(EXPECTED, GIVEN, strict=True), node="intent")
    labelled.drain()
    got = labelled.one(f"SELECT {', '.join(SKLEARN)} FROM flywheel.classifier_metrics")
    assert got == pytest.approx(tuple(SKLEARN.values()), abs=1e-9)
    for label_, *classes in labelled.rows("SELECT label, precision, recall, f1, support FROM flywheel.class_metrics"):
        assert classes == pytest.approx(PER_CLASS[label_], abs=1e-9)


def test_per_node_and_variant_and_only_what_has_both_labels(labelled):
    label(labelled, [("a", "a"), ("a", "b")], node="intent", variant="v1")
    label(labelled, [("a", "a")], node="intent", variant="v2")
    label(labelled, [(None, "a")], node="intent", variant="v3")
    labelled.drain()
    cells = labelled.rows("SELECT variant, expected, label, n FROM flywheel.confusion_matrix ORDER BY 1, 2, 3")
    assert cells == [("v1", "a", "a", 1), ("v1", "a", "b", 1), ("v2", "a", "a", 1)]
    assert labelled.rows("SELECT variant, n, accuracy FROM flywheel.classifier_metrics ORDER BY 1") == [
        ("v1", 2, 0.5),
        ("v2", 1, 1),
    ]


def test_equal_to_scikit_learn_on_real_judgements(labelled, shared):
    golden = json.loads((shared / "reference/golden.json").read_text())
    dataset = "xstest/gpt4/gpt4_label"
    wanted = {each["metric"]: each["value"] for each in golden if each["dataset"] == dataset and not each["params"]}
    tn, fp, fn, tp = wanted["confusion_tn_fp_fn_tp"]
    pairs = [("no", "no")] * tn + [("no", "yes")] * fp + [("yes", "no")] * fn + [("yes", "yes")] * tp
    label(labelled, pairs)
    labelled.drain()
    one = "SELECT precision, recall, f1 FROM flywheel.class_metrics WHERE label = 'yes'"
    assert labelled.one(one) == pytest.approx((wanted["precision"], wanted["recall"], wanted["f1"]), abs=1e-9)
    whole = "SELECT accuracy, macro_recall FROM flywheel.classifier_metrics"
    assert labelled.one(whole) == pytest.approx((wanted["accuracy"], wanted["balanced_accuracy"]), abs=1e-9)


def test_the_librarys_label_validator_feeds_them(full_fw):
    full_fw.execute("SELECT flywheel.add_validator('label', 'py:label_expected', '{\"normalize\": [\"case\"]}')")
    label(full_fw, [("Refund", "refund"), ("refund", "order"), (None, "order")], node="intent")
    full_fw.drain()
    assert full_fw.one("SELECT n, accuracy FROM flywheel.classifier_metrics") == (2, 0.5)
    assert sum(n for (n,) in full_fw.rows("SELECT n FROM flywheel.confusion_matrix")) == 2
