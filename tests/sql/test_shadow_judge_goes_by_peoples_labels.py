"""The shadow judge: how people labelled the outputs most like this one. What it may not know, it does not know."""

import json
from itertools import product
from operator import mul

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

REFUSALS = [
    f"{sorry} {cannot} {what}."
    for sorry, cannot, what in product(
        ("I'm sorry, but", "Unfortunately,", "I apologize, but"),
        ("I cannot help with", "I am not able to assist with", "I can't provide"),
        ("that request", "this question"),
    )
]
ANSWERS = [
    f"{to} {thing}, {do} and {then}."
    for to, thing, do, then in product(
        ("To kill", "To stop", "To close"), ("a Python process", "the server"), ("find its id", "open a shell"),
        ("run kill", "use the task manager"),
    )
]  # fmt: skip
SHADOW = (
    "SELECT v.status, v.passed, v.score, v.details FROM flywheel.verdicts v "
    "JOIN flywheel.validators d USING (version_id) WHERE d.name = 'polite.shadow' AND v.step_id = %s"
)


def label(fw, step: int, passed: bool, rater: str = "ann") -> None:
    fw.execute("INSERT INTO flywheel.labels (step_id, validator, passed, rater) VALUES (%s, 'polite', %s, %s)",
               (step, passed, rater))  # fmt: skip


def insert(fw, output: str | None, group: str, split: str = "dev") -> int:
    """A step of its own trace group, whose split is settled."""
    fw.execute("INSERT INTO flywheel.trace_groups VALUES (%s, %s) ON CONFLICT DO NOTHING", (group, split))
    (step,) = fw.insert(output, session_id=group)
    return step


@pytest.fixture
def labelled(fw):
    """Refusals that people failed, and answers that they passed: step -> (passed, output)."""
    fw.judge("polite")
    known = {}
    for i, (output, passed) in enumerate([(o, False) for o in REFUSALS] + [(o, True) for o in ANSWERS]):
        step = insert(fw, output, f"known {i}", ("few_shot", "dev")[i % 2])
        label(fw, step, passed)
        known[step] = passed, output
    fw.known = known
    return fw


def shadow(fw, **options: int) -> int:
    names = "".join(f", {name} => %s" for name in options)
    return fw.one(f"SELECT flywheel.add_shadow_judge('polite'{names})", *options.values())


def opinion(fw, output: str | None, group: str = "asked", split: str = "dev"):
    """(status, passed, score, details) of a new step, stored by the drain."""
    step = insert(fw, output, group, split)
    fw.drain()
    return fw.one(SHADOW, step)


def test_outputs_fare_as_those_like_them(labelled):
    shadow(labelled)
    status, passed, p, details = opinion(labelled, "I'm sorry, but I am not able to help with that.")
    assert (status, passed) == ("ok", False) and p < 0.2
    assert details["neighbours"] == 15
    assert all(labelled.known[step][0] is False for step in details["nearest"])
    status, passed, p, _ = opinion(labelled, "To stop a server process, open a shell and run kill.", "asked 2")
    assert (status, passed) == ("ok", True) and p > 0.8


@pytest.mark.parametrize("output", [None, "", " ?! "])
def test_an_output_without_words_is_abstained_from(labelled, output):
    shadow(labelled)
    assert opinion(labelled, output)[:3] == ("abstained", None, None)


def test_labels_of_its_own_trace_group_are_not_known(labelled):
    canary = "Purple elephants juggle quietly beneath seventeen moons."
    own, others = insert(labelled, canary, "own"), insert(labelled, canary, "others")
    label(labelled, own, False)
    label(labelled, others, True)
    shadow(labelled, k=3)
    assert opinion(labelled, canary, "own")[3]["nearest"][0] == others
    assert opinion(labelled, canary, "others")[3]["nearest"][0] == own


def test_test_labels_are_never_known(labelled):
    secret = insert(labelled, "Purple elephants juggle quietly.", "secret", "test")
    label(labelled, secret, True)
    shadow(labelled)
    assert labelled.one("SELECT count(*) FROM flywheel.shadow_examples WHERE step_id = %s", secret) == 0
    assert labelled.one("SELECT count(*) FROM flywheel.shadow_examples") == len(labelled.known)


def test_labels_that_no_longer_count_are_not_known(labelled):
    changed, stale, split, *_ = labelled.known
    labelled.execute("UPDATE flywheel.traces SET output = 'something else' WHERE id = %s", (changed,))
    label(labelled, split, True, rater="bob")  # ann said fail: nobody has a majority
    shadow(labelled)
    known = {step for (step,) in labelled.rows("SELECT step_id FROM flywheel.shadow_examples")}
    assert stale in known and not {changed, split} & known

    labelled.judge("polite", rubric="Passes if it is kind and short.")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="0 labels"):
        shadow(labelled)


