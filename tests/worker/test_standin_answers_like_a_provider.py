import asyncio
import contextlib
import json
import socket
import urllib.error
import urllib.request

import pytest
from pg_flywheel.prompt import ANSWER_SCHEMA, Judge, Step, read_answer, render
from pg_flywheel.provider import Failure, Provider, ProviderConfig
from pg_flywheel.standin import StandIn, default_answer, replay_answer, start_process

JUDGE = Judge("The answer is helpful.", "stand-in")


def judge(step: Step):
    return default_answer({"messages": render(JUDGE, step)})


@pytest.mark.parametrize(
    "output",
    ["", "  ", "I don't know.", "As an AI, I have no opinion.", "TODO", "Bananas grow in warm countries"],
)
def test_the_rules_fail_what_is_empty_evasive_or_unrelated(output):
    answer = judge(Step("Where is my order?", output))
    assert answer["passed"] is False
    assert answer["reason"].startswith("stand-in: ")


@pytest.mark.parametrize(
    "step",
    [
        Step("Where is my order?", "Your order ships tomorrow."),
        Step("Is this spam?", "spam"),
        Step("Capital of France?", "It must be Paris, surely", expected="Paris"),
        Step(None, "Anything at all goes here"),
    ],
)
def test_the_rules_pass_the_rest(step):
    assert judge(step)["passed"] is True


@contextlib.asynccontextmanager
async def asking(base_url: str, max_in_flight: int = 1):
    provider = Provider(ProviderConfig("stand-in", base_url, None, max_in_flight))

    async def ask(step: Step):
        return read_answer((await provider.complete(render(JUDGE, step), "m", 0.0, ANSWER_SCHEMA)).text)

    yield ask
    await provider.close()


def test_recorded_answers_are_replayed_and_an_unknown_step_is_named(tmp_path):
    records = [
        {"input": "q\u2028", "output": "a", "answer": {"reason": "ok", "passed": True, "score": 0.5}},
        {"input": "q", "output": "b", "answer": '```json\n{"reason": "no", "passed": false}\n```'},
    ]
    file = tmp_path / "answers.jsonl"
    file.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in records) + "\n", encoding="utf-8")

    async def main():
        async with StandIn(replay_answer(file)) as standin, asking(standin.base_url) as ask:
            assert (await ask(Step("q\u2028", "a"))).score == 0.5
            assert (await ask(Step("q", "b"))).passed is False
            with pytest.raises(Failure, match=r"input 'q', output 'unheard of'") as caught:
                await ask(Step("q", "unheard of"))
            assert caught.value.kind == "step"

    asyncio.run(main())


def test_a_bad_line_of_a_recording_is_named(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text('{"input": "q", "output": "a", "answer": ""}\n["q"]\n')
    with pytest.raises(ValueError, match=r"answers\.jsonl:2"):
        replay_answer(file)


def test_500_calls_are_in_flight_at_once():
    async def main():
        async with StandIn() as standin, asking(standin.base_url, max_in_flight=500) as ask:
            standin.latency_s = 60.0
            calls = [asyncio.create_task(ask(Step("in", "out"))) for _ in range(500)]
            async with asyncio.timeout(30):
                while standin.n_calls < 500:  # noqa: ASYNC110, a condition with a deadline
                    await asyncio.sleep(0.01)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    asyncio.run(main())


def test_a_process_of_its_own_serves_until_the_context_ends():
    with start_process() as base_url:
        answer = asyncio.run(_ask_once(base_url))
        assert answer.passed is True
        root = base_url.removesuffix("/v1")
        assert _get(f"{root}/healthz") == {"status": "ok", "calls": 1}
        assert _get(f"{base_url}/models") == _get(f"{root}/models")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _get(f"{base_url}/nothing")
    host, port = root.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port))).close()


async def _ask_once(base_url: str):
    async with asking(base_url) as ask:
        return await ask(Step("Where is my order?", "Your order ships tomorrow."))


def _get(url: str) -> dict:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as response:
        return json.load(response)
