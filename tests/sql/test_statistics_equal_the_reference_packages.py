"""The statistics functions, held against the values of scikit-learn, statsmodels, ppi-python and others."""

import json
from math import isclose
from pathlib import Path

import pytest

Z = "1.959963984540054"
ANNOTATORS = ("annotator_1", "annotator_2")


class Golden:
    """Reference values by data set and metric; and the counts that each data set's values were computed from."""

    def __init__(self, shared: Path):
        self.rows = json.loads((shared / "reference/golden.json").read_text())
        self.value = {(r["dataset"], r["metric"]): r["value"] for r in self.rows}
        self.steps = [json.loads(line)["attributes"] | {"model": json.loads(line)["model"]}
                      for line in (shared / "data/xstest.jsonl").open()]  # fmt: skip

    def data_sets(self, metric: str) -> list[str]:
        found = sorted({r["dataset"] for r in self.rows if r["metric"] == metric})
        assert found
        return found

    def all_steps(self, data_set: str) -> dict[str, int]:
        tn, fp, fn, tp = self.value[data_set, "confusion_tn_fp_fn_tp"]
        return {"tp": tp, "fp": fp, "tn": tn, "fn": fn}

    def labelled(self, fw, data_set: str) -> dict[str, int]:
        """The labelled part: the reference gives its size, its rates, and Wilson's interval of people's pass rate."""
        n = self.value[data_set, "n_labelled"]
        lo = self.value[data_set, "wilson_ci"][0]
        positives = fw.one(
            f"SELECT k FROM generate_series(0, %s) AS k ORDER BY abs(flywheel.wilson_lo(k, %s, {Z}) - %s) LIMIT 1",
            n,
            n,
            lo,
        )
        tp = round(self.value[data_set, "TPR"] * positives)
        tn = round(self.value[data_set, "TNR"] * (n - positives))
        return {"tp": tp, "fp": n - positives - tn, "tn": tn, "fn": positives - tp}

    def both(self, fw, data_set: str) -> dict[str, int]:
        """Counts of the labelled part, and of the verdicts on the other steps."""
        of, counts = self.all_steps(data_set), self.labelled(fw, data_set)
        rest = {cell: of[cell] - counts[cell] for cell in of}
        return counts | {"passed": rest["tp"] + rest["fp"], "rest": sum(rest.values()), "n": sum(counts.values()),
                         "k": counts["tp"] + counts["fn"], "neg": counts["tn"] + counts["fp"]}  # fmt: skip


@pytest.fixture(scope="module")
def cached() -> dict[Path, Golden]:
    return {}


@pytest.fixture
def golden(shared, cached) -> Golden:
    return cached.setdefault(shared, Golden(shared))


def check(golden: Golden, fw, metric: str, call: str, counts) -> None:
    """call: SQL with :name placeholders for the counts of a data set."""
    for data_set in golden.data_sets(metric):
        query = call
        for name, value in sorted(counts(data_set).items(), key=lambda item: -len(item[0])):
            query = query.replace(f":{name}", str(value))
        got = fw.one(f"SELECT {query}")
        wanted = golden.value[data_set, metric]
        assert got == pytest.approx(tuple(wanted) if isinstance(wanted, list) else wanted, abs=1e-9), (metric, data_set)


CONFUSION = {
    "accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "f1",
    "balanced_accuracy": "balanced_accuracy", "mcc": "mcc", "cohen_kappa": "kappa",
}  # fmt: skip


def test_confusion_metrics(full_fw, golden):
    for metric, column in CONFUSION.items():
        call = f'"{column}" FROM flywheel.confusion_metrics(:tp, :fp, :tn, :fn)'
        check(golden, full_fw, metric, call, golden.all_steps)


def test_rates_of_the_labelled_part(full_fw, golden):
    for metric in ("TPR", "TNR"):
        call = f"{metric} FROM flywheel.confusion_metrics(:tp, :fp, :tn, :fn)"
        check(golden, full_fw, metric, call, lambda each: golden.labelled(full_fw, each))


INTERVALS = {
    "wilson_ci": f"flywheel.wilson_lo(:k, :n, {Z}), flywheel.wilson_hi(:k, :n, {Z})",
    "clopper_pearson_ci": "lo, hi FROM flywheel.clopper_pearson(:k, :n)",
    "jeffreys_ci": "lo, hi FROM flywheel.jeffreys(:k, :n)",
    "agresti_coull_ci": "lo, hi FROM flywheel.agresti_coull(:k, :n)",
    "rogan_gladen_point": "rate FROM flywheel.rogan_gladen(:passed, :rest, :tp, :k, :tn, :neg)",
    "ppi_pp_point": "rate FROM flywheel.ppi(:tp, :fp, :tn, :fn, :passed, :rest)",
    "ppi_pp_ci": "lo, hi FROM flywheel.ppi(:tp, :fp, :tn, :fn, :passed, :rest)",
    "ppi_ci": "lo, hi FROM flywheel.ppi(:tp, :fp, :tn, :fn, :passed, :rest, lambda => 1)",
    "lee_ci": "lo, hi FROM flywheel.rogan_gladen(:passed, :rest, :tp, :k, :tn, :neg)",
}


