"""The adapter for servers with OpenAI's Chat Completions: vLLM, SGLang, llama.cpp, Ollama, OpenAI itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import aiohttp

from inference_workers.deadlines import DeadlineWatch
from inference_workers.engines.arrived import Connections, arrived
from inference_workers.engines.openai_request import request_body
from inference_workers.engines.openai_stream import ChatStream
from inference_workers.engines.upstream_errors import refusal, told_error_of
from inference_workers.ports import (
    AnswerEvent,
    EngineError,
    EngineEvent,
    EngineFailed,
    EngineRejected,
    EngineRequest,
    EngineTimeout,
    EngineUnavailable,
)
from infra.blobs.ports import BlobReader
from infra.clock import now_us
from infra.models.catalogue import ModelSpec

MAX_ERROR_BODY_BYTES = 64 * 1024
CHECK_TIMEOUT_S = 5.0
ERROR_BODY_WAIT_S = 2.0
END_OF_BODY_WAIT_S = 0.05
FINISH_GRACE_S = 1.0
"""How long the usage may take that follows a finish reason."""


class OpenAIEngine:
    """Engine for every model with `engine = "openai"`, over one session of kept-alive connections.

    `environ` is where the models' keys are looked up, at each call; `blobs` has the images of messages.
    """

    def __init__(
        self,
        models: Sequence[ModelSpec],
        environ: Mapping[str, str] = os.environ,
        blobs: BlobReader | None = None,
    ) -> None:
        self._models = tuple(models)
        self._environ = environ
        self._blobs = blobs
        self._session: aiohttp.ClientSession | None = None
        self._connections = Connections()

    def continues(self, model: ModelSpec) -> bool:
        """Only where models.toml says so: the protocol has no standard way to continue an answer."""
        return "continue" in model.capabilities

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        """See Engine.generate. The upstream's stop strings and token limit are relied on."""
        model, stream = request.model, ChatStream(request)
        response: aiohttp.ClientResponse | None = None
        let_be: Callable[[], None] = lambda: None  # noqa: E731 - nothing is watched yet

        def give_up() -> None:
            if response is None:
                opening.reschedule(asyncio.get_running_loop().time())
            elif watch.expired is not None:
                response.content.set_exception(watch.expired)

        watch = DeadlineWatch(request.deadlines, give_up)
        try:
            async with asyncio.timeout(None) as opening:
                response = await self._post(model, request, await request_body(request, self._blobs))
            let_be = self._connections.begin(response)
            await _check_opening(model, response)
            broken: EngineError | None = None
            tokens = 0
            try:
                while data := await arrived(response.content):
                    events = stream.feed(data)
                    if stream.tokens != tokens:
                        tokens = stream.tokens
                        watch.touch()
                    elif not tokens and (b"\n" in data or b"\r" in data):
                        watch.alive()
                    for event in events:
                        yield event
                    if stream.ended or stream.over:
                        break
            except (aiohttp.ClientError, OSError):
                broken = EngineUnavailable("the upstream's answer broke off")
            except EngineTimeout as expired:
                broken = expired
            if stream.ended and not stream.over:
                async for event in _after_the_finish(response, stream):
                    yield event
            for event in stream.end():
                yield event
            if broken is not None and stream.error is None and not stream.ended:
                raise broken
            finish = stream.finish()
            await _read_to_end(response)
            yield finish
        except TimeoutError:
            raise watch.expired or _unreachable(model, "timeout", reached=False) from None
        except (aiohttp.InvalidURL, aiohttp.ClientConnectorCertificateError) as error:
            said = f"the address of {model.id} in models.toml cannot be used ({type(error).__name__})"
            raise EngineRejected(said, code="engine_misconfigured") from None
        except (aiohttp.ClientError, OSError) as error:
            reached = not isinstance(error, aiohttp.ClientConnectorError)
            raise _unreachable(model, type(error).__name__, reached=reached) from None
        except EngineError as error:
            error.accepted = error.accepted or stream.tokens > 0
            raise
        finally:
            watch.close()
            let_be()
            if response is not None:
                response.release() if response.content.at_eof() else response.close()

    async def check(self) -> None:
        """Ask every upstream for its models; one that has no such page counts as well."""
        for address, model in {model.address: model for model in self._models}.items():
            try:
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    url = f"{(address or '').rstrip('/')}/models"
                    headers = self._headers(model)
                    async with self._opened().get(url, headers=headers, allow_redirects=False) as response:
                        if response.status not in (200, 404, 405):
                            raise await _refusal(model, response)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise _unreachable(model, type(error).__name__, reached=False) from None

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _post(self, model: ModelSpec, request: EngineRequest, body: bytes) -> aiohttp.ClientResponse:
        return await self._opened().post(
            f"{(model.address or '').rstrip('/')}/chat/completions",
            data=body,
            headers=self._headers(model) | {"Content-Type": "application/json", "X-Request-Id": request.request_id},
            # The prompt is for the host that models.toml names, and for no other.
            allow_redirects=False,
        )

    def _opened(self) -> aiohttp.ClientSession:
        """The session, made in the running loop at first use."""
        if self._session is None:
            most = max((model.max_connections for model in self._models), default=1)
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=most, keepalive_timeout=60, ttl_dns_cache=60)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    def _headers(self, model: ModelSpec) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "User-Agent": "verbatim"}
        if model.api_key_env is not None:
            key = self._environ.get(model.api_key_env)
            if not key:
                said = f"the variable {model.api_key_env} with the key of model {model.id} is not set"
                raise EngineRejected(said, code="engine_auth")
            headers["Authorization"] = f"Bearer {key}"
        return headers


