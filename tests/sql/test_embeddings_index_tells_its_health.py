"""flywheel.index_health: what is embedded, what waits, and how well the index finds it."""

import psycopg
import pytest

HEALTH = "SELECT current, serving, wanted, embedded, failed, backlog, problem FROM flywheel.index_health"
FILL = """
    INSERT INTO flywheel.embeddings (step_id, model, embedding, content)
    SELECT g, 'ngrams', flywheel.embed(concat_ws(' ', md5(g::text), md5((g %% 97)::text), md5((g %% 11)::text))), 0
    FROM generate_series(%s::int, %s::int) g
"""


def test_what_waits_and_what_is_done(fw):
    assert fw.one(HEALTH) == (True, True, None, None, None, 0, None)
    fw.one("SELECT flywheel.set_embedded('default', true)")
    fw.insert("a", "b", input="Where is my order?")
    fw.one("SELECT flywheel.tend_embeddings()")
    fw.one("SELECT flywheel.measure_queues()")
    assert fw.one(HEALTH) == (True, True, 2, 0, 0, 2, None)
    assert fw.one("SELECT oldest_seconds >= 0 FROM flywheel.index_health")
    fw.drain()
    fw.one("SELECT flywheel.tend_embeddings()")
    fw.one("SELECT flywheel.measure_queues()")
    assert fw.one(HEALTH) == (True, True, 2, 2, 0, 0, None)


def test_recall_is_measured_against_exact_search_and_kept(fw):
    assert fw.one("SELECT flywheel.index_recall()") is None
    fw.execute(FILL, (1, 2000))
    fw.execute("SET enable_sort = off")  # of 2,000, which is as fast
    recall = fw.one("SELECT flywheel.index_recall(sample => 30)")
    assert 0.9 <= recall <= 1
    assert fw.one("SELECT recall, recall_of, recall_at IS NOT NULL FROM flywheel.index_health") == (recall, 30, True)
    # Deleted rows are neither found nor in the way.
    fw.execute("DELETE FROM flywheel.embeddings WHERE step_id % 3 = 0")
    found = fw.rows("SELECT step_id FROM flywheel.nearest_steps(flywheel.embed_query('a b c'), 50)")
    assert len(found) == 50 and all(step % 3 for (step,) in found)
    assert fw.one("SELECT flywheel.index_recall(sample => 30)") >= 0.9
    assert fw.one("SHOW hnsw.ef_search") == "40"


def test_the_index_is_used(fw):
    fw.execute(FILL, (1, 2000))
    fw.execute("SET enable_sort = off")  # of 2,000, which is as fast
    used = "SELECT idx_scan FROM pg_stat_all_indexes WHERE indexrelname = 'embeddings_ngrams_hnsw'"
    before = fw.one(used)
    fw.one("SELECT count(*) FROM flywheel.nearest_steps(flywheel.embed_query('order'))")
    fw.wait_until(f"SELECT ({used}) > %s", before)


@pytest.mark.parametrize("sample", [0, -1, None])
def test_a_sample_of_none_is_refused(fw, sample):
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="bad sample"):
        fw.execute("SELECT flywheel.index_recall(sample => %s)", (sample,))
