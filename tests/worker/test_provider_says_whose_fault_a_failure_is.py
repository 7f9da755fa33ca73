import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pg_flywheel.prompt import ANSWER_SCHEMA, Judge, Step, read_answer, render
from pg_flywheel.provider import Failure, Provider, ProviderConfig, Reply
from pg_flywheel.standin import Fault, StandIn

JUDGE = Judge("The answer is polite.", "small-judge")
MESSAGES = render(JUDGE, Step("Where is my order?", "Your order ships tomorrow."))


async def ask(base_url: str, times: int = 1, timeout_s: float = 20.0) -> list[Reply | Failure]:
    provider = Provider(ProviderConfig("stand-in", base_url, None, max_in_flight=2, timeout_s=timeout_s))
    outcomes = []
    for _ in range(times):
        try:
            outcomes.append(await provider.complete(MESSAGES, JUDGE.model, 0.0, ANSWER_SCHEMA))
        except Failure as failure:
            outcomes.append(failure)
    await provider.close()
    return outcomes


def serve(*faults, timeout_s: float = 20.0) -> list[Reply | Failure]:
    async def main():
        async with asyncio.timeout(15), StandIn() as standin:
            standin.faults.extend(faults)
            outcomes = await ask(standin.base_url, len(faults), timeout_s)
            assert standin.n_calls == len(faults), "a failure must not be retried here"
            return outcomes

    return asyncio.run(main())


def test_a_reply_carries_text_tokens_and_latency():
    (reply,) = serve({"reason": "kind", "passed": True, "score": 1.0})
    assert read_answer(reply.text).passed is True
    assert reply.prompt_tokens > 0
    assert reply.completion_tokens > 0
    assert reply.latency_ms >= 0


@pytest.mark.parametrize(
    ("status", "kind", "at_once"),
    [
        (401, "provider", True), (402, "provider", True), (429, "provider", True),
        (502, "provider", False), (503, "provider", False), (504, "provider", False), (529, "provider", False),
        (403, "unclear", True), (408, "unclear", False), (409, "unclear", False), (500, "unclear", False),
        (404, "judge", False),
    ],
)  # fmt: skip
def test_a_status_says_who_else_would_meet_it(status, kind, at_once):
    (failure,) = serve(Fault("status", status))
    assert (failure.kind, failure.at_once, failure.retry_after_s) == (kind, at_once, None)
    assert str(status) in failure.message


def test_a_server_that_says_when_to_come_back_is_left_alone_at_once():
    (failure,) = serve(Fault("status", 503, retry_after="7"))
    assert (failure.kind, failure.at_once, failure.retry_after_s) == ("provider", True, 7)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_status_about_the_request_is_the_steps(status):
    (failure,) = serve(Fault("status", status))
    assert failure.kind == "step"
    assert failure.message == f"HTTP {status}: stand-in: as ordered"


@pytest.mark.parametrize("kind", ["disconnect", "close_mid_body"])
def test_a_broken_connection_may_be_either_ones(kind):
    (failure,) = serve(Fault(kind))
    assert failure.kind == "unclear"


def test_a_refused_connection_is_the_providers():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        (failure,) = asyncio.run(ask(url))
    assert failure.kind == "provider"
    assert url in failure.message


def test_a_failed_tls_handshake_is_the_providers():
    async def main():
        async with StandIn() as standin:
            return await ask(standin.base_url.replace("http://", "https://"))

    (failure,) = asyncio.run(main())
    assert failure.kind == "provider"


@pytest.mark.parametrize("kind", ["empty_choices", "refusal", "content_filter"])
def test_a_reply_without_an_answer_is_the_steps(kind):
    (failure,) = serve(Fault(kind))
    assert failure.kind == "step"


@pytest.mark.parametrize("kind", ["refusal", "content_filter"])
def test_a_failed_call_says_what_it_cost(kind):
    (failure,) = serve(Fault(kind))
    assert failure.tokens == (1, 1)


@pytest.mark.parametrize("kind", ["not_json", "truncated_json"])
def test_garbage_may_be_either_ones(kind):
    (failure,) = serve(Fault(kind))
    assert failure.kind == "unclear"


def test_an_error_behind_a_router_is_the_providers():
    (failure,) = serve(Fault("status", 200, body='{"error": {"code": 502, "message": "upstream"}}'))
    assert failure.kind == "provider"


@pytest.mark.parametrize("kind", ["hang", "hang_in_body", "drip"])
def test_a_server_that_hangs_or_drips_may_do_so_for_all(kind):
    (failure,) = serve(Fault(kind), timeout_s=0.5)
    assert failure.kind == "unclear"
    assert "0.5 s" in failure.message


def test_the_next_call_works_after_each_fault():
    async def main():
        async with StandIn() as standin:
            standin.faults.extend(
                Fault(k) for k in ("drip", "close_mid_body", "disconnect", "not_json", "hang")
            )
            return await ask(standin.base_url, 6, timeout_s=1.0)

    assert isinstance(asyncio.run(main())[-1], Reply)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0.5", 0.5), ("-3", 0), ("999999", 3600), ("nan", 0), ("soon", None)],
)
def test_retry_after_in_seconds(header, seconds):
    (failure,) = serve(Fault("status", 429, retry_after=header))
    assert failure.retry_after_s == seconds


def test_retry_after_as_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=600), usegmt=True)
    later, now = serve(*[Fault("status", 503, retry_after=when) for when in (date, past)])
    assert 500 < later.retry_after_s <= 600
    assert now.retry_after_s == 0


def test_what_the_server_says_is_short_and_fit_for_postgres():
    said = json.dumps({"error": {"message": "bad\0thing \ud800" + "x" * 1000}})
    (failure,) = serve(Fault("status", 400, body=said))
    assert "bad thing" in failure.message
    assert len(failure.message) < 250
    failure.message.encode()


def test_free_text_is_a_reply_for_the_reader_to_judge():
    (reply,) = serve("It is fine, I think.")
    assert reply.text == "It is fine, I think."
