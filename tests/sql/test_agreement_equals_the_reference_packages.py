"""flywheel.agreement against golden.json, made with scikit-learn, statsmodels, krippendorff and irrCAC."""

import json

import numpy as np
import pytest

COLUMNS = {
    "cohen_kappa_multiclass": "cohen_kappa",
    "fleiss_kappa": "fleiss_kappa",
    "krippendorff_alpha_nominal": "krippendorff_nominal",
    "gwet_ac1": "gwet_ac1",
}


def agreement(fw, *columns, answer="passed"):
    names = ", ".join(columns)
    return fw.one(f"SELECT {names} FROM flywheel.agreement WHERE coalesce(answer, %s) = %s", answer, answer)


def label(fw, answers: list[dict], column: str = "passed") -> None:
    """A step per row of {rater: answer}."""
    fw.judge("polite")
    for number, row in enumerate(answers):
        (step,) = fw.insert(f"output {number}", trace_id=f"t{number}")
        for rater, answer in row.items():
            fw.execute(f"INSERT INTO flywheel.labels (validator, step_id, rater, {column}) "
                       "VALUES ('polite', %s, %s, %s)",
                       [step, rater, answer])  # fmt: skip


def test_the_annotators_of_xstest(full_fw, shared):
    golden = json.loads((shared / "reference" / "golden.json").read_text())
    wanted = {}
    for row in golden:
        if row["dataset"].endswith("/annotators"):
            wanted.setdefault(row["dataset"].split("/")[1], {})[COLUMNS[row["metric"]]] = row["value"]
    assert len(wanted) == 5
    steps = [json.loads(line) for line in (shared / "data" / "xstest.jsonl").read_text().splitlines()]
    fw = full_fw
    for model in wanted:
        fw.judge(model)
    with (
        fw.conn.cursor() as cursor,
        cursor.copy("COPY flywheel.traces (trace_id, variant, output, attributes) FROM STDIN") as copy,
    ):
        for step in steps:
            copy.write_row([step["trace_id"], step["model"], step["output"], json.dumps(step["attributes"])])
    for rater in ("annotator_1", "annotator_2"):
        fw.execute("INSERT INTO flywheel.labels (step_id, validator, rater, category) "
                   "SELECT id, variant, %s, attributes ->> %s FROM flywheel.traces", [rater, rater])  # fmt: skip
    for model, values in wanted.items():
        names = list(values)
        got = fw.one(
            f"SELECT {', '.join(names)} FROM flywheel.agreement WHERE validator = %s AND answer = 'category'", model
        )
        assert dict(zip(names, got, strict=True)) == pytest.approx(values, abs=1e-9), model


def krippendorff_by_coincidences(units: list[list[float]], metric: str) -> float:
    """The textbook way: Krippendorff 2011, 'Computing Krippendorff's Alpha-Reliability'."""
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in units for value in unit})
    place = {value: at for at, value in enumerate(values)}
    o = np.zeros((len(values), len(values)))
    for unit in units:
        for i, a in enumerate(unit):
            for j, b in enumerate(unit):
                if i != j:
                    o[place[a], place[b]] += 1 / (len(unit) - 1)
    n = o.sum(axis=0)
    if metric == "interval":
        delta = [[(a - b) ** 2 for b in values] for a in values]
    else:
        cumulated = np.concatenate([[0], n.cumsum()])
        delta = [
            [(cumulated[max(c, k) + 1] - cumulated[min(c, k)] - (n[c] + n[k]) / 2) ** 2 for c in range(len(n))]
            for k in range(len(n))
        ]
    expected = (np.outer(n, n) - np.diag(n)) * delta
    return 1 - (n.sum() - 1) * (o * delta).sum() / expected.sum()


def test_scores_with_gaps(full_fw):
    rng = np.random.default_rng(5)
    answers = []
    for _ in range(60):
        truth = rng.integers(1, 6)
        raters = rng.permutation(["ann", "bob", "cy", "di"])[: rng.integers(1, 5)]
        answers.append({str(rater): float(np.clip(truth + rng.integers(-1, 2), 1, 5)) for rater in raters})
    label(full_fw, answers, "score")
    got = agreement(full_fw, "krippendorff_ordinal", "krippendorff_interval", "raters", answer="score")
    units = [list(row.values()) for row in answers]
    wanted = [krippendorff_by_coincidences(units, metric) for metric in ("ordinal", "interval")]
    assert got == (pytest.approx(wanted[0], abs=1e-9), pytest.approx(wanted[1], abs=1e-9), 4)


def test_three_raters_with_gaps_by_hand(fw):
    label(
        fw,
        [
            {"ann": True, "bob": True, "cy": False},
            {"ann": False, "bob": False},
            {"ann": True},
            {"bob": True, "cy": True},
        ],
    )
    names = (
        "raters",
        "steps",
        "agreement",
        "cohen_kappa",
        "fleiss_kappa",
        "gwet_ac1",
        "krippendorff_nominal",
    )
    got = dict(zip(names, agreement(fw, *names), strict=True))
    passing = (2 / 3 + 0 + 1) / 3
    chance, observed = passing**2 + (1 - passing) ** 2, (1 / 3 + 1 + 1) / 3
    ac1_chance = 2 * passing * (1 - passing)
    # ann and bob agree on both of theirs (kappa 1), bob and cy on one of two (0), ann and cy on none of one (0).
    assert got == pytest.approx({
        "raters": 3, "steps": 3, "agreement": observed, "cohen_kappa": 1 / 3,
        "fleiss_kappa": (observed - chance) / (1 - chance), "gwet_ac1": (observed - ac1_chance) / (1 - ac1_chance),
        "krippendorff_nominal": 1 - 6 * 2 / (7 * 6 - 4 * 3 - 3 * 2)})  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([{"ann": True}, {"bob": False}], "no step has two raters"),
        ([{"ann": True, "bob": True}] * 3, "say the same of every step"),
    ],
)
def test_where_nothing_is_known_it_says_why(fw, answers, problem):
    label(fw, answers)
    *coefficients, why = agreement(
        fw, "cohen_kappa", "fleiss_kappa", "krippendorff_nominal", "krippendorff_interval", "problem"
    )
    assert coefficients == [None] * 4
    assert problem in why


def test_kinds_of_answers_and_rubrics_stand_apart(fw):
    label(fw, [{"ann": True, "bob": False}, {"ann": True, "bob": True}])
    fw.execute("UPDATE flywheel.labels SET category = 'refusal'")
    fw.judge("polite", rubric="Another.")
    assert fw.rows("SELECT answer, rubric_version, is_current, steps FROM flywheel.agreement ORDER BY answer") == [
        ("category", 1, False, 2), ("passed", 1, False, 2)]  # fmt: skip
