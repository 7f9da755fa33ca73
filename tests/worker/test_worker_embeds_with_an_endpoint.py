"""Embeddings by an OpenAI-compatible endpoint: in batches, a text's trouble its own, nothing lost."""

import pytest
from pg_flywheel.embedding import embed
from pg_flywheel.standin import Fault

FAST = "from pg_flywheel import embedder; embedder.MODEL_RETRY_S = 0.1"
EMBEDDED = "SELECT count(embedding) FROM flywheel.embeddings WHERE model = 'small'"
SERVING = "SELECT flywheel.serving_embedding_model()"
PROBLEM = "SELECT problem FROM flywheel.index_health WHERE model = 'small'"
BROKEN = Fault("status", status=500)


@pytest.fixture
def asked(flow, provider):
    """Every step is embedded, by the provider's model."""
    flow.set_provider(provider.base_url)
    flow.value("SELECT flywheel.set_embedded('default', true)")
    flow.value("SELECT flywheel.set_embedding_model('small', 'default', 'embed-small', 256)")
    return flow


def failing(provider, fault, when):
    provider.embed = lambda text: fault if when in text else embed(text)


def errors(flow) -> list[str]:
    rows = flow.db.execute(
        "SELECT error FROM flywheel.embeddings WHERE model = 'small' AND error IS NOT NULL ORDER BY 1"
    )
    return [error for (error,) in rows]


def test_steps_are_embedded_in_batches_and_then_the_model_serves(asked, provider, run_once):
    asked.insert(100, "order")
    run_once(asked.dsn)
    assert (asked.value(EMBEDDED), asked.value(SERVING)) == (100, "small")
    assert len(provider.embedded) < 10
    request = provider.embedded[0]
    assert (request["model"], request["dimensions"]) == ("embed-small", 256)
    query = "SELECT input FROM flywheel.nearest_steps(%s, 1) JOIN flywheel.traces t ON t.id = step_id"
    assert asked.value(query, str(embed("order 42"))) == "order 42"


def test_a_new_label_is_retrievable_while_a_worker_runs(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url)
    worker = start_worker(flow.dsn)
    (step,) = flow.insert(1, "order")
    flow.value(
        "INSERT INTO flywheel.labels (step_id, validator, passed) VALUES (%s, 'helpful', true) RETURNING 1", step
    )
    nearest = "SELECT step_id FROM flywheel.nearest_steps(flywheel.embed_query('order'), 1)"
    wait_for(lambda: flow.value(nearest) == step)
    assert worker.stop() == 0


def test_no_transaction_is_open_while_the_provider_is_asked(asked, provider, start_worker, wait_for):
    asked.insert(3)
    provider.hold()
    worker = start_worker(asked.dsn)
    wait_for(lambda: asked.leased("flywheel_embed_small") == 3)
    idle = (
        "SELECT bool_and(state = 'idle') FROM pg_stat_activity "
        "WHERE application_name = 'flywheel worker' AND query ~ 'claim_embeddings'"
    )
    wait_for(lambda: asked.value(idle))
    provider.release()
    wait_for(lambda: asked.value(EMBEDDED) == 3)
    assert worker.stop() == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", status=400, body='{"error": {"message": "too long"}}'), "HTTP 400: too long"),
        ([float("nan")] * 256, "the reply holds an embedding of zeros, NaN or infinity"),
        ([0.0] * 256, "the reply holds an embedding of zeros, NaN or infinity"),
        ([1e39] * 256, "the reply holds an embedding of zeros, NaN or infinity"),
        ([1e-50] * 256, "the reply holds an embedding of zeros, NaN or infinity"),
        ([10**400] * 256, "the reply holds an embedding of zeros, NaN or infinity"),
    ],
)
def test_a_text_that_the_model_does_not_take_is_its_own_trouble(asked, provider, run_once, fault, error):
    failing(provider, fault, "poison")
    asked.insert(10, "order")
    asked.insert(1, "poison")
    asked.insert(1, " ")
    asked.db.execute("UPDATE flywheel.traces SET input = ' ' WHERE input LIKE '  %'")
    run_once(asked.dsn)
    assert (asked.value(EMBEDDED), errors(asked)) == (10, sorted([error, "the input is empty"]))
    assert (asked.value(SERVING), asked.value(PROBLEM)) == ("small", None)


def test_a_text_that_breaks_the_provider_is_told_from_an_outage(asked, provider, start_worker, wait_for):
    failing(provider, BROKEN, "poison")
    asked.insert(10, "order")
    asked.insert(1, "poison")
    worker = start_worker(asked.dsn, constants="from pg_flywheel import embedder; embedder.MAX_ATTEMPTS = 2")
    wait_for(lambda: asked.value(EMBEDDED) == 10)
    wait_for(lambda: errors(asked))
    assert errors(asked)[0].startswith("HTTP 500")
    assert worker.stop() == 0