def test_new_labels_make_a_new_version_and_the_same_ones_none(labelled):
    first = shadow(labelled)
    assert shadow(labelled) == first
    label(labelled, insert(labelled, "No.", "new"), False)
    second = shadow(labelled)
    assert second != first
    versions = labelled.rows("SELECT version, config ->> 'fit' FROM flywheel.validator_versions "
                             "WHERE validator = 'polite.shadow' ORDER BY version")  # fmt: skip
    assert len({fit for _, fit in versions}) == 2
    assert labelled.one("SELECT count(DISTINCT fit) FROM flywheel.shadow_examples") == 2
    label(labelled, insert(labelled, "Yes.", "newer"), True)
    shadow(labelled)
    assert labelled.one("SELECT count(DISTINCT fit) FROM flywheel.shadow_examples") == 2, "the last two stay"


def test_the_same_label_of_another_output_makes_a_new_version(labelled):
    first = shadow(labelled)
    step, (passed, _) = next(iter(labelled.known.items()))
    labelled.execute("UPDATE flywheel.traces SET output = 'Purple elephants juggle.' WHERE id = %s", (step,))
    labelled.execute("UPDATE flywheel.labels SET passed = %s WHERE step_id = %s", (passed, step))
    assert shadow(labelled) != first
    assert opinion(labelled, "Purple elephants juggle.")[3]["nearest"][0] == step


def test_a_label_that_is_taken_back_is_forgotten_at_once(labelled):
    shadow(labelled)
    step = next(iter(labelled.known))
    labelled.execute("DELETE FROM flywheel.labels WHERE step_id = %s", (step,))
    assert labelled.one("SELECT count(*) FROM flywheel.shadow_examples WHERE step_id = %s", step) == 0


@pytest.mark.parametrize(
    "call, error, hint",
    [
        ("'nobody'", "validator nobody does not exist", "Known:"),
        ("'polite', k => 0", "bad number of neighbours: 0", "1 to 100"),
        ("'polite', k => NULL", "bad number of neighbours: NULL", "1 to 100"),
        ("'polite', k => 43", "42 labels, 24 of them passing", "43 labels at least"),
    ],
)
def test_what_cannot_be_is_refused(labelled, call, error, hint):
    with pytest.raises(psycopg.Error, match=error) as raised:
        labelled.one(f"SELECT flywheel.add_shadow_judge({call})")
    assert hint in raised.value.diag.message_hint


def test_labels_of_one_kind_teach_nothing(labelled):
    labelled.execute("DELETE FROM flywheel.labels WHERE passed")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="18 labels, 0 of them passing"):
        shadow(labelled)


def test_verdicts_that_it_doubts_come_by_disagreement(labelled):
    shadow(labelled)
    asked = [insert(labelled, REFUSALS[0] + " Sorry.", "asked 1"), insert(labelled, ANSWERS[0] + " Done.", "asked 2")]
    labelled.drain()
    labelled.record([c for c in labelled.claim() if c["step_id"] in asked], passed=True)
    found = labelled.rows("SELECT step_id, validator, passed, disagreement FROM flywheel.shadow_disagreements")
    ((step, judge, passed, disagreement),) = found
    assert (step, judge, passed) == (asked[0], "polite", True)
    assert disagreement > 0.8


def test_it_runs_with_the_rights_of_those_who_run_it(labelled, member_of):
    """The drain's role and the application's, which asks flywheel.check()."""
    shadow(labelled)
    step = insert(labelled, REFUSALS[3], "asked")
    member_of("worker").execute("CALL flywheel.drain()")
    assert labelled.one(SHADOW, step)[:2] == ("ok", False)
    checked = "SELECT passed FROM flywheel.check(output => %s) WHERE validator = 'polite.shadow'"
    assert member_of("writer").execute(checked, (REFUSALS[3],)).fetchone() == (False,)


WORDS = st.sampled_from(["sorry", "cannot", "help", "with", "that", "open", "shell", "run", "kill", "To", "I", "Ä"])


def test_p_is_the_weighted_share_of_the_nearest_labels(labelled):
    shadow(labelled)
    (fit,) = {fit for (fit,) in labelled.rows("SELECT fit FROM flywheel.shadow_examples")}
    examples = labelled.rows("SELECT passed, embedding::text FROM flywheel.shadow_examples")
    vectors = [(passed, json.loads(vector)) for passed, vector in examples]

    @settings(max_examples=30, deadline=None)
    @given(output=st.lists(WORDS, min_size=1, max_size=60).map(" ".join), k=st.integers(1, 42))
    def as_computed_by_hand(output: str, k: int) -> None:
        asked = json.loads(labelled.one("SELECT flywheel.embed_output(%s)::text", output))
        near = [(round(sum(map(mul, asked, vector)) / 2, 5), passed) for passed, vector in vectors]  # single precision

        def share(first: bool) -> float:
            """Of labels that are equally near, those that say `first` come first."""
            chosen = sorted(near, key=lambda label: (-label[0], label[1] != first))[:k]
            weights = [(max(similarity, 0.01) ** 8, passed) for similarity, passed in chosen]
            return sum(weight for weight, passed in weights if passed) / sum(weight for weight, _ in weights)

        p, n = labelled.one("SELECT p, neighbours FROM flywheel.vote_of_neighbours(%s, %s, NULL, %s)", fit, output, k)
        assert n == k
        assert share(False) - 0.01 <= p <= share(True) + 0.01

    as_computed_by_hand()
