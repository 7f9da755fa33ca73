"""Steps with verdicts and labels of a judge, as tests of what is computed from them need."""

from collections.abc import Sequence


def judge_steps(fw, version: int, verdicts: Sequence[bool | None], **columns) -> list[int]:
    """A step for each verdict (None: an error), on which the version says so; returns the steps.

    Their traces have the same names in every run, and so the same splits.
    """
    first = fw.one("SELECT count(*) FROM flywheel.traces")
    steps = [fw.insert("x", **{"trace_id": f"trace {first + n}", **columns})[0] for n in range(len(verdicts))]
    say(fw, version, steps, verdicts)
    return steps


def say(fw, version: int, steps: Sequence[int], verdicts: Sequence[bool | None]) -> None:
    fw.execute(
        "INSERT INTO flywheel.verdicts (step_id, version_id, passed, status, pipeline, node, variant, step_created_at) "
        "SELECT t.id, %s, g.passed, CASE WHEN g.passed IS NULL THEN 'error' ELSE 'ok' END, "
        "t.pipeline, t.node, t.variant, t.created_at "
        "FROM unnest(%s::bigint[], %s::boolean[]) AS g (id, passed) JOIN flywheel.traces t USING (id)",
        (version, list(steps), list(verdicts)),
    )


def label(fw, steps: Sequence[int], answers: Sequence[bool], validator: str = "polite", **columns) -> None:
    names = "".join(f", {name}" for name in columns)
    fw.execute(
        f"INSERT INTO flywheel.labels (step_id, validator, passed{names}) "
        f"SELECT g.id, %s, g.passed{', %s' * len(columns)} FROM unnest(%s::bigint[], %s::boolean[]) AS g (id, passed)",
        (validator, *columns.values(), list(steps), list(answers)),
    )


def split(fw, name: str, steps: Sequence[int]) -> list[int]:
    """Those of the steps whose trace group is of this split."""
    rows = fw.rows("SELECT id FROM flywheel.traces "
                   "WHERE id = ANY (%s) AND flywheel.split_of(flywheel.trace_group(session_id, trace_id)) = %s "
                   "ORDER BY id", list(steps), name)  # fmt: skip
    return [step for (step,) in rows]
