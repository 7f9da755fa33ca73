"""Statistics functions where there is nothing to count, everything is one thing, or the input is no number."""

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EASY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
INTERVALS = ["clopper_pearson", "jeffreys", "agresti_coull"]
count = st.integers(0, 60)


NOTHING = [
    "clopper_pearson(0, 0)",
    "jeffreys(3, 2)",
    "agresti_coull(-1, 5)",
    "clopper_pearson('NaN', 5)",
    "jeffreys(1, 'NaN')",
    "agresti_coull(1, 'infinity')",
    "newcombe(0, 0, 1, 2)",
    "newcombe_paired(0, 0, 0, 0)",
    "two_proportion_z(1, 2, 0, 0)",
    "two_proportion_z(0, 5, 0, 5)",
    "two_proportion_z(7, 5, 0, 5)",
    "mcnemar_chi2(0, 0)",
    "ppi(0, 0, 0, 0, 5, 10)",
    "ppi(1, 1, 1, 1, 0, 0)",
    "ppi(0, 0, 0, 0, 0, 1)",
    "post_stratified('{}', '{}', '{}')",
    "post_stratified('{1,0}', '{2,0}', '{5,5}')",
    "rogan_gladen(0, 0, 1, 1, 1, 1)",
    "mcc(0, 0, 0, 0)",
    "kappa(5, 0, 0, 0)",
    "calibration_allocation(10, 0, 0.9, 0.9)",
]


def test_nothing_to_count_is_null(fw):
    for call in NOTHING:
        cursor = fw.conn.execute(f"SELECT * FROM flywheel.{call}")
        row = dict(zip([column.name for column in cursor.description], cursor.fetchone(), strict=True))
        assert {value for name, value in row.items() if name != "lambda"} == {None}, (call, row)


def test_no_interval_without_a_judge_better_than_chance(fw):
    assert fw.one("SELECT rate, lo, hi FROM flywheel.rogan_gladen(50, 100, 5, 10, 5, 10)") == (None, None, None)
    assert fw.one("SELECT rate, lo, hi FROM flywheel.rogan_gladen(50, 100, 0, 0, 5, 10)") == (None, None, None)


def test_a_stratum_that_is_empty_does_not_count(fw):
    assert fw.one("SELECT rate FROM flywheel.post_stratified('{3,0}', '{4,0}', '{10,0}')") == 0.75


def test_equal_versions_do_not_differ(fw):
    assert fw.one("SELECT flywheel.mcnemar_exact(0, 0)") == 1
    assert fw.one("SELECT flywheel.mcnemar_exact(4, 4)") == 1


@pytest.mark.parametrize(
    "call", ["normal_quantile(95)", "normal_quantile('NaN')", "agresti_coull(1, 2, 95)", "jeffreys(1, 2, 95)"]
)
def test_a_confidence_in_percent_is_refused(fw, call):
    with pytest.raises(psycopg.errors.NumericValueOutOfRange, match="between 0 and 1") as error:
        fw.one(f"SELECT flywheel.{call}")
    assert "0.95" in error.value.diag.message_hint


def test_large_counts(full_fw):
    # scipy 1.17.1: beta.ppf, binom.cdf
    assert full_fw.one("SELECT lo FROM flywheel.clopper_pearson(300000, 1000000)") == pytest.approx(
        0.2991019119335821, rel=1e-9
    )
    assert full_fw.one("SELECT flywheel.binomial_cdf(499000, 1000000, 0.5)") == pytest.approx(
        0.0228041499326948, rel=1e-9
    )
    assert full_fw.one("SELECT flywheel.beta_quantile(0.025, 0.5, 1000000.5)") == pytest.approx(
        4.910344357084465e-10, rel=1e-9
    )


@EASY
@given(n=st.integers(1, 80), data=st.data())
@pytest.mark.parametrize("name", INTERVALS)
def test_intervals_hold_their_point_and_grow(full_fw, name, n, data):
    k = data.draw(st.integers(0, n))
    query = f"SELECT lo, hi FROM flywheel.{name}(%s, %s, %s)"
    lo, hi = full_fw.one(query, k, n, 0.95)
    assert (0 <= lo <= k / n + 1e-9 and k / n - 1e-9 <= hi <= 1) or (name == "jeffreys" and k in (0, n))
    wide_lo, wide_hi = full_fw.one(query, k, n, 0.99)
    assert wide_lo <= lo + 1e-12 and hi <= wide_hi + 1e-12
    if k < n:
        next_lo, next_hi = full_fw.one(query, k + 1, n, 0.95)
        assert lo <= next_lo + 1e-12 and hi <= next_hi + 1e-12


