"""The command `flywheel`."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row

from . import align, log, show
from .install import VERSION, install, query
from .labels import export_labels, import_labels
from .load import LoadError, Report, load

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="pg_flywheel: evaluation, monitoring and continual improvement of LLM pipelines, inside one Postgres.",
)


def _dsn(given: str) -> str:
    try:
        psycopg.conninfo.conninfo_to_dict(given)
    except psycopg.ProgrammingError as error:
        expected = 'Expected postgresql://user@host/database or "host=... dbname=..."'
        raise typer.BadParameter(f"{str(error).strip()}. {expected}.") from None
    return given


labels_app = typer.Typer(no_args_is_help=True, help="People's labels, from and to CSV or JSONL.")
app.add_typer(labels_app, name="labels")

Dsn = Annotated[
    str,
    typer.Option(
        callback=_dsn, help="Database, such as postgresql://user@host/database; default: PGHOST, PGDATABASE and so on."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]


class Split(StrEnum):
    few_shot = "few_shot"
    dev = "dev"
    test = "test"


class OnError(StrEnum):
    skip = "skip"
    stop = "stop"


@contextmanager
def errors_in_words() -> Iterator[None]:
    """What a user can do something about is a sentence and exit code 1, not a traceback."""
    try:
        yield
    except Exception as error:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if (words := in_words(error)) is None:
            raise
        err = show.console(stderr=True)
        for sentence, style in zip(words, ("red", None), strict=False):
            err.print(show.plain(sentence, 2000), style=style, markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def in_words(error: Exception) -> list[str] | None:
    """What is wrong and, if that is known, what to do. None for what is nobody's fault but ours."""
    what = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    hint = error.diag.message_hint if isinstance(error, psycopg.Error) else None
    match error:
        case BrokenPipeError():
            return None  # `flywheel status | head`: typer ends quietly
        case psycopg.errors.InsufficientPrivilege():
            hint = hint or (
                "status needs the role flywheel_reader, load flywheel_writer, labels and review flywheel_reviewer, "
                "drain and worker flywheel_worker; install and demo need the database's owner."
            )
        case psycopg.errors.UndefinedTable() | psycopg.errors.InvalidSchemaName():
            what, hint = "the database has no pg_flywheel", "Run: flywheel install --dsn ..."
        case psycopg.errors.UndefinedFunction() | psycopg.errors.UndefinedColumn():
            hint = hint or f"This command is version {VERSION}: flywheel install brings an older database up to it."
        case psycopg.OperationalError() if what is None:
            what, hint = (
                f"cannot use the database: {error}",
                "Is it running, and is --dsn (or PGHOST, PGDATABASE, ...) right?",
            )
        case psycopg.Error():
            what = what or str(error)
        case OSError(filename=str(file), strerror=str(problem)):
            what = f"{file}: {problem}"
        case LoadError() | OSError() | RuntimeError():
            what = str(error)
    return [f"flywheel: {what}", *([hint] if hint else [])] if what else None


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, default=_json))


