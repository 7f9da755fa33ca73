"""No trace group, and no two near-duplicates that count, are on two sides of few_shot, dev and test."""

import random

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WORDS = [f"w{n}" for n in range(500)]


@pytest.fixture
def judged(fw):
    fw.judge("polite")
    return fw


def text(seed: int, n: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=n))


def step(fw, group: str, output: str) -> int:
    return fw.one("INSERT INTO flywheel.traces (trace_id, output) VALUES (%s, %s) RETURNING id", group, output)


def label(fw, step: int, rater: str = "ann", passed: bool = True) -> int:
    return fw.one(
        "INSERT INTO flywheel.labels (step_id, validator, passed, rater) VALUES (%s, 'polite', %s, %s) RETURNING id",
        step, passed, rater,
    )  # fmt: skip


def of(fw, label: int) -> tuple[str, int | None]:
    return fw.one("SELECT split, duplicate_of FROM flywheel.labels WHERE id = %s", label)


def groups_of(fw, split: str, n: int) -> list[str]:
    """Names of groups that their hash puts there."""
    names = (f"{split} {i}" for i in range(1000))
    return [name for name in names if fw.one("SELECT flywheel.split_of(%s)", name) == split][:n]


def twins(fw, labelled: str, other: str) -> int:
    """How many near-duplicates the other one has, where only this one is labelled."""
    fw.execute("DELETE FROM flywheel.labels")
    label(fw, step(fw, "a", labelled))
    near = "SELECT count(*) FROM flywheel.shingles(%s) AS s, flywheel.near_duplicates('b', s, flywheel.shingle_keys(s))"
    return fw.one(near, other)


@given(st.integers(0, 10**9), st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_texts_that_differ_in_one_or_two_words_are_found_whatever_their_length(full_fw, seed, data):
    if not full_fw.one("SELECT EXISTS (SELECT FROM flywheel.validators)"):
        full_fw.judge("polite")
    words = text(seed, data.draw(st.integers(40, 300))).split()
    changed = list(words)
    for _ in range(data.draw(st.integers(1, 2))):
        where = data.draw(st.integers(0, len(changed) - 1))
        change = data.draw(st.sampled_from(["replace", "insert", "remove"]))
        changed[where : where + (change != "insert")] = [] if change == "remove" else [f"new{seed}"]
    assert twins(full_fw, " ".join(words), " ".join(changed)) == 1


def test_a_text_without_words_for_every_key_is_found_too(judged):
    """Of some 40 words: where a twelfth of the hashes has none, fewer than four keys may stay."""
    for seed in range(100):
        words = text(seed, 40).split()
        assert twins(judged, " ".join(words), " ".join(["new", *words[1:27], "newer", *words[28:]])) == 1, seed


def test_case_punctuation_and_space_make_no_difference(full_fw):
    same = ["It ships, tomorrow!", "it ships tomorrow", "  IT  ships\ntomorrow."]
    assert len({str(full_fw.one("SELECT flywheel.shingles(%s)", each)) for each in same}) == 1
    assert full_fw.one("SELECT cardinality(flywheel.shingles('東京は晴れ'))") == 5
    for nothing in ("", " ", "?!", "Yes, it does."):
        assert full_fw.one("SELECT flywheel.shingle_keys(flywheel.shingles(%s)) = '{}'", nothing)


def test_a_new_group_goes_where_its_twin_is(judged):
    (test,), (dev,) = groups_of(judged, "test", 1), groups_of(judged, "dev", 1)
    first = label(judged, step(judged, test, text(1)))
    second = label(judged, step(judged, dev, text(1) + " indeed"))
    assert [of(judged, first), of(judged, second)] == [("test", None), ("test", None)]
    assert label(judged, step(judged, dev, text(2)))
    assert judged.rows("SELECT DISTINCT split FROM flywheel.labels WHERE trace_group = %s", dev) == [("test",)]


def test_the_later_of_two_in_fixed_splits_does_not_count(judged):
    (test,), (few_shot,) = groups_of(judged, "test", 1), groups_of(judged, "few_shot", 1)
    first = label(judged, step(judged, test, text(1)))
    label(judged, step(judged, few_shot, text(2)))
    copy = step(judged, few_shot, text(1))
    labels = [label(judged, copy, rater) for rater in ("ann", "bob")]
    assert [of(judged, each) for each in labels] == [("few_shot", first)] * 2
    counting = "SELECT count(*) FROM flywheel.consensus WHERE step_id = %s"
    assert judged.one(counting, copy) == 0
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="does not count"):
        judged.execute("SELECT flywheel.approve_example(%s)", [labels[0]])
    first_step = judged.one("SELECT step_id FROM flywheel.labels WHERE id = %s", first)
    second = label(judged, first_step, "bob")
    judged.execute("DELETE FROM flywheel.labels WHERE id = %s", [first])
    assert [of(judged, each) for each in labels] == [("few_shot", second)] * 2, "somebody else's is still there"
    judged.execute("DELETE FROM flywheel.labels WHERE id = %s", [second])
    assert judged.one(counting, copy) == 1, "the other is gone"


