"""Whatever Postgres stores arrives at the provider as it was stored: INSERT, claim, prompt, HTTP, verdict."""

import json

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
contexts = st.recursive(
    st.booleans() | st.integers() | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)
)
steps = st.tuples(*[st.none() | texts] * 3, st.none() | contexts)


def test_any_text(flow, provider, start_worker, wait_for):
    flow.add_judge(provider.base_url)
    start_worker(flow.dsn)
    names = ("input", "output", "expected", "context")
    insert = "INSERT INTO flywheel.traces (input, output, expected, context) VALUES (%s, %s, %s, %s) RETURNING id"

    # Every round costs a round trip: none is spent on making a failure smaller.
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(st.lists(steps, min_size=10, max_size=30))
    def survive(chosen):
        with flow.db.transaction():
            for *three, context in chosen:
                id = flow.value(insert, *three, None if context is None else json.dumps(context))
        wait_for(lambda: flow.verdicts() == flow.value("SELECT count(*) FROM flywheel.traces"), "a verdict of each")
        assert flow.verdicts(f"step_id > {id - len(chosen)} AND status = 'ok'") == len(chosen)
        sent = [json.dumps(prompt, sort_keys=True) for prompt in provider.prompts()]
        for step in chosen:
            given = {name: value for name, value in zip(names, step, strict=True) if value is not None}
            assert json.dumps(given, sort_keys=True) in sent

    survive()
