"""`flywheel demo`: everything once, end to end, on made-up traffic or on the user's own traces."""

import asyncio
import json
import shlex
import signal
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg.sql import quote
from rich.console import Console

from .. import align, show
from ..install import install, query
from ..load import LoadError, Report, load, load_lines, open_lines
from ..standin import start_process
from ..worker import Worker
from . import texts, traffic

STAND_IN = "demo_stand_in"
JUDGED_AT_MOST = 400  # steps of the user's own traces: a demo is no place for a bill


def run(dsn: str, out: Console, data: Path | None, provider: str | None, model: str, traces: int) -> None:
    """Raises LoadError when no line of data fits, psycopg.Error for a database that is not there."""
    with psycopg.connect(dsn, autocommit=True) as conn, ExitStack() as stack:
        installed = install(conn)
        where = "database" if installed.profile == "full" else "worker"
        version = f"pg_flywheel {installed.version}, {installed.profile} profile"
        out.print(f"{version}: Python validators run in the {where}.")
        if provider is None:
            provider = STAND_IN
            url = stack.enter_context(start_process(latency_s=0.1))
            conn.execute("SELECT flywheel.set_provider(%s, %s, max_in_flight => 64)", (provider, url))
            out.print(
                "The judge asks a [yellow]stand-in[/]: a local server that follows fixed rules. Its verdicts show "
                "how things work, not how good the answers are. A real one: --provider, --model."
            )
        conn.execute("SET jit = off")  # compiling the plan of coverage takes 2 s, running it 0.15 s
        conn.execute(_sql("set_up"))
        if data:
            # They would otherwise take every later step of the user's, too.
            stack.callback(conn.execute, query("switch_off_demo"))
        _register(conn, data, provider, model)
        first = _load(conn, out, data, traces)
        asyncio.run(_work(conn, dsn))
        conn.execute("REFRESH MATERIALIZED VIEW flywheel.failure_reason_counts")
        if data is None:
            conn.execute(_sql("label"))
            psycopg.ClientCursor(conn).execute(_sql("fix"), {"pipeline": traffic.PIPELINE})  # two statements
            asyncio.run(Worker(dsn, once=True).run())  # embeds what was labelled and fixed
        _show(conn, out, {"pipeline": None if data else traffic.PIPELINE, "first": first})


def _sql(name: str) -> str:
    return files("pg_flywheel.demo").joinpath(f"{name}.sql").read_text()


def _register(conn: psycopg.Connection, data: Path | None, provider: str, model: str) -> None:
    values: dict[str, Any] = {"provider": provider, "model": model}
    if data is None:
        values |= {"pipeline": traffic.PIPELINE, "labels": json.dumps(texts.LABELS), "judged": "writer"}
        name = "register"
    else:
        with open_lines(data) as lines:
            values["sample_rate"] = min(1, JUDGED_AT_MOST / max(1, sum(1 for _ in lines)))
        name = "register_any"
    psycopg.ClientCursor(conn).execute(_sql(name), values)  # several statements in one


def _load(conn: psycopg.Connection, out: Console, data: Path | None, traces: int) -> int:
    """Loads the steps; returns the id of the first."""
    row = conn.execute("SELECT flywheel.next_step_id()").fetchone()
    assert row is not None
    with show.progress("{task.completed:,} steps") as bar:
        task = bar.add_task("loading", total=None)

        def loaded(report: Report) -> None:
            bar.update(task, completed=report.loaded)

        if data is None:
            lines = (json.dumps(step).encode() for step in traffic.generate(traces))
            report = load_lines(conn, lines, progress=loaded)
        else:
            report = load(conn, data, "skip", loaded)
        bar.update(task, total=report.loaded, completed=report.loaded)
    if not report.loaded:
        raise LoadError(report.bad[0]) if report.bad else RuntimeError(f"{data} has no steps: one JSON object a line")
    out.print(f"{report.loaded:,} steps loaded")
    if report.bad:
        number, problem = report.bad[0]
        out.print(f"{report.skipped:,} lines skipped, the first is line {number}:", style="yellow")
        out.print(f"  {show.plain(problem, 300)}", style="yellow", markup=False)
    conn.execute("ANALYZE flywheel.traces")
    return row[0]


async def _work(conn: psycopg.Connection, dsn: str) -> None:
    """The worker, with a bar of what is done of what was pending."""

    async def count(name: str) -> int:
        row = await asyncio.to_thread(lambda: conn.execute(query(name)).fetchone())
        return row[0] if row else 0

    before, pending = await count("progress"), await count("pending")
    with show.progress("{task.completed:,} of {task.total:,} verdicts") as bar:
        task = bar.add_task("validating", total=pending)
        work = asyncio.create_task(Worker(dsn, once=True).run())
        await asyncio.sleep(0)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)  # Ctrl-C ends the demo, not only its worker
        while not work.done():
            await asyncio.wait([work], timeout=0.3)
            bar.update(task, completed=min(pending, await count("progress") - before))
        await work


def _show(conn: psycopg.Connection, out: Console, which: dict[str, Any]) -> None:
    def rows(name: str) -> list[dict[str, Any]]:
        return conn.cursor(row_factory=dict_row).execute(query(name), which).fetchall()

    wide = out.width >= show.WIDTH
    for picture in (show.trends(rows("validator_trends"), wide), show.failing_nodes(rows("failing_nodes"))):
        out.print()
        out.print(picture)
    out.print()
    demo = [row for row in rows("coverage") if row["validator"].startswith("demo.")]
    mine = [row for row in demo if row["filtered"] < row["steps"]]  # not what is for the other kind of demo
    out.print(show.coverage(mine))
    unexplained = sum(
        row["steps"] - row["verdicts"] - row["pending"] - row["deferred"] - row["dead_letters"] - row["not_eligible"]
        for row in mine
    )
    out.print(f"Steps without an explanation: {unexplained}\n", style="bold green" if unexplained == 0 else "bold red")
    if which["pipeline"]:
        out.print(align.headline(align.read(conn, "demo.helpful")), markup=False)
        out.print("flywheel align demo.helpful says more.\n")
        if served := rows("demonstrations"):
            out.print(show.demonstrations(served))
            out.print()
    trace = rows("failed_trace")
    if trace:
        out.print(show.trace(trace))
        out.print()
    _next(conn, out, trace, which["first"])


def _next(conn: psycopg.Connection, out: Console, trace: list[dict[str, Any]], first: int) -> None:
    failed = [(row["id"], v["validator"]) for row in trace for v in row["verdicts"] if v["passed"] is False]
    step, validator = failed[0] if failed else (first, "demo.helpful")
    where = {k: v for k, v in conn.info.get_parameters().items() if k in ("host", "port", "user", "dbname")}
    lines = (
        "Three to try next:",
        f"  psql {shlex.quote(make_conninfo(**where))}",
        "  SELECT validator, node, variant, pass_rate FROM flywheel.metrics ORDER BY 4;",
        f"  SELECT * FROM flywheel.why({step}, {quote(show.plain(validator))});",  # noqa: S608 - only shown
        "  SELECT n, example_reason FROM flywheel.failure_reasons ORDER BY n DESC;",
    )
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)
