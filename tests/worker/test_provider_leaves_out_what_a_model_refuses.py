import asyncio
import json

import pytest
from pg_flywheel.prompt import ANSWER_SCHEMA
from pg_flywheel.provider import Failure, Provider, ProviderConfig
from pg_flywheel.standin import Fault, StandIn, default_answer

MESSAGES = [{"role": "user", "content": '{"output": "fine"}'}]


def refusing(*options: str):
    def answer(request: dict):
        for option in options:
            if option in request:
                message = f"Unsupported parameter: '{option}' is not supported with this model."
                return Fault("status", 400, body=json.dumps({"error": {"message": message, "param": option}}))
        return default_answer(request)

    return answer


def requests(answer, models: list[str]) -> list[dict]:
    async def main():
        async with StandIn(answer) as standin:
            provider = Provider(ProviderConfig("stand-in", standin.base_url, None, max_in_flight=1))
            for model in models:
                await provider.complete(MESSAGES, model, 0.0, ANSWER_SCHEMA)
            await provider.close()
            return list(standin.calls)

    return asyncio.run(main())


def test_the_schema_is_sent_in_strict_mode():
    (request,) = requests(default_answer, ["a"])
    assert request["response_format"]["type"] == "json_schema"
    assert request["response_format"]["json_schema"]["strict"] is True
    assert request["response_format"]["json_schema"]["schema"] == ANSWER_SCHEMA
    assert request["temperature"] == 0.0


def test_a_refused_schema_is_left_out_at_once_and_from_then_on():
    calls = requests(refusing("response_format"), ["a", "a", "a"])
    assert ["response_format" in call for call in calls] == [True, False, False, False]
    assert all(call["temperature"] == 0.0 for call in calls)


def test_a_refused_temperature_is_left_out_too():
    calls = requests(refusing("response_format", "temperature"), ["a", "a"])
    assert [call.keys() & {"response_format", "temperature"} for call in calls] == [
        {"response_format", "temperature"},
        {"temperature"},
        set(),
        set(),
    ]


def test_what_one_model_refuses_is_still_sent_to_another():
    calls = requests(refusing("response_format"), ["a", "b"])
    assert ["response_format" in call for call in calls] == [True, False, True, False]


def test_an_error_that_merely_mentions_the_schema_changes_nothing():
    echo = json.dumps({"error": {"message": "cannot process: my essay on response_format and temperature"}})

    async def main():
        async with StandIn(lambda request: Fault("status", 400, body=echo)) as standin:
            provider = Provider(ProviderConfig("stand-in", standin.base_url, None, max_in_flight=1))
            with pytest.raises(Failure, match="my essay") as caught:
                await provider.complete(MESSAGES, "a", 0.0, ANSWER_SCHEMA)
            standin.answer = default_answer
            await provider.complete(MESSAGES, "a", 0.0, ANSWER_SCHEMA)
            await provider.close()
            return caught.value.kind, standin.calls[-1]

    kind, last = asyncio.run(main())
    assert kind == "step"
    assert "response_format" in last
