"""SIGTERM finishes or gives back what is in flight; kill -9 costs at most a repeated call."""

import signal

import pytest

pytestmark = pytest.mark.faults


def test_sigterm_finishes_what_is_in_flight_and_gives_back_the_rest(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url, max_in_flight=8)
    flow.insert(50)
    provider.hold()
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.arrived == 8)
    worker.popen.send_signal(signal.SIGTERM)
    wait_for(lambda: flow.leased() == 8)
    provider.release()
    assert worker.wait() == 0
    assert flow.verdicts("status = 'ok'") == 8
    assert flow.coverage() == {"verdicts": 8, "pending": 42}
    assert flow.value("SELECT max(read_ct) FROM pgmq.q_flywheel_judge_default") == 0
    assert provider.arrived == 8


def test_what_is_not_finished_within_the_grace_is_at_once_the_next_workers(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url)
    flow.insert(5)
    provider.hold()
    worker = start_worker(flow.dsn, constants="worker.GRACE_S = 0.2")
    wait_for(lambda: provider.arrived == 5)
    assert worker.stop() == 0
    assert flow.leased() == 0
    assert flow.value("SELECT max(read_ct) FROM pgmq.q_flywheel_judge_default") == 0
    provider.release()
    another = start_worker(flow.dsn)
    wait_for(lambda: flow.verdicts("status = 'ok'") == 5)
    assert another.stop() == 0


def test_a_killed_workers_judgements_are_made_by_the_next(every_flow, provider, start_worker, wait_for):
    flow = every_flow
    flow.add_judge(provider.base_url, max_in_flight=16)
    flow.insert(100)
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.verdicts() > 0)
    provider.hold()
    already = flow.verdicts()
    wait_for(lambda: provider.in_flight >= min(16, 100 - already))
    worker.kill()
    provider.release()
    stored = flow.verdicts()
    flow.expire_leases()

    another = start_worker(flow.dsn)
    wait_for(lambda: flow.verdicts() == 100)
    assert another.stop() == 0
    assert flow.coverage() == {"verdicts": 100}
    assert flow.statuses() == {"ok": 100}
    assert stored < 100


def test_a_step_that_outlives_no_worker_becomes_a_dead_letter(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url)
    flow.insert(1)
    provider.hold()
    for deliveries in range(1, 6):
        worker = start_worker(flow.dsn)
        wait_for(lambda n=deliveries: provider.arrived == n)
        worker.kill()
        flow.expire_leases()
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.coverage() == {"dead_letters": 1})
    assert "lost 5 times" in flow.value("SELECT error FROM flywheel.dead_letters")

    provider.release()
    assert flow.value("SELECT flywheel.redrive('helpful')") == 1
    wait_for(lambda: flow.coverage() == {"verdicts": 1})
    assert worker.stop() == 0
