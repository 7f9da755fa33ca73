"""No room for the database's rows (WAL has a disk of its own: without room there, Postgres stops by itself)."""

import os
import subprocess
import time

import pytest

pytestmark = pytest.mark.faults

FAILING_WRITE = """
CREATE TABLE disk_is_full ();
CREATE FUNCTION fail_when_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('public.disk_is_full') IS NOT NULL THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fail_when_full BEFORE INSERT ON flywheel.metric_rollup EXECUTE FUNCTION fail_when_full();
"""


def test_a_full_tablespace(cell):
    with cell("tablespace full", prepare=on_a_small_disk) as load:
        filler = load.cluster.home / "small" / "filler"
        with filler.open("wb") as file:
            while True:
                try:
                    os.write(file.fileno(), bytes(8192))
                except OSError:
                    break
        load.wait_for(lambda: "No space left on device" in load.cluster.log.read_text())
        time.sleep(len(load.times(5, 40)))
        filler.unlink()


def on_a_small_disk(load) -> None:
    """The database on a tmpfs of its own."""
    place = load.cluster.home / "small"
    place.mkdir()
    owner = load.cluster.home.stat()
    options = f"size=256m,mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    load.stack.callback(subprocess.run, ["umount", "--lazy", place], check=True)
    load.admin(f"CREATE TABLESPACE small LOCATION '{place}'")
    load.admin("CREATE DATABASE flywheel TABLESPACE small")


def test_a_rollup_that_cannot_be_written(cell):
    with cell("rollup cannot be written") as load:
        load.run(FAILING_WRITE)
        time.sleep(len(load.times(12, 40)))
        load.run("DROP TABLE disk_is_full")
