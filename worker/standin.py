"""A stand-in for a model provider: the OpenAI wire format over real HTTP, with faults on request.

Tests, benchmarks and the demo use it where no API key is at hand. Its judge follows a few plain rules, or
replays recorded answers. `python -m pg_flywheel.standin --help` runs it as a process of its own.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import h11

from .embedding import embed

DRIP_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class Fault:
    """What to serve instead of an answer.

    status: an error with this status code, Retry-After header and body. hang: nothing, ever. hang_in_body: headers,
    then nothing. drip: a body that never ends, a byte at a time. disconnect: close before the reply.
    close_mid_body: in its middle.
    The others are complete replies of status 200 with something wrong inside.
    """

    kind: Literal[
        "status", "hang", "hang_in_body", "drip", "disconnect", "close_mid_body",
        "not_json", "truncated_json", "empty_choices", "refusal", "content_filter",
    ]  # fmt: skip
    status: int = 500
    retry_after: str | None = None
    body: str = '{"error": {"message": "stand-in: as ordered", "type": "stand_in"}}'


Served = str | dict | Fault
"""A str is the reply's content as it is. A dict is the reply's content as JSON."""


def default_answer(request: dict) -> Served:
    """Judge by rule: fail an output that is empty, evasive, or has no word in common with what it answers."""
    judged = _judged(request)
    if judged is None:
        return _error(400, "the last user message is not a judge prompt: expected one JSON object")
    output = str(judged.get("output") or "")
    evasive = next((phrase for phrase in _EVASIVE if phrase in output.lower()), None)
    about = _words(" ".join(str(judged.get(name) or "") for name in ("input", "expected", "context")))
    if not output.strip():
        passed, reason = False, "the output is empty"
    elif evasive:
        passed, reason = False, f"the output says {evasive!r}"
    elif about and len(_words(output)) > 3 and not about & _words(output):
        passed, reason = False, "the output has no word in common with the input"
    else:
        passed, reason = True, "no rule objects to the output"
    return {"reason": f"stand-in: {reason}", "passed": passed, "score": float(passed)}


def ngrams(text: str) -> list[float] | Fault:
    """The built-in embedder stands in for a model, too."""
    return embed(text) or _error(400, "nothing to embed")


def replay_answer(path: str | Path) -> Callable[[dict], Served]:
    """Answer from recorded judge outputs: JSON lines of {"input", "output", "answer"}.

    A step that was not recorded is an error of that step (422), not of the provider: the others go on.
    """
    recorded: dict[bytes, Served] = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            recorded[_step_key(record)] = record["answer"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f'{path}:{number}: expected {{"input", "output", "answer"}}') from None

    def answer(request: dict) -> Served:
        judged = _judged(request) or {}
        step = f"input {judged.get('input')!r:.80}, output {judged.get('output')!r:.80}"
        unknown = _error(422, f"no recorded answer for {step}")
        return recorded.get(_step_key(judged), unknown)

    return answer


class StandIn:
    """The server, as an async context manager. `answer`, `latency_s` and `faults` may be set while it runs.

    `faults` are served first, one per request. `calls` keeps the last 1000 requests, `n_calls` counts all.
    `embed` makes the embedding of one text, `embedded` keeps the last 1000 requests for some.
    """

    def __init__(
        self,
        answer: Callable[[dict], Served] = default_answer,
        latency_s: float = 0.0,
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self.answer = answer
        self.latency_s = latency_s
        self.faults: deque[Served] = deque()
        self.calls: deque[dict] = deque(maxlen=1000)
        self.n_calls = 0
        self.embed: Callable[[str], list[float] | Fault] = ngrams
        self.embedded: deque[dict] = deque(maxlen=1000)
        self._address = (host, port)
        self._connections: set[asyncio.Task] = set()

    async def __aenter__(self) -> Self:
        # The default backlog of 100 refuses some of 256 clients that connect at once.
        self._server = await asyncio.start_server(self._connection, *self._address, backlog=1024)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._connections.add(task)
        http = h11.Connection(h11.SERVER)
        # A broken connection is the client's to report. Cancellation is how __aexit__ ends a connection.
        try:
            with contextlib.suppress(ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
                while await self._exchange(http, reader, writer):
                    http.start_next_cycle()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, http: h11.Connection, reader, writer) -> bool:
        """Serve one request. False: close the connection."""
        received = await _request(http, reader)
        if received is None:
            return False
        method, path, body = received
        served = await self._respond(method, path, body)
        if isinstance(served, Fault):
            if served.kind in ("hang", "hang_in_body", "drip", "disconnect", "close_mid_body"):
                await _break_off(served, http, reader, writer)
                return False
            if served.kind == "status":
                status, body = served.status, served.body.encode()
            else:
                status, body = 200, _faulty_body(served)
        else:
            status, body = 200, json.dumps(served).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        if isinstance(served, Fault) and served.retry_after is not None:
            headers.append(("retry-after", served.retry_after))
        head = http.send(h11.Response(status_code=status, headers=headers))
        writer.write(head + http.send(h11.Data(data=body)) + http.send(h11.EndOfMessage()))
        await writer.drain()
        return http.our_state is h11.DONE and http.their_state is h11.DONE

    async def _respond(self, method: str, path: str, body: bytes) -> dict | Fault:
        match method, path.partition("?")[0].removeprefix("/v1"):
            case "GET", "/healthz":
                return {"status": "ok", "calls": self.n_calls}
            case "GET", "/models":
                return {"object": "list", "data": [{"id": "stand-in", "object": "model"}]}
            case "POST", "/chat/completions":
                return await self._complete(body)
            case "POST", "/embeddings":
                return await self._embed(body)
        return _error(404, f"no such endpoint: {method} {path}")

    async def _complete(self, body: bytes) -> dict | Fault:
        try:
            request = json.loads(body)
            content = "".join(message["content"] for message in request["messages"])
        except (ValueError, KeyError, TypeError) as error:
            return _error(400, f"expected a chat completion request: {error!r}")
        self.n_calls += 1
        self.calls.append(request)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        served = self.faults.popleft() if self.faults else self.answer(request)
        if isinstance(served, Fault):
            return served
        text = served if isinstance(served, str) else json.dumps(served, ensure_ascii=False)
        message = {"role": "assistant", "content": text}
        return _completion(request.get("model"), message, prompt_chars=len(content))

    async def _embed(self, body: bytes) -> dict | Fault:
        try:
            request = json.loads(body)
            texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
            answered = [self.embed(text) for text in texts]
        except (ValueError, KeyError, TypeError) as error:
            return _error(400, f"expected a request for embeddings: {error!r}")
        self.embedded.append(request)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if self.faults:
            served = self.faults.popleft()
            if isinstance(served, Fault):
                return served
        if fault := next((each for each in answered if isinstance(each, Fault)), None):
            return fault
        data = [{"object": "embedding", "index": i, "embedding": each} for i, each in enumerate(answered)]
        return {"object": "list", "data": data, "model": request.get("model")}


def serve_until_terminated(standin: StandIn) -> None:
    """Print the base URL, then serve until SIGTERM or SIGINT."""

    async def serve() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        async with standin:
            print(standin.base_url, flush=True)
            await stop.wait()

    asyncio.run(serve())


@contextlib.contextmanager
def start_process(latency_s: float = 0.0, replay: str | Path | None = None) -> Iterator[str]:
    """Run a stand-in in a process of its own while the context is open. Yields its base URL."""
    command = [sys.executable, "-m", "pg_flywheel.standin", "--latency", str(latency_s)]
    if replay is not None:
        command += ["--replay", str(replay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            base_url = process.stdout.readline().strip()
            if not base_url:
                raise RuntimeError(f"{' '.join(command)} exited with {process.wait()}; its error is above")
            yield base_url
        finally:
            process.terminate()


_EVASIVE = ("i don't know", "i do not know", "as an ai", "i cannot help", "todo", "lorem ipsum")


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{2,}", text.lower()))


def _judged(request: dict) -> dict | None:
    try:
        judged = json.loads([m["content"] for m in request["messages"] if m["role"] == "user"][-1])
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return judged if isinstance(judged, dict) else None


def _step_key(step: dict) -> bytes:
    return hashlib.sha256(json.dumps([step.get("input"), step.get("output")]).encode()).digest()


def _error(status: int, message: str) -> Fault:
    error = {"message": f"stand-in: {message}", "type": "invalid_request_error", "param": None, "code": None}
    return Fault("status", status=status, body=json.dumps({"error": error}))


def _completion(model: object, message: dict, prompt_chars: int = 0, finish_reason: str = "stop") -> dict:
    # Four characters a token is the usual estimate for English.
    prompt_tokens, completion_tokens = prompt_chars // 4 + 1, len(message.get("content") or "") // 4 + 1
    return {
        "id": "chatcmpl-stand-in",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": None}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def _faulty_body(fault: Fault) -> bytes:
    message = {"role": "assistant", "content": None, "refusal": None}
    match fault.kind:
        case "not_json":
            return b"<html>Bad gateway</html>"
        case "truncated_json":
            return json.dumps(_completion("stand-in", message)).encode()[:-40]
        case "empty_choices":
            completion = _completion("stand-in", message) | {"choices": []}
        case "refusal":
            completion = _completion("stand-in", message | {"refusal": "I can't help with that."})
        case "content_filter":
            completion = _completion("stand-in", message, finish_reason="content_filter")
    return json.dumps(completion).encode()


async def _request(http: h11.Connection, reader: asyncio.StreamReader) -> tuple[str, str, bytes] | None:
    """Method, path and body of the next request. None: the client has closed the connection."""
    body = bytearray()
    while True:
        match http.next_event():
            case h11.NEED_DATA:
                http.receive_data(await reader.read(65536))
            case h11.Request() as request:
                pass
            case h11.Data(data=data):
                body += data
            case h11.EndOfMessage():
                return request.method.decode(), request.target.decode(), bytes(body)
            case _:
                return None


async def _break_off(fault: Fault, http: h11.Connection, reader, writer) -> None:
    if fault.kind == "hang":
        await reader.read()  # until the client gives up
    elif fault.kind == "hang_in_body":
        headers = [("content-type", "application/json"), ("content-length", "1000")]
        writer.write(http.send(h11.Response(status_code=200, headers=headers)))
        await writer.drain()
        await reader.read()
    elif fault.kind == "drip":
        writer.write(http.send(h11.Response(status_code=200, headers=[("content-type", "application/json")])))
        while not reader.at_eof():
            writer.write(http.send(h11.Data(data=b" ")))
            await writer.drain()
            await asyncio.sleep(DRIP_INTERVAL_S)
    elif fault.kind == "close_mid_body":
        headers = [("content-type", "application/json"), ("content-length", "1000")]
        writer.write(http.send(h11.Response(status_code=200, headers=headers)))
        writer.write(http.send(h11.Data(data=b'{"id": "chatcmpl')))
        await writer.drain()


def main() -> None:
    parser = argparse.ArgumentParser("python -m pg_flywheel.standin", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0, the default: any free port")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="wait for each answer")
    parser.add_argument("--replay", metavar="FILE", help='JSON lines of {"input", "output", "answer"}')
    args = parser.parse_args()
    answer = replay_answer(args.replay) if args.replay else default_answer
    serve_until_terminated(StandIn(answer, latency_s=args.latency, port=args.port))


if __name__ == "__main__":
    main()
