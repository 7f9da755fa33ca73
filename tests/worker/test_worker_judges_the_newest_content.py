"""A step that changes while it is judged gets the verdict of its new content; a deleted one leaves nothing."""


def answer_by_output(request):
    return {"reason": "", "passed": "good" in request["messages"][-1]["content"], "score": None}


def test_a_step_updated_while_it_is_judged_is_judged_again(flow, provider, start_worker, wait_for):
    provider.answer = answer_by_output
    flow.add_judge(provider.base_url)
    changed, *_ = flow.insert(3)
    provider.hold()
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.arrived == 3)
    flow.db.execute("UPDATE flywheel.traces SET output = 'good' WHERE id = %s", (changed,))
    provider.release()
    wait_for(lambda: flow.value("SELECT passed FROM flywheel.verdicts WHERE step_id = %s", changed))
    wait_for(lambda: flow.coverage() == {"verdicts": 3})
    assert flow.verdicts("passed") == 1
    assert worker.stop() == 0


def test_a_step_deleted_while_it_is_judged_leaves_nothing(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url)
    deleted, *_ = flow.insert(3)
    provider.hold()
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.arrived == 3)
    flow.db.execute("DELETE FROM flywheel.traces WHERE id = %s", (deleted,))
    provider.release()
    wait_for(lambda: flow.coverage() == {"verdicts": 2})
    wait_for(lambda: flow.value("SELECT count(*) FROM pgmq.q_flywheel_judge_default") == 0)
    assert flow.verdicts() == 2
    assert worker.stop() == 0
