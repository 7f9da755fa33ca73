"""flywheel.few_shot(): similarity, age, disagreement, diversity, both answers, the nearest last."""

import psycopg
import pytest


@pytest.fixture
def examples(fw):
    """Adds an approved label of the few_shot split to judge "helpful"; the label's id."""
    fw.judge("helpful")
    groups = iter(
        group
        for (group,) in fw.rows(
            "SELECT 'g' || n FROM generate_series(1, 1000) n WHERE flywheel.split_of('g' || n) = 'few_shot'"
        )
    )

    def add(text, passed=True, age="0", approve=True, group=None, **columns):
        step = fw.insert(f"answer to {text}", input=text, trace_id=group or next(groups), **columns)[0]
        label = fw.one("INSERT INTO flywheel.labels (step_id, validator, passed, critique) "
                       "VALUES (%s, 'helpful', %s, 'Because.') RETURNING id", step, passed)  # fmt: skip
        fw.execute("UPDATE flywheel.labels SET created_at = now() - %s::interval WHERE id = %s", [age, label])
        if approve:
            fw.execute("UPDATE flywheel.labels SET example_approved_by = 'me', example_approved_at = now() "
                       "WHERE id = %s", [label])  # fmt: skip
        fw.drain()
        return label

    return add


def few_shot(fw, query, *more, **options):
    """Ids of the labels, in order."""
    names = "".join(f", {name} => %s" for name in options)
    call = f"SELECT label_id FROM flywheel.few_shot('helpful', %s{', %s' * len(more)}{names})"
    return [label for (label,) in fw.rows(call, query, *more, *options.values())]


def test_examples_say_what_a_prompt_needs(fw, examples):
    label = examples("Where is my order?", False)
    assert fw.rows("SELECT label_id, step_id, input, output, passed, critique, round(similarity::numeric, 3) "
                   "FROM flywheel.few_shot('helpful', 'Where is my order?')") == [
        (label, 1, "Where is my order?", "answer to Where is my order?", False, "Because.", 1)]  # fmt: skip


def test_the_nearest_is_chosen_and_comes_last(fw, examples):
    far = examples("Please cancel the subscription of my newspaper.")
    near = examples("Where is my order?")
    middle = examples("Where is the nearest shop, in what order do they open?")
    assert few_shot(fw, "Where is my order now?", 2, diversity=0) == [middle, near]
    assert few_shot(fw, "Where is my order now?", 3) == [far, middle, near]


def test_an_old_example_counts_less(fw, examples):
    old, new = examples("Where is my order?", age="1 year"), examples("Where is my parcel?", age="1 day")
    ask = "Where is my order?", 1
    assert few_shot(fw, *ask) == [new]
    assert few_shot(fw, *ask, half_life="100 years") == few_shot(fw, *ask, half_life=None) == [old]
    assert few_shot(fw, *ask, half_life="1 second"), "however old they are"


def test_where_the_judge_was_wrong_it_learns(fw, examples):
    right, wrong = examples("Where is my order 1?"), examples("Where is my order 2?")
    ask = "Where is my order?", 1
    fw.record(fw.claim(), passed=True)
    fw.execute("UPDATE flywheel.verdicts SET passed = false WHERE step_id = 1")
    assert few_shot(fw, *ask) == [right]
    fw.execute("UPDATE flywheel.verdicts SET passed = step_id = 1")
    assert few_shot(fw, *ask) == [wrong]


def test_both_answers_are_shown(fw, examples):
    passing = [examples(f"Where is my order {n}?") for n in range(6)]
    failing = examples("Something else altogether, about the weather.", False)
    chosen = few_shot(fw, "Where is my order 9?", 4)
    assert failing in chosen and len(set(chosen) & set(passing)) == 3


def test_both_answers_are_shown_where_one_is_rare(fw, examples):
    """Rarer than the candidates that are looked at first."""
    for n in range(3):
        examples(f"About the weather in the town of {n}.", False)
    fw.execute("INSERT INTO flywheel.traces (trace_id, input, output) "
               "SELECT 'h' || n, 'Where is my order ' || n || '?', '' FROM generate_series(1, 2000) n "
               "WHERE flywheel.split_of('h' || n) = 'few_shot'")  # fmt: skip
    fw.execute("INSERT INTO flywheel.labels (step_id, validator, passed) "
               "SELECT id, 'helpful', true FROM flywheel.traces WHERE id > 3")  # fmt: skip
    fw.execute("UPDATE flywheel.labels SET example_approved_by = 'me', example_approved_at = now()")
    fw.drain()
    fw.wait_until("SELECT count(*) > 300 FROM flywheel.embeddings")
    answers = fw.rows("SELECT passed FROM flywheel.few_shot('helpful', 'Where is my order 9?', 4)")
    assert sorted(passed for (passed,) in answers) == [False, False, True, True]


def test_examples_differ_from_each_other(fw, examples):
    twins = [examples(f"Where is my order number {n}?") for n in (1, 2, 3)]
    other = examples("Where is my refund, and when will it arrive?")
    ask = "Where is my order number 4?", 2
    assert other in few_shot(fw, *ask, diversity=0.6)
    assert set(few_shot(fw, *ask, diversity=0)) < set(twins)