async def _read_to_end(response: aiohttp.ClientResponse) -> None:
    """Take the end of the body, which follows [DONE] at once, so that the connection can be used again."""
    if response.content.at_eof():
        return
    try:
        async with asyncio.timeout(END_OF_BODY_WAIT_S):
            while await arrived(response.content):
                pass
    except (TimeoutError, aiohttp.ClientError, EngineError):
        return


async def _after_the_finish(response: aiohttp.ClientResponse, stream: ChatStream) -> AsyncGenerator[AnswerEvent, None]:
    """What follows a finish reason: the usage, and text of servers that give a reason too early. It is waited for
    FINISH_GRACE_S; the answer is whole already, so whatever else becomes of the connection ends it as well.
    """
    now = asyncio.get_running_loop().time
    until = now() + FINISH_GRACE_S
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, EngineError):
        while not stream.over:
            async with asyncio.timeout_at(min(until, now() + END_OF_BODY_WAIT_S) if stream.counted else until):
                data = await arrived(response.content)
            if not data:
                return
            for event in stream.feed(data):
                until = now() + FINISH_GRACE_S
                yield event


async def _check_opening(model: ModelSpec, response: aiohttp.ClientResponse) -> None:
    """Raises EngineError unless an event stream begins."""
    if response.status != 200:
        raise await _refusal(model, response)
    if not response.content_type.startswith("text/event-stream"):
        told = told_error_of(await _error_body(response))
        raise told or EngineFailed("the upstream did not answer with an event stream")


async def _refusal(model: ModelSpec, response: aiohttp.ClientResponse) -> EngineError:
    """The error an HTTP status stands for."""
    retry_after = response.headers.get("Retry-After", "")
    return refusal(model, response.status, await _error_body(response), retry_after, now_us() / 1e6)


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    """What an upstream says with an error, within bounds of size and time."""
    body = b""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, EngineError):
        async with asyncio.timeout(ERROR_BODY_WAIT_S):
            while len(body) < MAX_ERROR_BODY_BYTES and (piece := await arrived(response.content)):
                body += piece
    return body[:MAX_ERROR_BODY_BYTES]


def _unreachable(model: ModelSpec, why: str, *, reached: bool) -> EngineUnavailable:
    """`reached`: a connection was there, but what came over it was no answer."""
    said = f"the upstream of {model.id} {'gave no answer' if reached else 'cannot be reached'} ({why})"
    return EngineUnavailable(said, answered=reached, accepted=reached)
