import asyncio
import json
import logging
import traceback

import pytest
from pg_flywheel.prompt import ANSWER_SCHEMA
from pg_flywheel.provider import Failure, Provider, ProviderConfig
from pg_flywheel.standin import Fault, StandIn

KEY = "sk-very-secret-0123456789"
MESSAGES = [{"role": "user", "content": "private words"}]


@pytest.fixture
def config(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    return ProviderConfig("judges", "http://127.0.0.1:9/v1", "JUDGE_KEY", max_in_flight=64)


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_missing_key_names_the_variable(config, monkeypatch, value):
    monkeypatch.delenv("JUDGE_KEY") if value is None else monkeypatch.setenv("JUDGE_KEY", value)
    with pytest.raises(Failure, match=r"judges.*JUDGE_KEY is not set") as caught:
        Provider(config)
    assert caught.value.kind == "provider"


def test_a_malformed_key_is_not_quoted(config, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", KEY + "\nX-Other: 1")
    with pytest.raises(Failure, match="JUDGE_KEY") as caught:
        Provider(config)
    assert KEY not in str(caught.value)


def test_neither_repr_shows_the_key(config):
    provider = Provider(config)
    assert "judges" in repr(provider)
    assert KEY not in repr(provider) + str(provider) + repr(provider.config)
    asyncio.run(provider.close())


def test_the_key_is_sent_as_a_bearer_token_and_a_final_newline_is_dropped(monkeypatch):
    async def main():
        heads = []

        async def answer(reader, writer):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            monkeypatch.setenv("JUDGE_KEY", KEY + "\n")
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            provider = Provider(ProviderConfig("judges", url, "JUDGE_KEY", max_in_flight=1))
            with pytest.raises(Failure):
                await provider.complete(MESSAGES, "m", 0.0, ANSWER_SCHEMA)
            await provider.close()
        return heads[0].decode().lower()

    assert f"authorization: bearer {KEY}\r\n" in asyncio.run(main())


def test_a_failure_holds_neither_the_key_nor_the_request(config, caplog):
    caplog.set_level(logging.INFO)

    async def main():
        async with StandIn() as standin:
            error = {"message": f"Incorrect API key provided: {KEY}", "detail": "private words"}
            standin.faults.append(Fault("status", 401, body=json.dumps({"error": error})))
            provider = Provider(ProviderConfig("judges", standin.base_url, "JUDGE_KEY", max_in_flight=1))
            with pytest.raises(Failure, match="Incorrect API key") as caught:
                await provider.complete(MESSAGES, "m", 0.0, ANSWER_SCHEMA)
            await provider.close()
            return caught.value

    failure = asyncio.run(main())
    shown = "".join(traceback.format_exception(failure)) + failure.message + repr(failure) + caplog.text
    assert KEY not in shown
    assert "private words" not in failure.message


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    async def main():
        async with StandIn() as standin:
            provider = Provider(ProviderConfig("judges", standin.base_url, None, max_in_flight=1))
            standin.faults.append("hello")
            reply = await provider.complete(MESSAGES, "m", 0.0, ANSWER_SCHEMA)
            await provider.close()
            return reply.text

    assert asyncio.run(main()) == "hello"
