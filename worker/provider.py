"""One model provider behind the OpenAI wire format: one call, no retries, every failure classified.

Retries, back-off and dead letters are the queue's business. It needs to know whose fault a failure was.
"""

import asyncio
import itertools
import json
import logging
import math
import os
import re
import ssl
import time
from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

import httpx2
import openai

log = logging.getLogger(__name__)

MAX_RETRY_AFTER_S = 3600.0
# httpx walks all connections of a pool twice per call. Measured at 256 in flight and 1 s latency:
# one pool 221 calls/s and 2.2 ms of CPU per call, pools of 32 about 250 calls/s and 1.4 ms.
_CALLS_PER_POOL = 32
# What some models refuse, and how they name it. Without a schema the answer is still checked when it is read.
# A model that refuses the temperature or the dimensions has only one; the length of an embedding is checked.
_DISPENSABLE = {
    "response_format": re.compile(r"response.?format|json.?schema|structured.?output", re.IGNORECASE),
    "temperature": re.compile("temperature", re.IGNORECASE),
    "dimensions": re.compile("dimension|matryoshka", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """api_key_env names the environment variable that holds the key. None: the server wants no key."""

    name: str
    base_url: str
    api_key_env: str | None
    max_in_flight: int
    timeout_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """The token counts are None when the server does not say them."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: int


class Failure(Exception):
    """A call that brought no reply.

    kind, whose fault: "provider", it is unreachable or overloaded, or refuses us; "judge", it knows no such model;
    "step", it answered, and that is no reply; "unclear", no reply, and it may be because of this step: a timeout,
    an internal error, garbage. What the provider does for others decides; see sql/judges/fail.sql.
    message: short, without the key, fit for a Postgres text. May quote 200 characters of the error sent.
    at_once: nobody should call the provider now.
    retry_after_s: how long the server asked us to wait, 0 to 3600 seconds, or None.
    tokens: of the prompt and of the completion, when the failed call was paid for.
    """

    def __init__(
        self,
        kind: Literal["provider", "judge", "step", "unclear"],
        message: str,
        at_once: bool = False,
        retry_after_s: float | None = None,
        tokens: tuple[int | None, int | None] = (None, None),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.at_once = at_once
        self.retry_after_s = retry_after_s
        self.tokens = tokens


class Provider:
    """Raises Failure (provider) when the key's variable or the base URL is unusable. Close it after use."""

    def __init__(self, config: ProviderConfig) -> None:
        self.config = config
        self._key = _api_key(config)
        self._refused: dict[str, set[str]] = {}
        certificates = httpx2.create_ssl_context()
        pools = math.ceil(config.max_in_flight / _CALLS_PER_POOL)
        self._clients = [_client(config, self._key, certificates) for _ in range(pools)]
        self._next_client = itertools.cycle(self._clients)

    def __repr__(self) -> str:
        return f"Provider({self.config!r})"

    async def complete(
        self, messages: list[dict[str, str]], model: str, temperature: float, schema: dict[str, object]
    ) -> Reply:
        """Ask for one answer in the form of a JSON Schema. Raises Failure.

        When a model refuses the schema or the temperature, this call is repeated without it at once, and
        later calls leave it out.
        """
        json_schema = {"name": "answer", "strict": True, "schema": schema}
        body = {
            "model": model,
            "messages": messages,
            "temperature": temperature,
            "response_format": {"type": "json_schema", "json_schema": json_schema},
        }
        start = time.perf_counter()
        content = await self._in_time("/chat/completions", body)
        return _reply(content, round((time.perf_counter() - start) * 1000))

    async def embed(self, texts: list[str], model: str, dimensions: int) -> list[list[float]]:
        """The embedding of each text. Raises Failure; the one of a batch may be that of one text only."""
        body = {"model": model, "input": texts, "dimensions": dimensions, "encoding_format": "float"}
        return _embeddings(await self._in_time("/embeddings", body), len(texts), dimensions)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()

    async def _in_time(self, path: str, body: dict[str, object]) -> bytes:
        try:
            # httpx's timeouts bound each read, not their sum: a server could drip for ever.
            async with asyncio.timeout(self.config.timeout_s):
                response = await self._send(path, body)
        except TimeoutError:
            raise Failure("unclear", f"no complete reply within {self.config.timeout_s:g} s") from None
        return self._without_key(response.content)

    async def _send(self, path: str, body: dict[str, object]) -> httpx2.Response:
        refused = set(self._refused.get(body["model"], ()))
        while True:
            try:
                response = await self._post(path, {name: body[name] for name in body if name not in refused})
            except openai.APIStatusError as error:
                option = _refused_option(error, body.keys() - refused)
                if option is None:
                    raise self._status_failure(error) from None
                refused.add(option)
                continue
            # Remembered after a success only: the error may have quoted the step.
            if refused - self._refused.setdefault(body["model"], set()):
                log.warning("%s: %s refuses %s", self.config.name, body["model"], ", ".join(sorted(refused)))
                self._refused[body["model"]] |= refused
            return response

    async def _post(self, path: str, body: dict[str, object]) -> httpx2.Response:
        # chat.completions.create costs twice the CPU: it maps request and reply to models nobody needs here.
        try:
            return await next(self._next_client).post(path, body=body, cast_to=httpx2.Response)
        except openai.APITimeoutError:
            # complete() has the deadline; the only timeout left to httpx is that of connecting.
            raise Failure("provider", f"cannot connect to {self.config.base_url}: timed out", at_once=True) from None
        except openai.APIConnectionError as error:
            cause = self._quote(f"{type(error.__cause__).__name__}: {error.__cause__}")
            # A connection that was made and broke: perhaps this request broke it.
            connected = not isinstance(error.__cause__, httpx2.ConnectError)
            message = f"no reply from {self.config.base_url}: {cause}"
            raise Failure("unclear" if connected else "provider", message, at_once=not connected) from None

    def _status_failure(self, error: openai.APIStatusError) -> Failure:
        status = error.status_code
        retry_after_s = _retry_after_s(error.response.headers)
        said = error.body
        if isinstance(said, dict):
            said = said.get("message") or said.get("detail")
        message = f"HTTP {status}"
        if isinstance(said, str):
            message += f": {self._quote(said)}"
        match status:
            case 400 | 413 | 422:
                kind = "step"
            case 404:
                kind = "judge"
                message += f" (is there such a model at {self.config.base_url}?)"
            case 403 | 408 | 409 | 500:
                kind = "unclear"
            case _:
                kind = "provider"
        if status in (401, 403):
            message += f" (check the key in {self.config.api_key_env or 'api_key_env: none is set'})"
        at_once = status in (401, 402, 403, 429) or retry_after_s is not None
        return Failure(kind, message, at_once, retry_after_s)

    def _quote(self, said: str) -> str:
        hidden = self._without_key(said.encode(errors="replace")).decode(errors="replace")
        return "".join(c if c.isprintable() else " " for c in hidden[:200])

    def _without_key(self, said: bytes) -> bytes:
        return said if self.config.api_key_env is None else said.replace(self._key.encode(), b"***")


def _client(config: ProviderConfig, key: str, certificates: ssl.SSLContext) -> openai.AsyncOpenAI:
    try:
        return openai.AsyncOpenAI(
            api_key=key,
            base_url=config.base_url,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(
                verify=certificates,
                timeout=httpx2.Timeout(None, connect=min(5.0, config.timeout_s / 2)),
                # The caller bounds the calls. openai's default keeps 100 connections and reopens the others.
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
                # A proxy from the environment does not know our own machine.
                mounts={"all://localhost": None, "all://127.0.0.1": None},
            ),
        )
    except httpx2.InvalidURL as error:
        raise Failure("provider", f"provider {config.name}: base_url {config.base_url!r}: {error}") from None


def _api_key(config: ProviderConfig) -> str:
    if config.api_key_env is None:
        return "no-key"
    # A final newline is a usual slip in secrets, and httpx would quote the key when it complains of it.
    key = os.environ.get(config.api_key_env, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        problem = "holds characters that no key has" if key else "is not set"
        raise Failure(
            "provider",
            f"provider {config.name}: environment variable {config.api_key_env} {problem}; "
            "put the API key there and restart the worker",
        )
    return key


def _refused_option(error: openai.APIStatusError, sent: set[str]) -> str | None:
    if error.status_code not in (400, 422):
        return None
    said = error.response.text
    return next((name for name in _DISPENSABLE if name in sent and _DISPENSABLE[name].search(said)), None)


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    """Retry-After holds seconds or an HTTP date: by the clock of the server, which says its time, too."""
    header = headers.get("retry-after")
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
            seconds = (parsedate_to_datetime(header) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(0.0, seconds), MAX_RETRY_AFTER_S)  # in this order, NaN becomes 0


def _reply(content: bytes, latency_ms: int) -> Reply:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise Failure("unclear", "the reply is not JSON") from None
    try:
        choice = body["choices"][0]
        message = choice["message"]
        text, refusal = message.get("content"), message.get("refusal")
        finish_reason = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        # Routers report the failure of a provider behind them with status 200.
        kind = "provider" if isinstance(body, dict) and body.get("error") else "step"
        raise Failure(kind, "the reply holds no choices") from None
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    tokens = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    problem = None
    if finish_reason == "content_filter":
        problem = "the provider's content filter stopped the reply"
    elif refusal:
        problem = "the model refused to answer"
    elif not isinstance(text, str) or not text:
        problem = f"the reply holds no text (finish_reason {finish_reason!r:.40})"
    if problem:
        raise Failure("step", problem, tokens=tokens)
    return Reply(text, *tokens, latency_ms)


def _embeddings(content: bytes, texts: int, dimensions: int) -> list[list[float]]:
    try:
        data = json.loads(content, parse_int=float)["data"]
        # In single precision, as the database keeps them: there 1e39 is infinity, and 1e-50 is 0.
        vectors = [array("f", each["embedding"]).tolist() for each in sorted(data, key=lambda each: each["index"])]
        lengths = {len(vector) for vector in vectors}
        finite = all(math.isfinite(number) for vector in vectors for number in vector)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Failure("unclear", "the reply holds no embeddings") from None
    if len(vectors) != texts:
        raise Failure("step", f"the reply holds {len(vectors)} embeddings, expected {texts}")
    if lengths != {dimensions}:
        got = ", ".join(map(str, sorted(lengths)))
        hint = "set an embedding model with what it has: flywheel.set_embedding_model()"
        raise Failure("judge", f"the reply holds embeddings of {got} dimensions, expected {dimensions}: {hint}")
    if not finite or not all(any(vector) for vector in vectors):
        raise Failure("step", "the reply holds an embedding of zeros, NaN or infinity")
    return vectors


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