@pytest.mark.parametrize("metric", INTERVALS)
def test_intervals_and_corrected_rates(full_fw, golden, metric):
    check(golden, full_fw, metric, INTERVALS[metric], lambda each: golden.both(full_fw, each))


AGREEMENT = {
    "cohen_kappa_multiclass": "flywheel.cohen_kappa(array_agg(a), array_agg(b)) FROM x",
    "fleiss_kappa": "flywheel.fleiss_kappa(array_agg(i), array_agg(l)) FROM y",
    "gwet_ac1": "flywheel.gwet_ac1(array_agg(i), array_agg(l)) FROM y",
    "krippendorff_alpha_nominal": "flywheel.krippendorff_alpha(array_agg(i), array_agg(l)) FROM y",
}


def test_agreement_of_the_annotators(full_fw, golden):
    full_fw.execute("CREATE TEMP TABLE x (i bigint GENERATED ALWAYS AS IDENTITY, a text, b text)")
    full_fw.execute("CREATE TEMP VIEW y AS SELECT i, a AS l FROM x UNION ALL SELECT i, b FROM x")
    for data_set in golden.data_sets("fleiss_kappa"):
        full_fw.execute("TRUNCATE x")
        pairs = [[s[a] for a in ANNOTATORS] for s in golden.steps if s["model"] == data_set.split("/")[1]]
        full_fw.execute(
            "INSERT INTO x (a, b) SELECT p ->> 0, p ->> 1 FROM jsonb_array_elements(%s) AS p", (json.dumps(pairs),)
        )
        for metric, call in AGREEMENT.items():
            got = full_fw.one(f"SELECT {call}")
            assert got == pytest.approx(golden.value[data_set, metric], abs=1e-9), (metric, data_set)


def test_differences(full_fw, golden):
    chi2 = golden.data_sets("mcnemar_chi2_cc")
    for row in golden.rows:
        if row["metric"] == "mcnemar_exact_p":
            b, c = row["params"]["b"], row["params"]["c"]
            assert full_fw.one("SELECT flywheel.mcnemar_exact(%s, %s)", b, c) == pytest.approx(row["value"], rel=1e-9)
            got = full_fw.one("SELECT chi2, p FROM flywheel.mcnemar_chi2(%s, %s)", b, c)
            assert got == pytest.approx(tuple(golden.value[row["dataset"], "mcnemar_chi2_cc"]), rel=1e-9)
            chi2.remove(row["dataset"])
    assert chi2 == []


def test_differences_of_pass_rates(full_fw, golden):
    passed = {}
    for step in golden.steps:
        k, n = passed.get(step["model"], (0, 0))
        passed[step["model"]] = (k + step["human_label"].startswith("1"), n + 1)
    for data_set in golden.data_sets("newcombe_diff_ci"):
        _, first, _, second, *_ = data_set.split()
        counts = (*passed[first], *passed[second])
        got = full_fw.one("SELECT z, p FROM flywheel.two_proportion_z(%s, %s, %s, %s)", *counts)
        wanted = golden.value[data_set, "two_proportion_z"]
        assert all(isclose(g, w, rel_tol=1e-9, abs_tol=1e-9) for g, w in zip(got, wanted, strict=True)), data_set
        got = full_fw.one("SELECT lo, hi FROM flywheel.newcombe(%s, %s, %s, %s)", *counts)
        assert got == pytest.approx(tuple(golden.value[data_set, "newcombe_diff_ci"]), abs=1e-9)


def test_the_normal_distribution(fw, golden):
    for row in golden.rows:
        if row["metric"] in ("norm_cdf", "norm_ppf"):
            name = {"norm_cdf": "normal_cdf", "norm_ppf": "normal_quantile"}[row["metric"]]
            (given,) = row["params"].values()
            assert fw.one(f"SELECT flywheel.{name}(%s)", float(given)) == pytest.approx(
                row["value"], rel=1e-9, abs=1e-15
            )


def test_allocation_of_labels(full_fw, golden):
    (row,) = [row for row in golden.rows if row["metric"] == "calibration_allocation"]
    p = row["params"]
    got = full_fw.one("SELECT * FROM flywheel.calibration_allocation(%s, %s, %s, %s, %s)",
                      p["m"], p["p"], p["q0"], p["q1"], p["m_pilot"])  # fmt: skip
    assert list(got) == row["value"]