def test_an_outage_costs_no_step_anything(asked, provider, start_worker, wait_for):
    provider.embed = lambda text: BROKEN
    asked.insert(50, "order")
    worker = start_worker(asked.dsn)
    wait_for(lambda: (asked.value(PROBLEM) or "").startswith("HTTP 500"))
    assert asked.value("SELECT paused_until IS NOT NULL FROM flywheel.provider_state")
    provider.embed = embed
    wait_for(lambda: asked.hurry() or asked.value(EMBEDDED) == 50)
    wait_for(lambda: asked.value(SERVING) == "small")
    assert (errors(asked), asked.value(PROBLEM)) == ([], None)
    assert asked.value("SELECT failures FROM flywheel.provider_state") == 0
    assert worker.stop() == 0


@pytest.mark.parametrize("status", [500, 503])
def test_judges_go_on_while_their_provider_gives_no_embeddings(asked, provider, start_worker, wait_for, status):
    provider.embed = lambda text: Fault("status", status=status)
    asked.add_judge(provider.base_url)
    asked.insert(1)
    worker = start_worker(asked.dsn, constants=FAST)
    wait_for(lambda: (asked.value(PROBLEM) or "").startswith(f"HTTP {status}"))
    asked.insert(100)
    wait_for(lambda: asked.verdicts() == 101)
    assert asked.value("SELECT failures FROM flywheel.provider_state") == 0
    provider.embed = embed
    wait_for(lambda: asked.value(EMBEDDED) == 101)
    assert (errors(asked), asked.value(PROBLEM)) == ([], None)
    assert worker.stop() == 0


def test_the_wrong_dimensions_are_named_and_the_old_model_serves_on(asked, provider, start_worker, wait_for):
    provider.embed = lambda text: embed(text)[:64]
    asked.insert(5, "order")
    worker = start_worker(asked.dsn, constants=FAST)
    wait_for(lambda: "64 dimensions, expected 256" in (asked.value(PROBLEM) or ""))
    assert (asked.value(SERVING), asked.value(EMBEDDED), errors(asked)) == ("ngrams", 0, [])
    asked.value("SELECT flywheel.set_embedding_model('smaller', 'default', 'embed-small', 64)")
    wait_for(lambda: asked.value(SERVING) == "smaller")
    assert worker.stop() == 0


@pytest.mark.parametrize("served", [Fault("status", status=400), [0.0] * 256])
def test_a_model_that_takes_no_text_at_all_costs_no_step_anything(asked, provider, run_once, served):
    provider.embed = lambda text: served
    asked.insert(5, "order")
    run_once(asked.dsn)
    assert (asked.value(SERVING), errors(asked)) == ("ngrams", [])
    assert asked.value(PROBLEM)


def test_a_model_that_cannot_be_used_is_not_asked_for_the_whole_backlog(asked, provider, run_once):
    provider.embed = lambda text: embed(text)[:64]
    asked.insert(300, "order")
    run_once(asked.dsn)
    assert len(provider.embedded) == 1
    assert asked.leased("flywheel_embed_small") == 32


def test_a_model_that_takes_no_dimensions_is_asked_without(asked, provider, run_once):
    refusal = Fault("status", status=400, body='{"error": {"message": "This model does not support dimensions."}}')
    provider.faults.append(refusal)
    asked.insert(5, "order")
    run_once(asked.dsn)
    assert (asked.value(EMBEDDED), errors(asked)) == (5, [])
    assert "dimensions" not in provider.embedded[-1]


def test_a_worker_that_is_killed_loses_nothing(asked, provider, start_worker, run_once, wait_for):
    asked.insert(5, "order")
    provider.hold()
    worker = start_worker(asked.dsn)
    wait_for(lambda: asked.leased("flywheel_embed_small") == 5)
    worker.kill()
    provider.release()
    asked.expire_leases("flywheel_embed_small")
    run_once(asked.dsn)
    assert asked.value(EMBEDDED) == 5


def test_two_workers_share_the_queue(asked, provider, start_worker, wait_for):
    provider.latency_s = 0.05
    asked.insert(300, "order")
    workers = [start_worker(asked.dsn), start_worker(asked.dsn)]
    wait_for(lambda: asked.value(EMBEDDED) == 300)
    wait_for(lambda: asked.value(SERVING) == "small")
    assert [worker.stop() for worker in workers] == [0, 0]


def test_a_key_that_is_missing_is_said_where_people_look(flow, provider, start_worker, wait_for):
    flow.set_provider(provider.base_url, api_key_env="NO_SUCH_KEY")
    flow.value("SELECT flywheel.set_embedding_model('small', 'default', 'embed-small', 256)")
    worker = start_worker(flow.dsn)
    wait_for(lambda: "NO_SUCH_KEY" in (flow.value("SELECT paused_reason FROM flywheel.provider_state") or ""))
    worker.stop()
