"""Rate limit, calls at once, and changes of a provider while workers run."""


def test_the_rate_limit_holds_over_two_workers(flow, provider, start_worker, wait_for):
    per_second = 10
    flow.add_judge(provider.base_url, requests_per_minute=60 * per_second)
    flow.insert(60)
    workers = [start_worker(flow.dsn), start_worker(flow.dsn)]
    wait_for(lambda: flow.verdicts() == 60)
    assert [worker.stop() for worker in workers] == [0, 0]
    took = provider.arrivals[-1] - provider.arrivals[0]
    # The bucket holds one second's worth. Slower is allowed.
    assert len(provider.arrivals) <= (took + 1) * per_second * 1.1


def test_a_daily_budget_holds_over_two_workers(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url, max_in_flight=256, daily_calls=25)
    flow.value("SELECT flywheel.add_judge('other', 'Passes if polite.', 'model-2')")
    flow.value("SELECT flywheel.set_budget('other', daily_calls => 10)")
    flow.insert(100)
    workers = [start_worker(flow.dsn), start_worker(flow.dsn)]
    wait_for(lambda: flow.coverage() == {"verdicts": 25, "deferred": 175})
    assert provider.n_calls == 25
    held = "SELECT count(*) FROM flywheel.holds WHERE reason LIKE 'the daily budget of provider default%%'"
    assert flow.value(held) == 2

    flow.set_provider(provider.base_url, max_in_flight=256)
    wait_for(lambda: flow.coverage() == {"verdicts": 110, "deferred": 90})
    assert provider.n_calls == 110
    flow.value("SELECT flywheel.set_budget('other')")
    wait_for(lambda: flow.coverage() == {"verdicts": 200})
    assert [worker.stop() for worker in workers] == [0, 0]


def test_no_more_calls_at_once_than_allowed(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url, max_in_flight=5)
    flow.insert(100)
    provider.hold()
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.in_flight == 5)
    provider.latency_s = 0.01
    provider.release()
    wait_for(lambda: flow.verdicts() == 100)
    assert worker.stop() == 0
    assert provider.peak == 5


def test_a_changed_provider_and_a_new_one_are_noticed(flow, start_provider, start_worker, wait_for):
    old, new, third = start_provider(), start_provider(), start_provider()
    flow.add_judge(old.base_url)
    flow.insert(3)
    worker = start_worker(flow.dsn)
    wait_for(lambda: flow.verdicts() == 3)

    flow.set_provider(new.base_url)
    flow.add_judge(third.base_url, "second", "third")
    wait_for(lambda: flow.insert(1, f"step {flow.verdicts()}") and new.n_calls and third.n_calls)
    calls = old.n_calls
    wait_for(lambda: flow.coverage().keys() <= {"verdicts", "not_eligible"})
    flow.insert(10, "later")
    wait_for(lambda: flow.coverage().keys() <= {"verdicts", "not_eligible"})
    assert old.n_calls == calls
    assert worker.stop() == 0
