"""What the application's own prompts are given at run time: one call, from any language."""

import psycopg
import pytest

CALL = "SELECT step_id, fix_id, input, output, what_went_wrong, why FROM flywheel.demonstrations"


def fixed(fw, text, output="Fixed.", approve=True, age="0", **columns):
    """A step with a fix, embedded; the fix's id."""
    columns = {"pipeline": "support", "node": "answer", "input": text, **columns}
    step = fw.insert(f"bad answer to {text}", **columns)[0]
    fix = fw.one("INSERT INTO flywheel.fixes (step_id, corrected_output, what_went_wrong, why, created_at) "
                 "VALUES (%s, %s, 'Wrong.', 'Old prompt.', now() - %s::interval) RETURNING id",
                 step, output, age)  # fmt: skip
    if approve:
        fw.execute("SELECT flywheel.approve_fix(%s)", [fix])
    fw.drain()
    return fix


def demonstrations(fw, query, *more, **options):
    """Ids of the fixes, in order."""
    names = "".join(f", {name} => %s" for name in options)
    return [
        fix
        for _, fix, *_ in fw.rows(
            f"{CALL}('support', 'answer', %s{', %s' * len(more)}{names})", query, *more, *options.values()
        )
    ]


def test_the_most_similar_fixed_step_comes_last(fw):
    order = fixed(fw, "Where is my order?", "It ships tomorrow.")
    refund = fixed(fw, "I want my money back for the broken lamp.")
    fixed(fw, "Completely different words about gardening in autumn.")
    assert fw.rows(f"{CALL}('support', 'answer', 'Where is my order now?', 1)") == [
        (1, order, "Where is my order?", "It ships tomorrow.", "Wrong.", "Old prompt.")
    ]
    assert demonstrations(fw, "my money back for my lamp", 2)[-1] == refund
    assert len(demonstrations(fw, "Where is my order now?", 100)) == 3


def test_the_application_asks_in_one_call(fw, member_of):
    fix = fixed(fw, "Where is my order?")
    writer = member_of("writer")
    assert [row[1] for row in writer.execute(f"{CALL}('support', 'answer', 'my order')")] == [fix]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("TABLE flywheel.fixes")


def test_what_nobody_approved_is_not_served(fw):
    canary = fixed(fw, "Where is my order?", "CANARY", approve=False)
    withdrawn = fixed(fw, "Where is my order now?")
    fw.execute("SELECT flywheel.approve_fix(%s, withdraw => true)", [withdrawn])
    for strategy in ("similar_fixed", "similar_and_fix", "recent", "diverse"):
        assert demonstrations(fw, "Where is my order?", 100, strategy) == []
    fw.execute("SELECT flywheel.approve_fix(%s)", [canary])
    assert demonstrations(fw, "Where is my order?") == [canary]


def test_a_step_that_changed_after_the_approval_is_not_served(fw):
    fix = fixed(fw, "Where is my order?")
    fw.execute("UPDATE flywheel.traces SET input = 'Where is my order? CANARY'")
    assert demonstrations(fw, "Where is my order?") == []
    fw.drain()
    assert demonstrations(fw, "Where is my order?") == []
    fw.execute("SELECT flywheel.approve_fix(%s)", [fix])
    assert demonstrations(fw, "Where is my order?") == [fix]


def test_only_the_pipeline_and_node_that_are_asked_for(fw):
    mine = fixed(fw, "Where is my order?")
    other = fixed(fw, "Where is my order?", node="plan")
    fixed(fw, "Where is my order?", pipeline="sales")
    assert demonstrations(fw, "order") == [mine]
    assert {row[1] for row in fw.rows(f"{CALL}('support', NULL, 'order')")} == {mine, other}
    assert fw.rows(f"{CALL}('nothing', NULL, 'order')") == []


def test_the_own_group_is_left_out(fw):
    own, other = fixed(fw, "Where is my order?", session_id="s"), fixed(fw, "My order, where is it?", session_id="t")
    assert demonstrations(fw, "Where is my order?", exclude_group="s") == [other]
    assert demonstrations(fw, "Where is my order?") == [other, own]


def test_recent_fixes_are_preferred_where_asked_for(fw):
    old = fixed(fw, "Where is my order?", age="1 year")
    new = fixed(fw, "Where is my parcel?", age="1 day")
    ask = "Where is my order?", 1
    assert demonstrations(fw, *ask) == [old]
    assert demonstrations(fw, *ask, "recent") == [new]
    assert demonstrations(fw, *ask, "recent", half_life="100 years") == [old]
    assert demonstrations(fw, *ask, "recent", half_life=None) == [old]


def test_diverse_fixes_differ_from_each_other(fw):
    twins = [fixed(fw, f"Where is my order number {n}?") for n in (1, 2, 3)]
    other = fixed(fw, "Where is my refund, and when will it arrive?")
    ask = "Where is my order number 4?", 2
    assert set(demonstrations(fw, *ask)) < set(twins)
    assert other in demonstrations(fw, *ask, "diverse", diversity=0.6)
    assert set(demonstrations(fw, *ask, "diverse", diversity=0)) < set(twins)


