import pytest


@pytest.fixture
def both(fw):
    """Judges labelled steps of dev with and without examples; steps by what (people, without, with) say."""

    def judge(*steps, **later):
        groups = fw.rows("SELECT 'g' || n FROM generate_series(1, 1000) n WHERE flywheel.split_of('g' || n) = 'dev'")
        fw.judge("helpful")
        for (group,), (human, *_) in zip(groups, steps, strict=False):
            step = fw.insert("x", input="a question", trace_id=group)[0]
            fw.execute("INSERT INTO flywheel.labels (step_id, validator, passed) "
                       "VALUES (%s, 'helpful', %s)", [step, human])  # fmt: skip
        fw.drain()
        answer([without for _, without, _ in steps])
        fw.judge("helpful", few_shot=3, **later)
        fw.execute("SELECT flywheel.backfill('helpful')")
        fw.drain()
        answer([shown for *_, shown in steps])

    def answer(passed):
        for job in (jobs := fw.claim()):
            verdict = passed[job["step_id"] - 1]
            fw.record([job], passed=verdict, **({"status": "error"} if verdict is None else {}))
        assert len(jobs) == len(passed)

    return judge


def lift(fw):
    names = "version, few_shot, without, n, accuracy, accuracy_without, gained, lost, why"
    return fw.rows(f"SELECT {names} FROM flywheel.few_shot_lift")


def test_examples_help_where_more_is_right_with_them(fw, both):
    both(*[(True, False, True)] * 6, *[(True, True, True)] * 3, (False, False, True))
    assert lift(fw) == [(2, 3, 1, 10, 0.9, 0.4, 6, 1, None)]
    lo, middle, hi, p = fw.one("SELECT lift_lo, lift, lift_hi, p FROM flywheel.few_shot_lift")
    assert lo < middle < hi and middle == 0.5
    assert p == pytest.approx(0.125)  # 2 * P(at most 1 of 7 | 1/2)


def test_examples_may_do_harm(fw, both):
    both(*[(True, True, False)] * 4)
    assert fw.one("SELECT lift, p FROM flywheel.few_shot_lift") == (-1, pytest.approx(0.125))


def test_what_one_of_them_did_not_decide_is_left_out(fw, both):
    both((True, None, True), (True, True, None), (True, True, True))
    assert lift(fw) == [(2, 3, 1, 1, 1, 1, 0, 0, None)]


def test_other_steps_than_those_of_dev_do_not_count(fw, both):
    both((True, True, True))
    for n in range(10):
        fw.insert("x", trace_id=f"g{n}")
    fw.drain()
    fw.record(fw.claim(), passed=True)
    assert lift(fw)[0][3] == 1


def test_why_there_are_no_numbers_is_said(fw, both):
    both()
    assert lift(fw) == [(2, 3, 1, 0, None, None, 0, 0, "no step of the dev split has labels and a verdict of both")]
    fw.judge("helpful", few_shot=3, model="large")
    assert lift(fw)[1] == (3, 3, None, 0, None, None, 0, 0, "no version without examples is otherwise the same")
