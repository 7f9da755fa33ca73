import pytest

from pyvalidators import VALIDATORS, batch


@pytest.fixture(autouse=True)
def _registered_in_this_test_only():
    before = dict(VALIDATORS)
    yield
    VALIDATORS.clear()
    VALIDATORS.update(before)


@pytest.fixture
def verdict():
    """One step's result: verdict(name, config, *texts) -> (passed, score, reason, details, status)."""

    def one(name, config, *texts):
        results = batch.run(name, config, [[text] for text in texts])
        return type(results)(*(column[0] for column in results))

    return one
