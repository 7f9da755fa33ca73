"""While a provider takes its time, no transaction is open, nobody asks twice, and other work goes on."""

OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state ^@ 'idle in transaction'"


def test_no_transaction_is_open_while_a_provider_is_called(every_flow, provider, start_worker, wait_for):
    flow = every_flow
    flow.add_judge(provider.base_url)
    flow.insert(10)
    provider.hold()
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.arrived == 10)
    assert {flow.value(OPEN) for _ in range(200)} == {0}
    provider.release()
    wait_for(lambda: flow.verdicts() == 10)
    assert worker.stop() == 0


def test_a_call_longer_than_its_lease_is_not_repeated_by_another_worker(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url)
    ids = flow.insert(3)
    provider.hold()
    lease = "judging.LEASE_S = 2"
    workers = [start_worker(flow.dsn, constants=lease), start_worker(flow.dsn, constants=lease)]
    wait_for(lambda: provider.arrived == 3)
    first = flow.value("SELECT max(vt) FROM pgmq.q_flywheel_judge_default")
    # Longer than two leases, in which the other worker took steps that came later.
    wait_for(lambda: flow.value("SELECT clock_timestamp() > %s + interval '4 seconds'", first))
    assert flow.leased() == 3
    assert provider.arrived == 3
    provider.release()
    wait_for(lambda: flow.verdicts() == len(ids))
    assert [worker.stop() for worker in workers] == [0, 0]
    assert provider.arrived == 3


def test_code_verdicts_and_other_providers_do_not_wait_for_a_provider_that_hangs(
    flow, start_provider, start_worker, wait_for
):
    hanging, healthy = start_provider(), start_provider()
    hanging.hold()
    flow.add_judge(hanging.base_url, "slow", "hanging", max_in_flight=2)
    flow.add_judge(healthy.base_url, "fast", "healthy")
    flow.value("SELECT flywheel.add_validator('short', 'py:max_length', '{\"limit\": 100}')")
    worker = start_worker(flow.dsn)
    flow.insert(20)
    wait_for(lambda: hanging.arrived == 2)
    flow.insert(20, "another")
    wait_for(lambda: flow.verdicts() == 80)
    assert flow.coverage() == {"verdicts": 80, "pending": 40}
    hanging.release()
    wait_for(lambda: flow.coverage() == {"verdicts": 120})
    assert worker.stop() == 0


def test_the_outage_of_one_provider_is_not_anothers(flow, start_provider, start_worker, wait_for):
    healthy = start_provider()
    flow.add_judge("http://127.0.0.1:9/v1", "broken", "broken")
    flow.add_judge(healthy.base_url, "fine", "healthy")
    worker = start_worker(flow.dsn)
    flow.insert(20)
    wait_for(lambda: flow.verdicts() == 20)
    assert worker.stop() == 0
