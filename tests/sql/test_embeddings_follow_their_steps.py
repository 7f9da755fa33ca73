"""Labelled and fixed steps, and pipelines on request, have an embedding of their present input. Others have none."""

import pytest


@pytest.fixture
def judged(fw):
    fw.judge("polite")
    return fw


def label(fw, *steps, rater="anna"):
    for step in steps:
        fw.execute(
            "INSERT INTO flywheel.labels (step_id, validator, passed, rater) VALUES (%s, 'polite', true, %s)",
            (step, rater),
        )


def fix(fw, step):
    fw.execute("INSERT INTO flywheel.fixes (step_id, corrected_output, pipeline, trace_group) "
               "VALUES (%s, 'Better.', 'default', 'g')", (step,))  # fmt: skip


def embedded(fw) -> list[int]:
    rows = fw.rows("SELECT step_id FROM flywheel.embeddings WHERE embedding IS NOT NULL ORDER BY 1")
    return [step for (step,) in rows]


def nearest(fw, query, k=3) -> list[int]:
    rows = fw.rows("SELECT step_id FROM flywheel.nearest_steps(flywheel.embed_query(%s), %s)", query, k)
    return [step for (step,) in rows]


def question(fw, input, **columns) -> int:
    return fw.insert("An answer.", input=input, **columns)[0]


def test_a_label_and_a_fix_make_a_step_retrievable(judged):
    order, refund, _, poem = (question(judged, i) for i in ("Where is my order?", "A refund, please", "Hi", "A poem!"))
    label(judged, order, refund)
    label(judged, order, rater="ben")
    fix(judged, poem)
    judged.drain()
    assert embedded(judged) == [order, refund, poem]
    assert nearest(judged, "my order", 1) == [order]
    assert nearest(judged, "write poems", 1) == [poem]
    assert set(nearest(judged, "a", 10)) == {order, refund, poem}
    assert judged.messages("flywheel_embed_ngrams") == 0


def test_an_embedding_is_removed_with_the_last_label(judged):
    first, second = question(judged, "One question"), question(judged, "Another question")
    label(judged, first, second)
    judged.drain()
    judged.execute("DELETE FROM flywheel.labels WHERE step_id = %s", (first,))
    judged.one("SELECT flywheel.tend_embeddings()")
    assert embedded(judged) == [second]


def test_a_pipeline_may_have_all_of_its_steps_embedded(judged):
    old = question(judged, "Before", pipeline="support")
    other = question(judged, "Elsewhere", pipeline="sales")
    judged.one("SELECT flywheel.set_embedded('support', true)")
    judged.drain()
    assert embedded(judged) == [old]
    new = question(judged, "After", pipeline="support")
    judged.drain()
    assert embedded(judged) == [old, new]
    label(judged, new, other)
    judged.one("SELECT flywheel.set_embedded('support', false)")
    judged.drain()
    assert embedded(judged) == [other, new]


def test_steps_that_no_trigger_saw_are_found(judged):
    judged.one("SELECT flywheel.set_embedded('support', true)")
    judged.drain()
    judged.execute("SET session_replication_role = replica")
    step = question(judged, "Replicated", pipeline="support")
    judged.execute("RESET session_replication_role")
    judged.one("SELECT flywheel.tend_embeddings_soon()")
    judged.drain()
    assert embedded(judged) == [step]


def test_a_changed_input_loses_its_embedding_at_once_and_gets_a_new_one(judged):
    step, other = question(judged, "Where is my order?"), question(judged, "Where is my parcel?")
    label(judged, step, other)
    judged.drain()
    judged.execute("UPDATE flywheel.traces SET output = 'changed'")
    assert embedded(judged) == [step, other]
    judged.execute("UPDATE flywheel.traces SET input = 'A poem' WHERE id = %s", (step,))
    assert embedded(judged) == [other]
    judged.drain()
    assert nearest(judged, "a poem", 1) == [step]


