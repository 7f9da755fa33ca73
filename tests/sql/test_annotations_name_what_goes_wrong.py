"""Open codes: notes first, names for them later, then counts."""

import psycopg
import pytest


def test_notes_get_codes_and_codes_get_counted(fw, member_of):
    steps = fw.insert("a", "b", pipeline="support") + fw.insert("c", pipeline="support", session_id="s", node="answer")
    ann = member_of("reviewer")
    for step in steps:
        ann.execute("INSERT INTO flywheel.annotations (step_id, note) VALUES (%s, 'The date is made up.')", [step])
    assert fw.rows("SELECT DISTINCT code FROM flywheel.failure_modes") == [(None,)]
    ann.execute("UPDATE flywheel.annotations SET code = 'invented fact' WHERE note ~ 'made up'")
    ann.execute("INSERT INTO flywheel.annotations (step_id, note, code) VALUES (%s, 'And rude.', 'tone')", steps[:1])
    assert ann.execute("SELECT pipeline, node, code, notes, groups, share FROM flywheel.failure_modes "
                       "ORDER BY notes DESC, code").fetchall() == [
        ("support", None, "invented fact", 2, 2, 0.5), ("support", "answer", "invented fact", 1, 1, 0.25),
        ("support", None, "tone", 1, 1, 0.25)]  # fmt: skip
    assert fw.rows("SELECT DISTINCT trace_group FROM flywheel.annotations WHERE node = 'answer'") == [("s",)]


@pytest.mark.parametrize(
    ("step", "note", "error"), [(9, "x", "step 9 does not exist"), (None, "x", "NULL"), (1, " ", "note")]
)
def test_a_bad_note_is_refused(fw, step, note, error):
    fw.insert("a")
    with pytest.raises(psycopg.IntegrityError, match=error):
        fw.execute("INSERT INTO flywheel.annotations (step_id, note) VALUES (%s, %s)", [step, note])
