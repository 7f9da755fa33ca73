"""First the database, then one worker after the other: a worker of this version against the schema of the next one."""

from pathlib import Path

import psycopg
import pytest
from pg_flywheel import install as install_module
from pg_flywheel.install import VERSION, install

NEXT = "0.2.0"
NEXT_VERSION = Path(__file__).with_name("next_version.sql").read_text()
AS_NEXT = f"worker.VERSION = portable.VERSION = '{NEXT}'"
AS_OLD = "worker.VERSION = portable.VERSION = '0.0.9'"


@pytest.fixture
def upgrade(monkeypatch):
    """`flywheel install` of the next version, which changes what it may."""

    catalog = install_module.catalog_sql()

    def upgrade(dsn: str) -> None:
        monkeypatch.setattr(install_module, "VERSION", NEXT)
        monkeypatch.setattr(install_module, "catalog_sql", lambda: catalog + NEXT_VERSION)  # the end of the upgrade
        with psycopg.connect(dsn, autocommit=True) as conn:
            assert install(conn).version == NEXT

    return upgrade


def all_kinds(flow, provider) -> None:
    flow.add_judge(provider.base_url, max_in_flight=8)
    flow.db.execute("CREATE FUNCTION short(step flywheel.traces, config jsonb) RETURNS boolean LANGUAGE sql "
                    "AS 'SELECT length(step.output) < 99'")  # fmt: skip
    flow.value("SELECT flywheel.add_validator('short', 'short')")
    flow.value("SELECT flywheel.add_validator('python', 'py:max_length', '{\"limit\": 99}')")


def test_a_worker_serves_the_schema_of_the_next_version(every_flow, provider, run_once, upgrade):
    flow = every_flow
    all_kinds(flow, provider)
    flow.insert(5)
    upgrade(flow.dsn)
    flow.insert(5, "after the upgrade")

    run_once(flow.dsn)
    python = 0 if flow.value("SELECT NOT flywheel.has_python()") else 10  # its code is of another version
    assert flow.coverage() == {"verdicts": 20 + python} | ({} if python else {"pending": 10})
    run_once(flow.dsn, constants=AS_NEXT)
    assert flow.coverage() == {"verdicts": 30}
    assert provider.n_calls == 10


def test_a_schema_that_is_upgraded_under_load_loses_nothing_and_doubles_nothing(
    flow, provider, start_worker, wait_for, upgrade
):
    all_kinds(flow, provider)
    provider.latency_s = 0.02
    flow.insert(300)
    workers = [start_worker(flow.dsn) for _ in range(2)]
    wait_for(lambda: flow.verdicts("prompt_hash IS NOT NULL") > 50)
    assert flow.verdicts("prompt_hash IS NOT NULL") < 300, "upgraded too late to tell anything"
    upgrade(flow.dsn)
    flow.insert(300, "after the upgrade")
    workers.append(start_worker(flow.dsn, constants=AS_NEXT))

    wait_for(lambda: flow.coverage() == {"verdicts": 1800})
    assert provider.n_calls == 600
    assert flow.value("SELECT sum(n) FROM flywheel.metrics") == 1800
    assert [worker.stop() for worker in workers] == [0, 0, 0]


def test_a_worker_of_the_next_version_refuses_this_schema_and_names_the_command(flow, start_worker):
    worker = start_worker(flow.dsn, constants=AS_NEXT)
    assert worker.wait() == 1
    assert f"this worker is version {NEXT}, the database has pg_flywheel {VERSION}" in worker.log
    assert "flywheel install" in worker.log


def test_a_worker_that_is_not_served_any_more_names_the_command(flow, start_worker):
    worker = start_worker(flow.dsn, constants=AS_OLD)
    assert worker.wait() == 1
    assert "which serves workers from 0.1.0 on" in worker.log
    assert "pip install -U pg-flywheel" in worker.log


def test_a_running_worker_that_is_not_served_any_more_finishes_what_it_has_and_ends(
    flow, provider, start_worker, wait_for
):
    flow.add_judge(provider.base_url, max_in_flight=4)
    flow.insert(20)
    provider.hold()
    worker = start_worker(flow.dsn)
    wait_for(lambda: provider.arrived == 4)
    flow.db.execute(
        "CREATE OR REPLACE FUNCTION flywheel.admit_worker(version text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE invalid_parameter_value USING MESSAGE = 'too old', HINT = 'Upgrade the worker' ; END $$"
    )
    wait_for(lambda: flow.leased() == 4)  # what was ready and not asked is given back
    provider.release()
    assert worker.wait() == 1
    assert "flywheel: too old\nUpgrade the worker" in worker.log
    assert flow.verdicts() == provider.n_calls == 4
    assert flow.coverage() == {"verdicts": 4, "pending": 16}
    assert flow.leased() == 0


def test_an_older_worker_leaves_the_catalog_of_python_validators_as_it_is(flow, run_once, upgrade):
    upgrade(flow.dsn)
    flow.db.execute("UPDATE flywheel.python_validators SET fingerprint = 'of the next version'")
    run_once(flow.dsn)
    assert flow.value("SELECT count(DISTINCT fingerprint) FROM flywheel.python_validators") == 1
