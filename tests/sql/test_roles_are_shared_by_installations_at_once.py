"""Roles belong to the whole server: databases that install at the same moment make them once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
from pg_flywheel.cluster import Cluster, find_server
from pg_flywheel.install import install

ROLES = "SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname ~ '^flywheel_' ORDER BY 1"
AT_ONCE = 4


def test_installing_into_several_databases_at_once(tmp_path):
    cluster = Cluster(find_server(), tmp_path / "cluster", {"fsync": "off"})
    with cluster, ThreadPoolExecutor(AT_ONCE) as pool:
        barrier = Barrier(AT_ONCE)
        for i in range(AT_ONCE):
            cluster.create_database(f"db{i}")

        def install_into(i):
            with psycopg.connect(cluster.dsn(f"db{i}"), autocommit=True) as conn:
                barrier.wait(timeout=60)
                return install(conn).changed

        assert all(pool.map(install_into, range(AT_ONCE)))
        with psycopg.connect(cluster.dsn("db0"), autocommit=True) as conn:
            assert conn.execute(ROLES).fetchall() == [
                (f"flywheel_{role}", False, False) for role in ("admin", "reader", "reviewer", "worker", "writer")]
    cluster.remove()
