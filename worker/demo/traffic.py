"""Three weeks of made-up traffic of a shop's support assistant, with failures planted at known rates.

A customer's question goes intent -> retrieve -> answer, one of the shop's staff intent -> report_sql.
"""

import json
import math
import random
from bisect import bisect
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import accumulate, count
from typing import Any, NamedTuple

from . import texts

PIPELINE = "demo_support"  # its own: the demo deletes it before it starts again
DAYS = 21
V2_STARTS, V2_RAMP = 12, 3  # day of its first trace, and days until half of the traces run on it
STAFF_SHARE = 0.2  # of the traces
ERROR_RATE = 0.004  # of the steps: status 'error', no output; later steps of the trace do not happen
FOLLOW_UP_SHARE = 0.25  # of the customers' traces: the same person again, about the same order
RETRIEVED = 4  # documents


class Planted(NamedTuple):
    """A failure, planted in this share of a node's outputs; at most one in an output."""

    kind: str
    node: str
    v1: float
    v2: float
    found_by: str


# v2 of the prompt says "keep it short, and do not guess": fewer long answers, more evasive ones.
PLANTED = (
    Planted("wrong_label", "intent", 0.04, 0.04, "py:equals_expected"),
    Planted("unknown_label", "intent", 0.015, 0.015, "py:equals_expected; one of texts.LABELS"),
    Planted("malformed_list", "retrieve", 0.02, 0.02, "py:json_schema: an array of strings"),
    Planted("missed_documents", "retrieve", 0.06, 0.06, "recall of the ids in context against expected"),
    Planted("too_long", "answer", 0.10, 0.015, "py:max_length, texts.ANSWER_LIMIT"),
    Planted("promise", "answer", 0.025, 0.025, "py:contains_none, texts.FORBIDDEN"),
    Planted("as_an_ai", "answer", 0.015, 0.015, "py:contains_none, texts.FORBIDDEN; the stand-in judge"),
    Planted("evasive", "answer", 0.02, 0.08, "the stand-in judge"),
    Planted("empty", "answer", 0.005, 0.005, "output is not empty; the stand-in judge"),
    Planted("leaked_email", "answer", 0.01, 0.01, "no personal data in the output"),
    Planted("made_up_period", "answer", 0.02, 0.02, "a judge that reads context; the stand-in cannot see it"),
    Planted("invalid_sql", "report_sql", 0.06, 0.06, "py:sql_parses"),
    Planted("unknown_column", "report_sql", 0.05, 0.05, "columns are those of texts.SHOP_SCHEMA"),
    Planted("writes_data", "report_sql", 0.02, 0.02, "one SELECT, nothing that writes"),
)


class Node(NamedTuple):
    node_type: str
    model: str
    prompt_tokens: int  # of the prompt itself
    usd_in: float  # per million tokens
    usd_out: float
    seconds: float  # median latency before the first output token


NODES = {
    "intent": Node("classifier", "gpt-4o-mini", 210, 0.15, 0.60, 0.35),
    "retrieve": Node("retriever", "text-embedding-3-small", 0, 0.02, 0.0, 0.09),
    "answer": Node("writer", "gpt-4o-mini", 380, 0.15, 0.60, 0.6),
    "report_sql": Node("codegen", "gpt-4o", 640, 2.50, 10.0, 0.9),
}
SECONDS_PER_TOKEN = 0.012
V2_PROMPT_TOKENS = 90  # more than v1
OTHER_DOCUMENTS = {
    label: [name for name in texts.DOCUMENTS if name not in intent.documents]
    for label, intent in texts.INTENTS.items()
}
_KINDS = {node: [planted.kind for planted in PLANTED if planted.node == node] for node in NODES}
_UP_TO = {
    (node, variant): list(accumulate(getattr(p, variant) for p in PLANTED if p.node == node))
    for node in NODES
    for variant in ("v1", "v2")
}


class _Case(NamedTuple):
    """What one trace is about."""

    label: str
    question: str
    slots: dict[str, Any]
    sql: str = ""