def _json(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


@app.command("install")
def install_command(dsn: Dsn = "", as_json: Json = False) -> None:
    """Put pg_flywheel into the database; again does nothing."""
    with errors_in_words(), psycopg.connect(dsn, autocommit=True) as conn:
        done = install(conn)
    if as_json:
        print_json({"version": done.version, "how": done.how, "profile": done.profile, "changed": done.changed})
    else:
        how = "as an extension" if done.how == "extension" else "as plain SQL"
        typer.echo(f"pg_flywheel {done.version} {'installed' if done.changed else 'was installed already'}, {how}")
        where = "in the database" if done.profile == "full" else "in the worker: no plpython3u for you here"
        typer.echo(f"Python validators run {where}")


@app.command()
def worker(
    dsn: Dsn = "",
    once: Annotated[bool, typer.Option("--once", help="Drain every queue and exit: for cron and jobs.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Drain, judge and validate until stopped. As many as wanted, on any host."""
    from .worker import Worker  # openai takes half a second

    log.set_up(verbose)
    with errors_in_words():
        asyncio.run(Worker(dsn, once).run())


@app.command()
def drain(
    dsn: Dsn = "",
    seconds: Annotated[float, typer.Option(min=0, help="Keep looking for so long; 0: until nothing is left.")] = 0,
    as_json: Json = False,
) -> None:
    """Dispatch new steps and run the code validators that run in the database."""
    with errors_in_words(), psycopg.connect(dsn, autocommit=True) as conn:
        row = conn.execute("CALL flywheel.drain(%s)", (seconds,)).fetchone()
        assert row is not None
    if as_json:
        print_json({"messages": row[0], "verdicts": row[1]})
    else:
        typer.echo(f"{row[1]:,} verdicts from {row[0]:,} ranges of steps")


@app.command("load")
def load_command(
    file: Annotated[
        str, typer.Argument(help="JSONL, one step a line, keys as the columns of flywheel.traces; - is stdin.")
    ],
    dsn: Dsn = "",
    on_error: Annotated[OnError, typer.Option(help="A bad line: leave it out, or load nothing.")] = OnError.stop,
    as_json: Json = False,
) -> None:
    """Load steps from a JSONL file, in one transaction."""
    out = show.console(stderr=True)
    with (
        errors_in_words(),
        psycopg.connect(dsn, autocommit=True) as conn,
        show.progress("{task.completed:,} steps") as bar,
    ):
        task = bar.add_task("loading", total=None)

        def loaded(report: Report) -> None:
            bar.update(task, completed=report.loaded)

        report = load(conn, file, on_error.value, loaded)
        bar.update(task, total=report.loaded, completed=report.loaded)
    if as_json:
        bad = [{"line": line.number, "problem": line.problem} for line in report.bad]
        print_json({"loaded": report.loaded, "skipped": report.skipped, "bad": bad})
    else:
        for line in report.bad[:20]:
            out.print(
                f"line {line.number}: {show.plain(line.problem, 300)}", markup=False, style="yellow", soft_wrap=True
            )
        if report.skipped > 20:
            out.print(f"... and {report.skipped - 20:,} more")
        typer.echo(f"{report.loaded:,} steps loaded, {report.skipped:,} lines skipped")


@labels_app.command("import")
def import_command(
    file: Annotated[
        str,
        typer.Argument(
            help="CSV or JSONL by its suffix, - is stdin. Columns: step_id, or trace_id and node; validator; passed "
            "(pass or fail), score or category; critique, rater, sampling_design, inclusion_probability."
        ),
    ],
    dsn: Dsn = "",
    as_json: Json = False,
) -> None:
    """Import labels, all or none: a bad line is named. Their splits are decided here."""
    with (
        errors_in_words(),
        psycopg.connect(dsn, autocommit=True) as conn,
        show.progress("{task.completed:,} labels") as bar,
    ):
        task = bar.add_task("importing", total=None)
        imported = import_labels(conn, file, lambda n: bar.update(task, completed=n))
        bar.update(task, total=imported, completed=imported)
    if as_json:
        print_json({"imported": imported})
    else:
        typer.echo(f"{imported:,} labels imported")


@labels_app.command("export")
def export_command(
    file: Annotated[str, typer.Argument(help="Ends in .csv or .jsonl; - is stdout, as JSONL.")] = "-",
    dsn: Dsn = "",
    validator: Annotated[str | None, typer.Option(help="Only of this validator or judge.")] = None,
    split: Annotated[Split | None, typer.Option(help="Only of this split. Reading test labels is logged.")] = None,
    as_json: Json = False,
) -> None:
    """Export labels, in the form that import takes."""
    with errors_in_words(), psycopg.connect(dsn, autocommit=True) as conn:
        exported = export_labels(conn, file, validator, split)
    if as_json and file != "-":
        print_json({"exported": exported})
    elif file != "-":
        typer.echo(f"{exported:,} labels exported")


@app.command()
def status(dsn: Dsn = "", as_json: Json = False) -> None:
    """Coverage, metrics and queues."""
    names = ("coverage", "metrics", "queues")
    with errors_in_words(), psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as conn:
        conn.execute("SET jit = off")  # compiling the plan of coverage takes 2 s, running it 0.15 s
        found: dict[str, list[dict[str, Any]]] = {name: conn.execute(query(name)).fetchall() for name in names}
    if as_json:
        print_json(found)
        return
    out = show.console()
    if not found["coverage"]:
        out.print("No validators yet: SELECT flywheel.add_validator(...), or try flywheel demo.", soft_wrap=True)
    tables = (
        show.coverage(found["coverage"]),
        show.metrics(found["metrics"], wide=out.width >= show.WIDTH),
        show.queues(found["queues"]),
    )
    for table in tables:
        if table.row_count:
            out.print(table)
            out.print()
    out.print(show.last_drain(found["queues"]))


@app.command("align")
def align_command(
    judge: Annotated[str, typer.Argument(help="A judge, or any validator with labels.")],
    dsn: Dsn = "",
    as_json: Json = False,
) -> None:
    """How far a judge can be trusted: its corrected pass rate, its errors, and what to do next."""
    with errors_in_words(), psycopg.connect(dsn, autocommit=True) as conn:
        found = align.read(conn, judge)
    if as_json:
        print_json(found)
        return
    out = show.console()
    out.print(align.headline(found), markup=False, soft_wrap=True)
    out.print()
    out.print(align.table(found, wide=out.width >= show.WIDTH))
    out.print()
    for sentence in found["next"]:
        out.print(f"- {show.plain(sentence, 400)}", markup=False, soft_wrap=True)


class Design(StrEnum):
    priority = "priority"
    random = "random"
    verdict_balanced = "verdict_balanced"
    stratified = "stratified"


@app.command()
def review(
    validator: Annotated[
        str | None, typer.Argument(help="Whose question to answer; default: whatever is first.")
    ] = None,
    dsn: Dsn = "",
    rater: Annotated[str | None, typer.Option(help="Who labels; default: the database user.")] = None,
    design: Annotated[
        Design, typer.Option(help="priority shows what goes wrong; by chance, labels say how often.")
    ] = Design.priority,
    n: Annotated[int, typer.Option("--n", min=1, max=1000, help="How many steps.")] = 20,
) -> None:
    """Label steps: pass or fail and why, before the judge's verdict is shown."""
    from .review import review as run

    with errors_in_words():
        run(dsn, validator, rater, design.value, n, show.console())


@app.command()
def demo(
    dsn: Dsn = "",
    data: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Your own traces, JSONL as for load.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="A provider of flywheel.providers; default: a local stand-in.")
    ] = None,
    model: Annotated[str, typer.Option(help="The provider's model that the judge asks for.")] = "",
    traces: Annotated[int, typer.Option(min=1, help="How many traces of made-up traffic.")] = 2000,
) -> None:
    """Everything once, end to end: traffic, validators, a judge, and what they found."""
    from .demo.run import run

    if provider and not model:
        raise typer.BadParameter("--provider needs --model: which of its models judges")
    log.set_up()
    log.quiet()
    with errors_in_words():
        run(dsn, show.console(), data, provider, model or "stand-in", traces)


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        typer.echo(VERSION)
        raise typer.Exit()


if __name__ == "__main__":
    sys.exit(app())