def test_a_step_is_shown_once(fw, examples):
    first = examples("Where is my order?")
    fw.execute("INSERT INTO flywheel.labels (step_id, validator, passed, rater, created_at) "
               "VALUES (1, 'helpful', true, 'bob', now() + interval '1 hour')")  # fmt: skip
    fw.execute("UPDATE flywheel.labels SET example_approved_by = 'me', example_approved_at = now()")
    assert few_shot(fw, "Where is my order?") == [first + 1]


def test_a_vector_serves_as_the_query(fw, examples):
    label = examples("Where is my order?")
    call = "SELECT label_id FROM flywheel.few_shot('helpful', NULL, query_embedding => flywheel.embed('my order'))"
    assert fw.one(call) == label


def test_the_session_keeps_its_settings(fw, examples):
    examples("Where is my order?")
    fw.execute("SET hnsw.ef_search = 77")
    with fw.conn.transaction():
        few_shot(fw, "order")
        assert fw.one("SHOW hnsw.ef_search") == "77"


@pytest.mark.parametrize("query", ["", " ", "...", None])
def test_an_empty_query_gets_an_empty_answer(fw, examples, query):
    examples("Where is my order?")
    assert few_shot(fw, query) == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"k": -1}, "bad k: -1"),
        ({"k": None}, "bad k: NULL"),
        ({"half_life": "-1 day"}, "bad half_life"),
        ({"diversity": -0.1}, "bad diversity: -0.1"),
        ({"query_embedding": "[1,2]"}, "2 dimensions, expected 256"),
        ({"query_embedding": "[NaN,2]"}, "NaN"),
    ],
)
def test_what_cannot_be_served_is_said(fw, options, error):
    fw.judge("helpful")
    with pytest.raises(psycopg.Error, match=error):
        few_shot(fw, "order", **options)


def test_k_zero_and_no_examples_are_empty_answers(fw, examples):
    assert few_shot(fw, "order") == []
    examples("Where is my order?")
    assert few_shot(fw, "order", 0) == []


def test_an_unknown_validator_is_named(fw):
    with pytest.raises(psycopg.errors.UndefinedObject, match="validator helpfull does not exist"):
        fw.rows("SELECT * FROM flywheel.few_shot('helpfull', 'order')")


def test_an_embedding_model_that_sql_cannot_ask_needs_a_vector(fw, examples):
    old, new = examples("Where is my order?", age="1 day"), examples("What is the weather like?")
    fw.judge("helpful", few_shot=1)
    fw.execute("SELECT flywheel.set_embedding_model('small', 'default', 'a-model', 3)")
    fw.execute("UPDATE flywheel.embedding_models SET ready_at = now() WHERE name = 'small'")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="which SQL cannot ask"):
        few_shot(fw, "order")
    fw.execute("INSERT INTO flywheel.embeddings (step_id, model, embedding, content) "
               "SELECT id, 'small', CASE id WHEN 1 THEN '[1,0,0]' ELSE '[0,1,0]' END::vector, "
               "flywheel.embedded_content(input) FROM flywheel.traces")  # fmt: skip
    assert few_shot(fw, None, 1, query_embedding="[1,0.1,0]") == [old]

    fw.insert("x", input="order")  # nobody has embedded it: its judge is shown the newest
    fw.drain()
    assert [[e["id"] for e in job["examples"]] for job in fw.claim() if job["step_id"] == 3] == [[new]]


def test_an_empty_input_still_minds_age_disagreement_and_likeness(fw, examples):
    """A step with an empty input: its judge is shown what is new, what it got wrong, and not the same twice."""
    wrong = examples("Please cancel the subscription of my newspaper.", age="2 hours")
    examples("Where is my order 1?", age="1 hour")
    newest = examples("Where is my order 2?")
    fw.judge("helpful", few_shot=2)
    fw.execute("SELECT flywheel.backfill('helpful')")
    fw.drain()
    fw.record(fw.claim(), passed=True)
    fw.execute("UPDATE flywheel.verdicts SET passed = false WHERE step_id = 1")
    step = fw.insert("x", input="")[0]
    fw.drain()
    (shown,) = [job["examples"] for job in fw.claim() if job["step_id"] == step]
    assert {example["id"] for example in shown} == {wrong, newest}


def test_examples_are_found_behind_many_others_that_are_nearer(fw):
    """Other steps are embedded, too: the index gives up after so many of them."""
    fw.execute("INSERT INTO flywheel.traces (trace_id, pipeline, input) SELECT 'g' || n, 'p', 'About gardens ' || n "
               "FROM generate_series(1, 1001) n UNION ALL SELECT 'o' || n, 'p', 'Where is my order ' || n || '?' "
               "FROM generate_series(1, 300) n")  # fmt: skip
    fw.execute("INSERT INTO flywheel.fixes (step_id, corrected_output) SELECT id, 'x' FROM flywheel.traces "
               "WHERE trace_id LIKE 'g%'")  # fmt: skip
    fw.execute("UPDATE flywheel.fixes SET approved_by = 'me', approved_at = now(), approved_content = "
               "flywheel.embedded_content('About gardens ' || step_id)")  # fmt: skip
    fw.execute("SELECT flywheel.set_embedded('p')")
    fw.drain()
    fw.wait_until("SELECT count(*) = 1301 FROM flywheel.embeddings")
    fw.execute("SET hnsw.max_scan_tuples = 1")
    fw.execute("SET enable_sort = off")  # so few are sorted, else
    ask = "SELECT count(DISTINCT fix_id), count(*) FROM flywheel.demonstrations('p', NULL, %s, 50)"
    assert fw.one(ask, "Where is my order?") == (50, 50)
