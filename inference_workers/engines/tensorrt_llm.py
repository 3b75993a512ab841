"""TensorRT-LLM's LLM API without a server: one child process per model, with JSON lines over pipes.

A child, because a CUDA fault takes its process down, and the worker must outlive it: then all of the model's calls fail
at once, retryable, and the next call starts another child. The child imports tensorrt_llm; this process never does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import orjson

from inference_workers.deadlines import DeadlineWatch
from inference_workers.endings import checked_end
from inference_workers.engines.text_parts import TextParts
from inference_workers.ports import (
    Delta,
    EngineError,
    EngineEvent,
    EngineFailed,
    EngineRejected,
    EngineRequest,
    EngineUnavailable,
    Finish,
    is_held,
)
from infra.clock import monotonic_s
from infra.logging import get_logger
from infra.models.catalogue import ModelSpec
from infra.models.chat_templates import TemplateError, render_prompt

CHILD_MODULE = "inference_workers.engines.tensorrt_llm_child"
RESTART_AFTER_S = 2.0
CLOSE_WAIT_S = 5.0
_ERRORS: dict[str, tuple[type[EngineError], str]] = {
    "rejected": (EngineRejected, "TensorRT-LLM refuses the request"),
    "failed": (EngineFailed, "TensorRT-LLM failed while generating"),
}
_log = get_logger(__name__)


class TensorRTLLMEngine:
    """Engine for every model with `engine = "tensorrt_llm"`. Children start at the first check or call."""

    def __init__(self, models: Sequence[ModelSpec], environ: Mapping[str, str] = os.environ) -> None:
        self._models = tuple(models)
        self._environ = environ
        self._children: dict[str, _Child] = {}

    def continues(self, model: ModelSpec) -> bool:
        """Always: the answer so far is put behind the prompt."""
        return True

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        """See Engine.generate. The engine looks for stop strings itself."""
        call = _Call()
        watch = DeadlineWatch(request.deadlines, lambda: call.fail(watch.expired or EngineFailed("expired")))
        child: _Child | None = None
        try:
            parts = TextParts(request)
            prompt = render_prompt(
                request.model,
                request.messages,
                request.prefix,
                request.tooling,
                template_kwargs=request.sampling.template_kwargs,
            )
            child = await self._child(request.model)
            child.begin(call, request, prompt)
            async for event in call.events():
                if isinstance(event, Delta):
                    watch.touch()
                    for said in parts.feed(event):
                        yield said
                elif isinstance(event, Finish):
                    for said in parts.end():
                        yield said
                    yield checked_end(
                        request, event, answered=parts.answered, thought=parts.thought, called=parts.called
                    )
        except TemplateError as error:
            raise EngineRejected(str(error), code="invalid_request") from None
        finally:
            watch.close()
            if child is not None:
                child.abort(request.request_id)

    async def check(self) -> None:
        """Every model is loaded. Raises EngineUnavailable while one still loads, and when one cannot be."""
        for model in self._models:
            (await self._child(model)).check()

    async def aclose(self) -> None:
        children, self._children = list(self._children.values()), {}
        for child in children:
            await child.aclose()

    async def _child(self, model: ModelSpec) -> _Child:
        child = self._children.get(model.id)
        if child is None or child.may_be_replaced():
            child = self._children[model.id] = _Child(model, monotonic_s())
            await child.start(self._environ)
        return child


class _Call:
    """What the child said for one request and the caller has not taken yet. Bounded by the answer's length."""

    def __init__(self) -> None:
        self._waiting: deque[Delta | Finish] = deque()
        self._error: EngineError | None = None
        self._arrived = asyncio.Event()

    def put(self, event: Delta | Finish) -> None:
        self._waiting.append(event)
        self._arrived.set()

    def fail(self, error: EngineError) -> None:
        self._error = self._error or error
        self._arrived.set()

    async def events(self) -> AsyncGenerator[Delta | Finish, None]:
        """Everything up to the Finish; deltas that wait together come as one. Raises the call's error."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            deltas = [event for event in self._waiting if isinstance(event, Delta)]
            finish = next((event for event in self._waiting if isinstance(event, Finish)), None)
            self._waiting.clear()
            if deltas:
                ids = tuple(token for delta in deltas for token in delta.token_ids or ())
                yield Delta("".join(d.text for d in deltas), sum(d.tokens for d in deltas), ids or None)
            if finish is not None:
                yield finish
                return
            if self._error is not None:
                raise self._error


class _Child(asyncio.SubprocessProtocol):
    """One child process and the calls that run in it."""

    def __init__(self, model: ModelSpec, started_at_s: float) -> None:
        self._model = model
        self._started_at_s = started_at_s
        self._transport: asyncio.SubprocessTransport | None = None
        self._calls: dict[str, _Call] = {}
        self._rest = b""
        self._ready = False
        self._dead: EngineUnavailable | None = None
        self._exited = asyncio.Event()

    async def start(self, environ: Mapping[str, str]) -> None:
        options = orjson.dumps({"model": self._model.upstream_model, "options": dict(self._model.options)}).decode()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.subprocess_exec(
            lambda: self, sys.executable, "-m", CHILD_MODULE, options, stderr=None, env=dict(environ)
        )
        self._transport = transport

    def check(self) -> None:
        if self._dead is not None:
            raise self._dead
        if not self._ready:
            raise EngineUnavailable(f"the model {self._model.id} is still being loaded")

    def may_be_replaced(self) -> bool:
        """Whether it is dead, and long enough after its start that another may be tried."""
        return self._dead is not None and monotonic_s() - self._started_at_s > RESTART_AFTER_S

    def begin(self, call: _Call, request: EngineRequest, prompt: str) -> None:
        """Hand the request over; what happens comes into `call`."""
        if self._dead is not None:
            raise EngineUnavailable(self._dead.message, accepted=False)
        sampling = request.sampling
        if is_held(sampling, request.tooling if request.offers_tools else None):
            raise EngineRejected(
                "this engine cannot hold an answer to a JSON schema or to a call of a tool", code="invalid_request"
            )
        self._calls[request.request_id] = call
        self._send(
            {
                "op": "generate",
                "id": request.request_id,
                "prompt": prompt,
                "sampling": {
                    "max_tokens": request.max_tokens,
                    "stop": list(sampling.stop) or None,
                    "temperature": sampling.temperature,
                    "top_p": sampling.top_p,
                    "seed": sampling.seed,
                    "frequency_penalty": sampling.frequency_penalty,
                    "presence_penalty": sampling.presence_penalty,
                },
            }
        )

    def abort(self, request_id: str) -> None:
        """Cancel: the engine stops at its next step. Harmless after the end."""
        if self._calls.pop(request_id, None) is not None and self._dead is None:
            self._send({"op": "abort", "id": request_id})

    async def aclose(self) -> None:
        if self._transport is None:
            return
        stdin: Any = self._transport.get_pipe_transport(0)
        stdin.close()
        try:
            async with asyncio.timeout(CLOSE_WAIT_S):
                await self._exited.wait()
        except TimeoutError:
            self._transport.kill()
            await self._exited.wait()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(orjson.loads(line))

    def process_exited(self) -> None:
        code = None if self._transport is None else self._transport.get_returncode()
        if self._dead is None:
            self._dead = EngineUnavailable(f"the process of model {self._model.id} ended (exit status {code})")
            _log.warning("engine process ended", model=self._model.id, status=code, calls=len(self._calls))
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.fail(EngineUnavailable(self._dead.message))
        self._exited.set()
        if self._transport is not None:
            self._transport.close()

    def _send(self, message: dict[str, Any]) -> None:
        if self._transport is not None:
            stdin: Any = self._transport.get_pipe_transport(0)
            stdin.write(orjson.dumps(message) + b"\n")

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("ready"):
            self._ready = True
            return
        if "cannot_start" in message:
            self._dead = EngineUnavailable(f"model {self._model.id}: {message['cannot_start']}")
            return
        call = self._calls.get(message["id"])
        if call is None:
            return
        if "error" in message:
            kind, said = _ERRORS.get(message["error"], _ERRORS["failed"])
            call.fail(kind(said))
        elif "finish" in message:
            call.put(
                Finish(message["finish"], message["prompt_tokens"], message["completion_tokens"], message["cached"])
            )
        else:
            call.put(Delta(message["text"], message["tokens"], tuple(message["ids"])))
