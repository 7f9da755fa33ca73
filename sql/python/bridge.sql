-- Extension pg_flywheel_python: Python validators inside the database.
-- The package lies where make install puts it, beside this extension's files, for the server's own Python.

CREATE FUNCTION flywheel.py_path() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    RETURN (SELECT c.setting || '/pg_flywheel/python' FROM pg_config c WHERE c.name = 'SHAREDIR');

COMMENT ON FUNCTION flywheel.py_path() IS 'Folder of the pyvalidators package on the server.';

CREATE TYPE flywheel.py_outcomes AS (
    passed     boolean[],
    score      double precision[],
    reason     text[],
    details    text[],
    status     text[],
    latency_ms real
);

COMMENT ON TYPE flywheel.py_outcomes IS
'Outcomes of a batch, one array element per step, for the first steps of it that its CPU budget allowed; latency_ms is their mean.';

CREATE FUNCTION flywheel.py_validate(name text, config text, columns text[]) RETURNS flywheel.py_outcomes
    LANGUAGE plpython3u
AS $$
import json, time
run = GD.get("flywheel_run")
if run is None: # once per backend
    import sys
    sys.path.insert(0, plpy.execute("SELECT flywheel.py_path() AS path")[0]["path"])
    from pyvalidators.batch import Interrupted, run
    GD["flywheel_run"], GD["flywheel_interrupted"] = run, Interrupted
began = time.perf_counter()
try:
    outcomes = run(name, json.loads(config), columns)
except GD["flywheel_interrupted"]:
    plpy.execute("SELECT") # Postgres has the signal now: this raises what it stands for
    raise
return (*outcomes, (time.perf_counter() - began) * 1000 / len(outcomes.status))
$$;

COMMENT ON FUNCTION flywheel.py_validate(text, text, text[]) IS
'Runs the Python validator on a batch of steps. columns: one row per column that it reads, one element per step, as text. A step that uses one to two seconds of CPU is a timeout; the batch ends early after ten, with fewer outcomes than steps.';

CREATE FUNCTION flywheel.py_sync() RETURNS void
    LANGUAGE plpython3u SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
if "flywheel_synced" in GD: # once per backend
    return
import json, sys
path = plpy.execute("SELECT flywheel.py_path() AS path")[0]["path"]
if path not in sys.path:
    sys.path.insert(0, path)
from pyvalidators import catalog
plpy.execute(plpy.prepare("SELECT flywheel.sync_python_validators($1)", ["jsonb"]), [json.dumps(catalog())])
GD["flywheel_synced"] = True
$$;

COMMENT ON FUNCTION flywheel.py_sync() IS
'Brings flywheel.python_validators up to date with the package on the server, once per session: a changed validator is a new version. A session that began before the package changed keeps the old code: restart workers after an update.';

CREATE FUNCTION flywheel.py_check_config(name text, config text) RETURNS void
    LANGUAGE plpython3u
AS $$
import json, sys
path = plpy.execute("SELECT flywheel.py_path() AS path")[0]["path"]
if path not in sys.path:
    sys.path.insert(0, path)
from pyvalidators import VALIDATORS
try:
    VALIDATORS[name].check_config(json.loads(config))
except ValueError as error:
    plpy.error(str(error), sqlstate="22023", hint="See flywheel.python_validators.doc.")
$$;

COMMENT ON FUNCTION flywheel.py_check_config(text, text) IS
'Raises when the config is not one that the Python validator takes, such as a regular expression that does not compile.';

CREATE FUNCTION flywheel.py_limit_memory(megabytes int) RETURNS void
    LANGUAGE plpython3u
AS $$
import resource
from pathlib import Path
before = GD.setdefault("flywheel_memory", resource.getrlimit(resource.RLIMIT_DATA))
statm = Path("/proc/self/statm")
if megabytes is None:
    resource.setrlimit(resource.RLIMIT_DATA, before)
elif statm.exists(): # Linux
    most = int(statm.read_text().split()[5]) * resource.getpagesize() + megabytes * 2**20
    if before[0] == resource.RLIM_INFINITY or most < before[0]:
        resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
$$;

COMMENT ON FUNCTION flywheel.py_limit_memory(int) IS
'Internal: what this session may allocate from now on, beyond what it has (Linux); more is "out of memory", an error of the statement. NULL: as before. Around generated SQL.';

SELECT flywheel.pin_search_paths();
SELECT flywheel.apply_grants();