@EASY
@given(tp=count, fp=count, tn=count, fn=count)
def test_confusion_metrics_lie_in_their_intervals(full_fw, tp, fp, tn, fn):
    cursor = full_fw.conn.execute("SELECT * FROM flywheel.confusion_metrics(%s, %s, %s, %s)", (tp, fp, tn, fn))
    row = dict(zip([d.name for d in cursor.description], cursor.fetchone(), strict=True))
    for name in [name for name in row if f"{name}_lo" in row]:
        value, lo, hi = row[name], row[f"{name}_lo"], row[f"{name}_hi"]
        if value is None:
            assert lo is None and hi is None, name
        else:
            floor = -1 if name in ("youden_j", "mcc", "kappa") else 0
            assert floor - 1e-9 <= lo <= value + 1e-9 and value - 1e-9 <= hi <= 1 + 1e-9, (name, value, lo, hi)


@EASY
@given(tp=count, fp=count, tn=count, fn=count, more=st.integers(1, 500), data=st.data())
def test_corrected_rates_lie_in_their_intervals(full_fw, tp, fp, tn, fn, more, data):
    passed, judged = data.draw(st.integers(0, more)), more
    for call in ("flywheel.post_stratified(ARRAY[%(tp)s, %(fn)s], ARRAY[%(p)s, %(f)s], ARRAY[%(passed)s, %(failed)s])",
                 "flywheel.rogan_gladen(%(passed)s, %(judged)s, %(tp)s, %(y)s, %(tn)s, %(n)s)",
                 "flywheel.ppi(%(tp)s, %(fp)s, %(tn)s, %(fn)s, %(passed)s, %(judged)s)"):  # fmt: skip
        counts = {"tp": tp, "fp": fp, "tn": tn, "fn": fn, "p": tp + fp, "f": tn + fn, "y": tp + fn, "n": tn + fp,
                  "passed": passed, "failed": judged - passed, "judged": judged}  # fmt: skip
        rate, lo, hi = full_fw.execute(f"SELECT rate, lo, hi FROM {call}", counts).fetchone()
        assert (rate is None) == (lo is None) == (hi is None)
        if lo is not None:
            assert 0 <= lo <= hi <= 1, call
            assert lo - 1e-9 <= max(0, min(1, rate)) <= hi + 1e-9, call


@EASY
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4)), max_size=40))
def test_agreement_is_one_at_most(full_fw, ratings):
    units, values = [u for u, _ in ratings], [v for _, v in ratings]
    coefficients = full_fw.one(
        "SELECT (flywheel.agreement(u, r::text[])).observed, flywheel.fleiss_kappa(u, r::text[]), "
        "flywheel.gwet_ac1(u, r::text[]), flywheel.krippendorff_alpha(u, r::text[]), "
        "flywheel.krippendorff_alpha(u, r, 'ordinal'), flywheel.krippendorff_alpha(u, r, 'interval') "
        "FROM (SELECT %s::bigint[], %s::float8[]) x (u, r)", units, values)  # fmt: skip
    assert all(c is None or c <= 1 + 1e-9 for c in coefficients)
    nobody_twice = len(set(units)) == len(units)
    assert (coefficients[0] is None) == nobody_twice
    if len(set(ratings)) == len(set(units)) and not nobody_twice and len(set(values)) > 1:
        assert coefficients[2] == pytest.approx(1)  # each step has one rating only, however often


# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", data C: the ratings of twelve units, by rater.
KRIPPENDORFF = {
    "a": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "c": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}


@pytest.mark.parametrize("level, alpha", [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_own_example(fw, level, alpha):
    units = [unit for ratings in KRIPPENDORFF.values() for unit, _ in enumerate(ratings)]
    values = [value for ratings in KRIPPENDORFF.values() for value in ratings]
    got = fw.one("SELECT flywheel.krippendorff_alpha(%s::bigint[], %s::float8[], %s)", units, values, level)
    assert got == pytest.approx(alpha, abs=0.0005)


def test_an_unknown_level_is_refused(fw):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="nominal, ordinal or interval, not ratio"):
        fw.one("SELECT flywheel.krippendorff_alpha('{1}', '{1}'::float8[], 'ratio')")