def generate(traces: int = 2000, seed: int = 7, end: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Yield the steps of `traces` runs, about 2.8 a run, by created_at, none after `end` (default: now).

    A step is a dict of columns of flywheel.traces that json.dumps takes; times are ISO 8601 strings in UTC.
    `attributes` is {"planted": [kind]} where an output was made to fail, else absent. The same traces, seed
    and end give the same steps, byte for byte. ValueError if `end` has no time zone.
    """
    end = end or datetime.now(UTC)
    if end.tzinfo is None:
        raise ValueError(f"end={end!r} has no time zone; pass, for example, datetime.now(UTC)")
    begin = end.astimezone(UTC) - timedelta(days=DAYS, minutes=2)  # the last trace is over by `end`
    rng = random.Random(seed)
    weights = [_rhythm(begin + timedelta(hours=hour)) for hour in range(DAYS * 24)]
    starts = sorted(hour + rng.random() for hour in rng.choices(range(DAYS * 24), weights, k=traces))
    recent: deque[dict[str, Any]] = deque(maxlen=8)
    waiting: list[tuple[str, int, dict[str, Any]]] = []  # heap: traces overlap
    number = count()
    for start in starts:
        at = begin + timedelta(hours=start)
        while waiting and waiting[0][0] <= _iso(at):
            yield heappop(waiting)[2]
        for step in _trace(rng, at, start / 24, recent):
            heappush(waiting, (step["created_at"], next(number), step))
    while waiting:
        yield heappop(waiting)[2]


def _rhythm(at: datetime) -> float:
    """Relative traffic: most in the evening, least at four in the morning, less on weekends."""
    return (1.05 + math.cos((at.hour - 16) * math.pi / 12)) * (0.6 if at.weekday() >= 5 else 1.0)


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")  # one width, so that text sorts as time


def _trace(rng: random.Random, at: datetime, day: float, recent: deque) -> Iterator[dict[str, Any]]:
    staff = rng.random() < STAFF_SHARE
    person = _person(rng, staff, recent)
    case = _staff_case(rng) if staff else _customer_case(rng, person)
    variant = "v2" if rng.random() < min(0.5, (day - V2_STARTS) / (2 * V2_RAMP)) else "v1"
    trace = {
        "trace_id": f"{rng.getrandbits(128):032x}",
        "session_id": person["session"],
        "pipeline": PIPELINE,
        "variant": variant,
        "user_id": person["user"],
        "tags": ["staff", "dashboard"] if staff else ["customer", person["channel"]],
    }
    parent, context = None, None
    for node in ("intent", "report_sql") if staff else ("intent", "retrieve", "answer"):
        step = trace | {"span_id": f"{rng.getrandbits(64):016x}"}
        if parent:
            step["parent_span_id"] = parent
        step |= {"node": node, "node_type": NODES[node].node_type, "input": case.question}
        if context:
            step["context"] = context
        failed = rng.random() < ERROR_RATE
        if not failed:
            place = bisect(_UP_TO[node, variant], rng.random())
            kind = _KINDS[node][place] if place < len(_KINDS[node]) else None
            step |= _RUN[node](rng, case, kind, context)
            if kind:
                step["attributes"] = {"planted": [kind]}
        at = _account(rng, step, at, failed)
        yield step
        if failed:
            return
        parent, context = step["span_id"], step.get("context")


def _account(rng: random.Random, step: dict[str, Any], at: datetime, failed: bool) -> datetime:
    """Add model, tokens, cost, times and status to the step that started at `at`. Return when it ended."""
    node = NODES[step["node"]]
    seconds = node.seconds * rng.lognormvariate(0, 0.35)
    step["model"] = node.model
    if failed:
        step["status"], step["error"] = "error", rng.choice(list(texts.ERRORS))
        seconds = texts.ERRORS[step["error"]]
    else:
        read = len(step["input"])
        if step["node"] == "answer":
            read += sum(len(document["text"]) for document in step["context"])
        prompt = node.prompt_tokens + V2_PROMPT_TOKENS * (step["variant"] == "v2") + read // 4
        completion = len(step["output"]) // 4 + 1 if node.usd_out else 0
        step["prompt_tokens"], step["completion_tokens"], step["status"] = prompt, completion, "ok"
        step["cost_usd"] = round((prompt * node.usd_in + completion * node.usd_out) / 1e6, 8)
        seconds += completion * SECONDS_PER_TOKEN
    ended = at + timedelta(seconds=seconds)
    step["started_at"], step["ended_at"] = _iso(at), _iso(ended)
    step["created_at"] = _iso(ended + timedelta(seconds=rng.uniform(0.002, 0.02)))
    return ended + timedelta(seconds=0.02)


def _person(rng: random.Random, staff: bool, recent: deque) -> dict[str, Any]:
    if staff:
        return {"user": f"staff-{rng.randint(1, 6)}", "session": f"dashboard-{rng.getrandbits(32):08x}"}
    if recent and rng.random() < FOLLOW_UP_SHARE:
        return rng.choice(recent)
    person = {
        "user": f"customer-{rng.randint(1000, 4999)}",
        "session": f"chat-{rng.getrandbits(32):08x}",
        "channel": rng.choice(("web", "web", "app", "email")),
        "order": f"K-{rng.randint(20000, 99999)}",
        "product": rng.choice(texts.PRODUCTS),
        "city": rng.choice(texts.CITIES),
        "size": rng.choice(texts.SIZES),
        "amount": f"{rng.randint(20, 280)}.{rng.choice(('00', '50', '95'))}",
    }
    recent.append(person)
    return person


def _customer_case(rng: random.Random, person: dict[str, Any]) -> _Case:
    label = rng.choice(list(texts.INTENTS))
    slots = person | {"days": rng.randint(2, 16)}
    question = rng.choice(texts.INTENTS[label].questions).format_map(slots)
    return _Case(label, rng.choice(texts.GREETINGS) + question + rng.choice(texts.THANKS), slots)


def _staff_case(rng: random.Random) -> _Case:
    slots = {"days": rng.choice((7, 14, 30, 60, 90)), "top": rng.choice((5, 10, 20))}
    question, sql = rng.choice(texts.REPORTS)
    return _Case(texts.REPORT_REQUEST, question.format_map(slots), slots, sql.format_map(slots))


def _intent(rng: random.Random, case: _Case, kind: str | None, _context: None) -> dict[str, Any]:
    output = case.label
    if kind == "wrong_label":
        known = texts.INTENTS.get(case.label)
        output = known.mistaken_for if known else "product_question"
    elif kind == "unknown_label":
        output = rng.choice(texts.INVENTED_LABELS)
    return {"output": output, "expected": case.label}


def _retrieve(rng: random.Random, case: _Case, kind: str | None, _context: None) -> dict[str, Any]:
    relevant = texts.INTENTS[case.label].documents
    hits = () if kind == "missed_documents" else relevant
    scores = {name: rng.uniform(0.55, 0.93) for name in hits}
    for name in rng.sample(OTHER_DOCUMENTS[case.label], RETRIEVED - len(hits)):
        scores[name] = rng.uniform(0.41, 0.68)
    names = sorted(scores, key=scores.__getitem__, reverse=True)
    output = json.dumps(names)
    if kind == "malformed_list":
        output = rng.choice((output[: -rng.randint(2, 12)], str(names), ", ".join(names)))
    context = [{"id": n, "score": round(scores[n], 4), "text": texts.DOCUMENTS[n]} for n in names]
    return {"output": output, "expected": json.dumps(relevant), "context": context}


def _answer(rng: random.Random, case: _Case, kind: str | None, context: list[dict]) -> dict[str, Any]:
    text = rng.choice(texts.INTENTS[case.label].answers).format_map(case.slots)
    if kind == "too_long":
        text = " ".join((text, *texts.RAMBLING, *(document["text"] for document in context)))
    elif kind == "promise":
        text += rng.choice(texts.PROMISES)
    elif kind == "as_an_ai":
        text = rng.choice(texts.DISCLAIMERS) + text
    elif kind == "made_up_period":
        text += rng.choice(texts.MADE_UP_PERIODS).format(period=rng.choice((45, 60, 90, 100)))
    elif kind == "leaked_email":
        text += rng.choice(texts.LEAKS).format(other=rng.choice(texts.OTHER_PEOPLE))
    elif kind == "evasive":
        return {"output": rng.choice(texts.EVASIONS)}
    elif kind == "empty":
        return {"output": ""}
    return {"output": rng.choice(texts.OPENINGS) + text + rng.choice(texts.CLOSINGS)}


def _report_sql(rng: random.Random, case: _Case, kind: str | None, _context: None) -> dict[str, Any]:
    output = case.sql
    if kind == "invalid_sql":
        cut = output[: output.index(">=") + 2]
        output = rng.choice((cut, output.replace("FROM ", "FORM ", 1), output.replace("(", "((", 1)))
    elif kind == "unknown_column":
        for column, invented in texts.INVENTED_COLUMNS.items():
            output = output.replace(column, invented)
    elif kind == "writes_data":
        output = rng.choice(texts.WRITES).format_map(case.slots)
    return {"output": output, "expected": case.sql}


_RUN = {"intent": _intent, "retrieve": _retrieve, "answer": _answer, "report_sql": _report_sql}
