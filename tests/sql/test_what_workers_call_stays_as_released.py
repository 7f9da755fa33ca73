"""Workers of the last release go on during an upgrade: what they call keeps its names, arguments and results.

worker_interface.txt is what the last release calls, or what workers call today until there is one. Arguments with a
default and result columns may be added at the end. At a release, and before the first one after any change: delete
the file, run this test, look at what it wrote, commit it.
"""

import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WORKER = HERE.parent.parent / "worker"
RELEASED = HERE / "worker_interface.txt"
SIGNATURES = (HERE / "worker_interface.sql").read_text()


def called() -> list[str]:
    """Functions of schema flywheel in the source of the worker and in the queries that it names."""
    files = ("worker", "judging", "storing", "embedder", "portable")
    source = "".join((WORKER / f"{name}.py").read_text() for name in files)
    queries = re.findall(r'query\("(\w+)"\)', source)
    source += "".join((WORKER / "queries" / f"{name}.sql").read_text() for name in queries)
    return sorted(set(re.findall(r"flywheel\.(\w+)\(", source)))


def signatures(db, names: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, arguments, result in db.execute(SIGNATURES, (names,)):
        found.setdefault(name, []).append(f"{name}({arguments}) -> {result or 'procedure'}")
    return found


def parts(signature: str) -> tuple[list[str], str, list[str]]:
    """Arguments, kind of result, columns of the result."""
    arguments, result = re.fullmatch(r"\w+\((.*)\) -> (.*)", signature).groups()
    kind, columns = re.fullmatch(r"(TABLE)\((.*)\)|(.*)", result).group(1, 2)
    return arguments.split(", "), kind or result, (columns or "").split(", ")


def serves(new: str, old: str) -> bool:
    """Whether who calls the old one can call the new one."""
    (arguments, kind, columns), (old_arguments, old_kind, old_columns) = parts(new), parts(old)
    n = len(old_arguments)
    return (
        (arguments[:n], kind, columns[: len(old_columns)]) == (old_arguments, old_kind, old_columns)
        and all(" DEFAULT " in added for added in arguments[n:])
    )  # fmt: skip


def test_functions_that_workers_call_serve_the_last_release(db):
    if not RELEASED.exists():
        lines = [line for each in signatures(db, called()).values() for line in each]
        RELEASED.write_text("\n".join(lines) + "\n")
        pytest.fail(f"wrote {RELEASED.name} anew: look at it and commit it")
    released = {line.split("(")[0]: line for line in RELEASED.read_text().splitlines()}
    now = signatures(db, list(released))
    for name, old in released.items():
        new = now.get(name, [])
        assert len(new) == 1 and serves(new[0], old), (
            f"\nworkers of the last release call {old}\nthe schema has {new or 'none'}\n"
            "Give what is new a default, at the end, or a function of another name; or raise `oldest` in "
            "flywheel.admit_worker(), which has those workers refused."
        )


def test_every_function_that_workers_call_is_there_once_and_open_to_their_role(db):
    now = signatures(db, called())
    assert {name: len(overloads) for name, overloads in now.items()} == dict.fromkeys(called(), 1)
    allowed = (
        "SELECT bool_and(has_function_privilege('flywheel_worker', p.oid, 'EXECUTE')) FROM pg_proc p "
        "WHERE p.pronamespace = 'flywheel'::regnamespace AND p.proname = ANY (%s)"
    )
    assert db.execute(allowed, (called(),)).fetchone() == (True,)


@pytest.mark.parametrize(
    ("new", "fits"),
    [
        ("f(a integer, b text) -> TABLE(x integer, y text)", True),
        ("f(a integer, b text, c text DEFAULT NULL::text) -> TABLE(x integer, y text, z jsonb)", True),
        ("f(a integer, b text, c text) -> TABLE(x integer, y text)", False),
        ("f(b text, a integer) -> TABLE(x integer, y text)", False),
        ("f(a bigint, b text) -> TABLE(x integer, y text)", False),
        ("f(a integer, b text) -> TABLE(y text, x integer)", False),
        ("f(a integer, b text) -> TABLE(x integer)", False),
        ("f(a integer, b text) -> boolean", False),
    ],
)
def test_what_serves_an_older_caller(new, fits):
    assert serves(new, "f(a integer, b text) -> TABLE(x integer, y text)") is fits


def test_what_a_released_worker_says_is_understood(fw):
    """The words of 0.1.0. They stay as they are for as long as flywheel.admit_worker() serves it."""
    fw.judge()
    fw.insert("verdict", "reused", "later", "never", "not asked")
    fw.drain()
    assert fw.one("SELECT flywheel.admit_worker('0.1.0')")
    keys = ("msg_id", "step_id", "version_id", "content")
    claim = "SELECT {} FROM flywheel.claim_judgements(%s, %s, %s) ORDER BY step_id"
    claimed = fw.rows(claim.format(", ".join(keys)), "default", 10, 60)
    verdict, reused, later, never, _ = [dict(zip(keys, row, strict=True)) for row in claimed]
    judged = {"prompt_hash": "ab" * 32, "status": "ok", "passed": True, "score": 0.5, "reason": "fine"}
    verdict |= judged | {"latency_ms": 12, "prompt_tokens": 3, "completion_tokens": 4}
    reused |= judged | {"details": {"reused": True}, "prompt_tokens": 0, "completion_tokens": 0}
    later |= {"seconds": 60, "reason": "no complete reply within 60 s"}
    never |= {"attempts": 5, "error": "its worker was lost 5 times"}
    messages = [row[0] for row in claimed]
    for call, *arguments in (
        ("extend_leases(%s, %s, %s)", "flywheel_judge_default", messages, 60),
        ("record_judgements('default', %s)", json.dumps([verdict, reused])),
        ("defer_judgements('default', %s)", json.dumps([later])),
        ("bury_judgements('default', %s)", json.dumps([never])),
        ("give_back('default', %s)", messages[-1:]),
        ("judgements_waiting('default')",),
        ("pause_provider('default', 'HTTP 503', NULL)",),
        ("sync_python_validators('[]')",),
    ):
        fw.execute(f"SELECT flywheel.{call}", arguments)
    paid = "SELECT version_id, prompt_hash, passed, score, reason FROM flywheel.paid_answers(%s, %s)"
    assert [row[2:] for row in fw.rows(paid, [verdict["version_id"]], [b"\xab" * 32])] == [(True, 0.5, "fine")]
    assert fw.coverage("polite") == {"verdicts": 2, "deferred": 2, "dead_letters": 1}, "the last by the pause"