def test_a_change_that_commits_while_its_step_is_being_embedded_wins(judged):
    step = question(judged, "Where is my order?")
    label(judged, step)
    claim = (
        "SELECT jsonb_agg(to_jsonb(c) || jsonb_build_object('embedding', flywheel.embed(c.input)::real[]))::text "
        "FROM flywheel.claim_embeddings('ngrams', 10, 60) c"
    )
    claimed = judged.one(claim)
    judged.execute("UPDATE flywheel.traces SET input = 'A poem' WHERE id = %s", (step,))
    assert judged.one("SELECT flywheel.store_embeddings('ngrams', %s)", claimed) == 0
    assert embedded(judged) == []
    judged.drain()
    assert nearest(judged, "poem", 1) == [step]


def test_deleted_truncated_and_expired_steps_take_their_embeddings_along(judged):
    judged.one("SELECT flywheel.set_embedded('support', true)")
    steps = [question(judged, f"Question {i}", pipeline="support") for i in range(4)]
    old = question(judged, "Old", pipeline="support", created_at="2020-01-01")
    judged.drain()
    assert embedded(judged) == [*steps, old]
    judged.execute("DELETE FROM flywheel.traces WHERE id = %s", (steps[0],))
    assert embedded(judged) == [*steps[1:], old]
    judged.one("SELECT flywheel.set_retention('90 days')")
    judged.drain()
    assert embedded(judged) == steps[1:]
    judged.execute("TRUNCATE flywheel.traces")
    assert embedded(judged) == []


@pytest.mark.parametrize("input", [None, "", " \n", "?!"])
def test_what_cannot_be_embedded_says_so_and_is_not_found(judged, input):
    step, order = question(judged, input), question(judged, "Where is my order?")
    label(judged, step, order)
    judged.drain()
    assert nearest(judged, "order") == [order]
    error = judged.one("SELECT error FROM flywheel.embeddings WHERE step_id = %s", step)
    assert error == "the input has no letters or digits"
    judged.one("SELECT flywheel.tend_embeddings()")
    assert judged.messages("flywheel_embed_ngrams") == 0
    assert judged.one("SELECT wanted, embedded, failed FROM flywheel.index_health") == (2, 1, 1)


def test_embedding_that_fails_stops_no_verdict(judged):
    judged.validator("short")
    (step,) = judged.insert("ok", input="Where is my order?")
    label(judged, step)
    judged.execute("ALTER TABLE flywheel.embeddings ADD CONSTRAINT never CHECK (false)")
    judged.drain()
    assert judged.verdicts("short")[step][1:] == ["ok", True]
    problem = judged.one("SELECT problem FROM flywheel.maintenance WHERE task = 'embeddings'")
    assert problem.startswith("embedding failed: new row")
    judged.execute("ALTER TABLE flywheel.embeddings DROP CONSTRAINT never")
    judged.drain()
    assert embedded(judged) == [step]


def test_the_drain_embeds_as_the_worker_role(judged):
    step = question(judged, "Where is my order?")
    label(judged, step)
    judged.execute("SET ROLE flywheel_worker")
    judged.drain()
    judged.execute("RESET ROLE")
    assert embedded(judged) == [step]


def test_reviewers_search_and_see_the_steps_of_their_teams_only(judged, member_of):
    mine, theirs = question(judged, "My order", pipeline="mine"), question(judged, "Their order", pipeline="theirs")
    label(judged, mine, theirs)
    judged.drain()
    search = "SELECT step_id FROM flywheel.nearest_steps(flywheel.embed_query('order')) ORDER BY 1"
    reviewer = member_of("reviewer", teams=["team_mine"])
    assert reviewer.execute(search).fetchall() == [(mine,), (theirs,)]
    judged.execute("INSERT INTO flywheel.team_pipelines VALUES ('team_mine', 'mine')")
    assert reviewer.execute(search).fetchall() == [(mine,)]


def test_readers_of_dashboards_see_health_and_no_vectors(judged, member_of):
    reader = member_of("reader")
    health = reader.execute("SELECT model, serving, problem FROM flywheel.index_health").fetchall()
    assert health == [("ngrams", True, None)]
    with pytest.raises(Exception, match="permission denied"):
        reader.execute("SELECT FROM flywheel.embeddings")