def test_the_most_similar_step_stands_beside_the_most_similar_fix(fw):
    fw.judge("helpful")
    fix = fixed(fw, "Where is my order?")
    fixed(fw, "When will my order come?")
    group = fw.one("SELECT min('g' || n) FROM generate_series(1, 100) n WHERE flywheel.split_of('g' || n) = 'few_shot'")
    good, bad = fw.insert(
        "It is on its way.", "No idea.", pipeline="support", node="answer", input="Where's my order?", trace_id=group
    )
    fw.execute("INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (%s, 'helpful', true), "
               "(%s, 'helpful', false)", [good, bad])  # fmt: skip
    ask = f"{CALL}('support', 'answer', 'Where is my order?', 2, 'similar_and_fix')"
    fw.drain()
    assert all(row[1] for row in fw.rows(ask)), "nobody approved the label"
    fw.execute("UPDATE flywheel.labels SET example_approved_by = 'me', example_approved_at = now()")
    rows = fw.rows(ask)
    assert {(step, fixed) for step, fixed, *_ in rows} == {(good, None), (1, fix)}
    assert "It is on its way." in {row[3] for row in rows}


def test_an_output_that_somebody_failed_or_fixed_is_not_good_as_it_was(fw):
    fw.judge("polite")
    fw.judge("correct")
    group = fw.one("SELECT min('g' || n) FROM generate_series(1, 100) n WHERE flywheel.split_of('g' || n) = 'few_shot'")
    good, wrong, mended = fw.insert(
        "Dear Sir, soon.", "Dear Sir, never.", "Dear Sir, what order?", pipeline="support", node="answer",
        input="Where is my order?", trace_id=group,
    )  # fmt: skip
    fw.execute("INSERT INTO flywheel.fixes (step_id, corrected_output) VALUES (%s, 'Dear Sir, on Monday.')", [mended])
    fw.execute("INSERT INTO flywheel.labels (step_id, validator, passed) "
               "SELECT id, 'polite', true FROM flywheel.traces")  # fmt: skip
    fw.execute("UPDATE flywheel.labels SET example_approved_by = 'me', example_approved_at = now()")
    fw.execute("INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (%s, 'correct', false)", [wrong])
    fw.drain()
    rows = fw.rows(f"{CALL}('support', 'answer', 'Where is my order?', 5, 'similar_and_fix')")
    assert [(step, output) for step, _, _, output, *_ in rows] == [(good, "Dear Sir, soon.")]


def test_a_team_is_served_its_own_pipelines(fw, member_of):
    fix = fixed(fw, "Where is my order?")
    red = f"{fw.conn.info.dbname}_red"
    writer, admin = member_of("writer", teams=[red]), member_of("admin")
    fw.execute("INSERT INTO flywheel.team_pipelines VALUES (%s, 'sales')", [red])
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match='pipeline "support" is not of your team'):
        writer.execute(f"{CALL}('support', 'answer', 'order')")
    assert writer.execute(f"{CALL}('sales', 'answer', 'order')").fetchall() == []
    assert [row[1] for row in admin.execute(f"{CALL}('support', 'answer', 'order')")] == [fix]
    with fw.conn.transaction():
        fw.execute(f"SET LOCAL ROLE {writer.info.user}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            fw.execute(f"{CALL}('support', 'answer', 'order')")


@pytest.mark.parametrize("query", ["", "  ", "?!", None])
def test_an_empty_query_gets_an_empty_answer(fw, query):
    fixed(fw, "Where is my order?")
    assert demonstrations(fw, query) == []


def test_k_is_how_many(fw):
    for n in range(3):
        fixed(fw, f"Where is my order {n}?")
    assert [len(demonstrations(fw, "Where is my order?", k)) for k in (0, 1, 2, 3, 4)] == [0, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"k": -1}, "bad k: -1"),
        ({"k": None}, "bad k: NULL"),
        ({"k": 101}, "bad k: 101"),
        ({"strategy": "nearest"}, "bad strategy: nearest"),
        ({"strategy": None}, "bad strategy: NULL"),
        ({"half_life": "0"}, "bad half_life"),
        ({"half_life": "-1 day"}, "bad half_life"),
        ({"diversity": 2}, "bad diversity: 2"),
        ({"diversity": float("nan")}, "bad diversity: NaN"),
        ({"query_embedding": "[1,2]"}, "2 dimensions, expected 256"),
        ({"query_embedding": "[NaN,2]"}, "NaN"),
        ({"query_embedding": str([0] * 256)}, "zero"),
    ],
)
def test_what_cannot_be_served_is_said(fw, options, error):
    with pytest.raises(psycopg.Error, match=error):
        demonstrations(fw, "order", **options)
    with pytest.raises(psycopg.Error, match="which pipeline"):
        fw.rows(f"{CALL}(NULL, NULL, 'x')")


def test_hostile_names_are_only_names(fw):
    evil = "'; DROP TABLE flywheel.fixes; --%s %I %L"
    fix = fixed(fw, "Where is my order?", pipeline=evil, node=evil, session_id=evil)
    ask = f"{CALL}(%s, %s, 'order', exclude_group => %s)"
    assert [row[1] for row in fw.rows(ask, evil, evil, "another")] == [fix]
    assert fw.rows(ask, evil, evil, evil) == []