def test_short_texts_are_duplicates_only_if_they_are_the_same(judged):
    (test,), (dev, other) = groups_of(judged, "test", 1), groups_of(judged, "dev", 2)
    label(judged, step(judged, test, "The capital of France is Paris"))
    assert of(judged, label(judged, step(judged, dev, "The capital of Spain is Madrid"))) == ("dev", None)
    assert of(judged, label(judged, step(judged, other, "the capital of France is Paris."))) == ("test", None)


def test_a_template_that_is_filled_in_is_not_one_text(judged):
    prompt = text(1, 300)
    for n in range(60):
        label(judged, step(judged, f"group {n}", f"{prompt} {WORDS[n]}"))
    splits = dict(judged.rows("SELECT split, count(*) FROM flywheel.labels WHERE duplicate_of IS NULL GROUP BY split"))
    assert splits.keys() == {"few_shot", "dev", "test"}
    assert min(splits.values()) >= 5
    repeat = label(judged, step(judged, "again", f"{prompt} {WORDS[50]}"))
    original = judged.one("SELECT split FROM flywheel.labels WHERE trace_group = 'group 50'")
    assert of(judged, repeat) == (original, None), "but the very same text is"


def test_near_duplicates_that_are_labelled_at_once_see_each_other(judged, another, in_thread):
    (test,), (dev,) = groups_of(judged, "test", 1), groups_of(judged, "dev", 1)
    steps = [step(judged, group, text(1)) for group in (test, dev)]
    first = another(judged, autocommit=False)
    label(first, steps[0])
    second = another(judged)
    labelling = in_thread(lambda: label(second, steps[1]))
    judged.wait_until("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                      "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")  # fmt: skip
    first.conn.commit()
    labelling.join()
    assert judged.rows("SELECT DISTINCT split, duplicate_of FROM flywheel.labels") == [("test", None)]


def test_shares_can_be_set_for_new_groups(judged):
    (old,) = groups_of(judged, "dev", 1)
    label(judged, step(judged, old, text(0)))
    judged.execute("SELECT flywheel.set_split_shares(1, 0, 0)")
    for n in range(1, 6):
        label(judged, step(judged, f"new {n}", text(n)))
    label(judged, step(judged, old, text(9)))
    assert judged.rows("SELECT split, count(*) FROM flywheel.labels GROUP BY 1 ORDER BY 1") == [
        ("dev", 2),
        ("few_shot", 5),
    ]
    judged.execute("SELECT flywheel.set_split_shares(0.5, 0.2, 0.3)")
    for bad in ("0.5, 0.5, 0.5", "-1, 1, 1", "'NaN', 0, 1", "NULL, 0, 1"):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="bad shares"):
            judged.execute(f"SELECT flywheel.set_split_shares({bad})")
    assert judged.one("SELECT (few_shot, dev, test)::text FROM flywheel.split_shares") == "(0.5,0.2,0.3)"
