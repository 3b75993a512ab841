"""Any server that speaks OpenAI's Chat Completions: vLLM, SGLang, llama.cpp, Ollama, OpenAI itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import aiohttp
import orjson

from inference_workers.deadlines import DeadlineWatch
from inference_workers.engines.openai_stream import ChatStream, told_error
from inference_workers.ports import (
    Delta,
    EngineError,
    EngineEvent,
    EngineFailed,
    EngineOverloaded,
    EngineRejected,
    EngineRequest,
    EngineUnavailable,
)
from infra.models import ModelSpec
from schemas.envelope import plain

MAX_RETRY_AFTER_S = 60.0
MAX_ERROR_BODY_BYTES = 64 * 1024
CHECK_TIMEOUT_S = 5.0
END_OF_BODY_WAIT_S = 0.05


class OpenAIEngine:
    """Engine for every model with `engine = "openai"`, over one session of kept-alive connections.

    `environ` is where the models' keys are looked up, at each call.
    """

    def __init__(self, models: Sequence[ModelSpec], environ: Mapping[str, str] = os.environ) -> None:
        self._models = tuple(models)
        self._environ = environ
        self._session: aiohttp.ClientSession | None = None

    def continues(self, model: ModelSpec) -> bool:
        """Only where models.toml says so: the protocol has no standard way to continue an answer."""
        return "continue" in model.capabilities

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        """See Engine.generate. The upstream's stop strings and token limit are relied on."""
        model, stream = request.model, ChatStream()
        response: aiohttp.ClientResponse | None = None

        def give_up() -> None:
            if response is None:
                opening.reschedule(asyncio.get_running_loop().time())
            elif watch.expired is not None:
                response.content.set_exception(watch.expired)

        watch = DeadlineWatch(request.deadlines, give_up)
        try:
            async with asyncio.timeout(None) as opening:
                response = await self._post(model, request)
            if response.status != 200:
                raise await _refusal(model, response)
            if not response.content_type.startswith("text/event-stream"):
                raise EngineFailed("the upstream did not answer with an event stream")
            async for data in response.content.iter_any():
                text, tokens = stream.feed(data)
                if tokens:
                    watch.touch()
                    if text:
                        yield Delta(text, tokens)
                if stream.done:
                    break
            finish = stream.finish()
            await _read_to_end(response)
            yield finish
        except TimeoutError:
            raise watch.expired or EngineUnavailable(f"the upstream of {model.id} cannot be reached") from None
        except aiohttp.ClientPayloadError:
            raise EngineUnavailable("the upstream's answer broke off") from None
        except (aiohttp.ClientError, OSError) as error:
            said = f"the upstream of {model.id} cannot be reached ({type(error).__name__})"
            raise EngineUnavailable(said) from None
        finally:
            watch.close()
            if response is not None:
                response.release() if response.content.at_eof() else response.close()

    async def check(self) -> None:
        """Ask every upstream for its models; one that has no such page counts as well."""
        for address, model in {model.address: model for model in self._models}.items():
            try:
                async with asyncio.timeout(CHECK_TIMEOUT_S):
                    url = f"{(address or '').rstrip('/')}/models"
                    async with self._opened().get(url, headers=self._headers(model)) as response:
                        if response.status not in (200, 404, 405):
                            raise await _refusal(model, response)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                said = f"the upstream of {model.id} cannot be reached ({type(error).__name__})"
                raise EngineUnavailable(said) from None

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _post(self, model: ModelSpec, request: EngineRequest) -> aiohttp.ClientResponse:
        return await self._opened().post(
            f"{(model.address or '').rstrip('/')}/chat/completions",
            data=orjson.dumps(self._body(model, request)),
            headers=self._headers(model) | {"Content-Type": "application/json", "X-Request-Id": request.request_id},
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
                raise EngineRejected(f"the variable {model.api_key_env} with the key of model {model.id} is not set")
            headers["Authorization"] = f"Bearer {key}"
        return headers

    def _body(self, model: ModelSpec, request: EngineRequest) -> dict[str, Any]:
        messages: list[dict[str, str]] = [
            {"role": message.role, "content": plain(message.content)} | ({"name": message.name} if message.name else {})
            for message in request.messages
        ]
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": model.upstream_model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": request.max_tokens,
        }
        if request.prefix:
            messages.append({"role": "assistant", "content": request.prefix})
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        for name in ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"):
            if (value := getattr(sampling, name)) is not None:
                body[name] = value
        return body


async def _read_to_end(response: aiohttp.ClientResponse) -> None:
    """Take the end of the body, which follows [DONE] at once, so that the connection can be used again."""
    if response.content.at_eof():
        return
    try:
        async with asyncio.timeout(END_OF_BODY_WAIT_S):
            async for _ in response.content.iter_any():
                pass
    except (TimeoutError, aiohttp.ClientError, EngineError):
        return


async def _refusal(model: ModelSpec, response: aiohttp.ClientResponse) -> EngineError:
    """The error an HTTP status stands for."""
    status = response.status
    if status in (401, 403):
        where = f"check the variable {model.api_key_env}" if model.api_key_env else "set api_key_env in models.toml"
        return EngineRejected(
            f"the upstream of {model.id} refuses our key (HTTP {status}): {where}", code="engine_auth"
        )
    if status in (429, 529):
        said = f"the upstream of {model.id} is overloaded (HTTP {status})"
        return EngineOverloaded(said, retry_after_s=_retry_after_s(response.headers.get("Retry-After", "")))
    if status >= 500 or status == 408:
        return EngineUnavailable(f"the upstream of {model.id} failed (HTTP {status})")
    try:
        told = told_error(orjson.loads(await response.content.read(MAX_ERROR_BODY_BYTES)).get("error"))
    except (ValueError, AttributeError, aiohttp.ClientError):
        told = EngineRejected("")
    if told.code == "context_length_exceeded":
        return told
    return EngineRejected(f"the upstream of {model.id} refuses the request (HTTP {status})")


def _retry_after_s(header: str) -> float | None:
    """Seconds of a Retry-After header within bounds; dates are not used by inference servers and give None."""
    try:
        return min(max(float(header), 0.0), MAX_RETRY_AFTER_S)
    except ValueError:
        return None
