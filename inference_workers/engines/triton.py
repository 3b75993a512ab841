"""TensorRT-LLM behind NVIDIA Triton over gRPC: one stream per request on one shared channel per server.

Measured traps this is shaped by (research "triton" §1, §4, §6): leaving the iterator cancels nothing, so `cancel()` is
called; that cancel surfaces as CancelledError in the iterating task; the client drops the empty final response, so the
half-closed stream's end is the end marker; an end without any response is a failure; a frozen server is noticed by our
deadlines alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from tritonclient.grpc import InferInput, InferRequestedOutput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from inference_workers.deadlines import DeadlineWatch
from inference_workers.engines.text_parts import TextParts
from inference_workers.engines.triton_dialects import (
    Contract,
    Tensor,
    contract_of,
    looks_cumulative,
    request_tensors,
    tokens_a_block,
)
from inference_workers.engines.triton_errors import engine_error
from inference_workers.engines.triton_responses import ResponseReader
from inference_workers.ports import (
    Delta,
    EngineError,
    EngineEvent,
    EngineFailed,
    EngineRejected,
    EngineRequest,
    EngineUnavailable,
)
from infra.logging import get_logger
from infra.models.catalogue import Deadlines, ModelSpec
from infra.models.chat_templates import TemplateError, render_prompt
from schemas.conversation import ChatMessage, Sampling

CHANNEL_ARGS: list[tuple[str, int]] = [
    # These replace all of the client's defaults, hence the message lengths. The short backoff finds a restarted
    # server after 0.3 s instead of 3-6 s.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
HEADERS = {"triton_grpc_error": "true"}
"""Makes the first in-stream error a gRPC status that ends the stream."""
CHECK_TIMEOUT_S = 5.0
PROBE_TOKENS = 3

_log = get_logger(__name__)


@dataclass(slots=True)
class _Server:
    """One address: its channel and what its models were found to speak."""

    client: Any
    contracts: dict[str, Contract] = field(default_factory=dict)
    probed: set[str] = field(default_factory=set)


class TritonEngine:
    """Engine for every model with `engine = "triton"`. `address` serves the models that name none.

    `parameters` go along with each request; only the local stand-in model looks at them (its `sim_*` knobs).
    """

    def __init__(
        self, models: Sequence[ModelSpec], address: str = "", *, parameters: dict[str, int] | None = None
    ) -> None:
        self._models = tuple(models)
        self._address = address
        self._parameters = parameters or {}
        self._servers: dict[str, _Server] = {}

    def continues(self, model: ModelSpec) -> bool:
        """Always: the prompt is text, and the answer so far is put behind it."""
        return True

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        """See Engine.generate."""
        server = self._server(request.model)
        calls: list[Any] = []

        def cancel() -> None:
            for call in calls:
                call.cancel()

        def told(error: EngineError) -> EngineError:
            error.accepted = error.accepted or begun
            return error

        watch = DeadlineWatch(request.deadlines, cancel)
        begun = False
        try:
            contract = await self._contract(server, request.model, watch.remaining_s())
            reader, parts = ResponseReader(contract, request), TextParts(request)
            call = self._call(server, contract, request)
            calls.append(call)
            async for result, error in call:
                if error is not None:
                    raise told(engine_error(None, str(error), request.deadlines.total_s))
                watch.touch()
                begun = True
                said = reader.feed(result.get_response())
                if type(said) is Delta:
                    for event in parts.feed(said):
                        yield event
                elif said is not None:
                    yield said
                if reader.ended:
                    break
            last = reader.rest()
            for event in (parts.feed(last) if last is not None else []) + parts.end():
                yield event
            yield reader.finish(parts)
        except asyncio.CancelledError:
            # Our own cancel of the call looks like a cancel of this task, and only the count tells them apart.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise watch.expired or EngineUnavailable("the call to Triton was closed") from None
        except grpc.RpcError as error:
            raise watch.expired or told(_translated(error, request.deadlines.total_s)) from None
        except InferenceServerException as error:
            raise watch.expired or EngineUnavailable(_said(error)) from None
        finally:
            watch.close()
            cancel()

    async def check(self) -> None:
        """Every model is ready, speaks a known dialect and sends its text in the way models.toml says (a warning)."""
        for model in self._models:
            server = self._server(model)
            try:
                if not await server.client.is_model_ready(model.upstream_model, client_timeout=CHECK_TIMEOUT_S):
                    raise EngineUnavailable(f"Triton's model {model.upstream_model} is not ready")
            except (grpc.RpcError, InferenceServerException):
                raise EngineUnavailable(f"Triton at {self._address_of(model)} cannot be reached") from None
            server.contracts.pop(model.upstream_model, None)
            await self._contract(server, model, CHECK_TIMEOUT_S)
            if model.id not in server.probed:
                await self._probe(server, model)
                server.probed.add(model.id)

    async def aclose(self) -> None:
        servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            await server.client.close()

    def _address_of(self, model: ModelSpec) -> str:
        address = model.address or self._address
        if not address:
            said = f"no Triton address: set triton.grpc, or address of model {model.id} in models.toml"
            raise EngineRejected(said, code="engine_misconfigured")
        return address

    def _server(self, model: ModelSpec) -> _Server:
        address = self._address_of(model)
        if address not in self._servers:
            self._servers[address] = _Server(InferenceServerClient(address, channel_args=CHANNEL_ARGS))
        return self._servers[address]

    async def _contract(self, server: _Server, model: ModelSpec, timeout_s: float) -> Contract:
        """What the model's configuration declares, asked once. Raises EngineError."""
        name = model.upstream_model
        if name not in server.contracts:
            try:
                config = (await server.client.get_model_config(name, client_timeout=timeout_s)).config
            except grpc.RpcError as error:
                raise _not_taken(_translated(error, timeout_s)) from None
            except InferenceServerException as error:
                raise _not_taken(engine_error(_status(error), error.message(), timeout_s)) from None
            block = tokens_a_block(config.parameters["tokens_per_block"].string_value)
            contract = contract_of((i.name for i in config.input), (o.name for o in config.output), block)
            if model.dialect not in ("auto", contract.dialect):
                raise EngineRejected(
                    f"model {model.id}: models.toml says dialect {model.dialect}, but Triton's model {name} "
                    f"speaks {contract.dialect}",
                    code="engine_misconfigured",
                )
            server.contracts[name] = contract
        return server.contracts[name]

    def _call(self, server: _Server, contract: Contract, request: EngineRequest) -> Any:
        """The running call: an iterator of (result, error) with `cancel()`."""
        try:
            prompt = render_prompt(
                request.model,
                request.messages,
                request.prefix,
                request.tooling,
                template_kwargs=request.sampling.template_kwargs,
            )
        except TemplateError as error:
            raise EngineRejected(str(error), code="invalid_request") from None
        message = {
            "model_name": request.model.upstream_model,
            "inputs": [_infer_input(tensor) for tensor in request_tensors(contract, request, prompt)],
            "outputs": [InferRequestedOutput(name) for name in contract.wanted_outputs(request)],
            "request_id": request.request_id,
            "parameters": self._parameters,
        }

        async def once() -> AsyncGenerator[dict[str, Any], None]:
            yield message

        return server.client.stream_infer(once(), stream_timeout=request.deadlines.total_s, headers=HEADERS)

    async def _probe(self, server: _Server, model: ModelSpec) -> None:
        """Three tokens tell whether text comes in deltas or grows; a wrong text_mode garbles every answer."""
        request = EngineRequest(
            request_id=f"probe:{model.id}",
            model=model,
            messages=(ChatMessage("user", "Count to 9."),),
            sampling=Sampling(max_tokens=PROBE_TOKENS),
            deadlines=Deadlines(CHECK_TIMEOUT_S, CHECK_TIMEOUT_S, CHECK_TIMEOUT_S),
        )
        contract = server.contracts[model.upstream_model]
        call = self._call(server, contract, request)
        reader = ResponseReader(contract, request)
        texts: list[str] = []
        try:
            async for result, error in call:
                if error is not None:
                    raise engine_error(None, str(error), CHECK_TIMEOUT_S)
                texts.append(reader.raw_text(result.get_response()).decode("utf-8", "replace"))
        except grpc.RpcError as error:
            raise _translated(error, CHECK_TIMEOUT_S) from None
        finally:
            call.cancel()
        found = looks_cumulative(texts)
        if found is not None and found != (model.text_mode == "cumulative"):
            mode = "cumulative" if found else "delta"
            _log.warning("text_mode is probably wrong", model=model.id, declared=model.text_mode, found=mode)


def _infer_input(tensor: Tensor) -> Any:
    made = InferInput(tensor.name, tensor.data.shape, tensor.datatype)
    made.set_data_from_numpy(tensor.data)
    return made


def _translated(error: grpc.RpcError, total_s: float) -> EngineError:
    if isinstance(error, grpc.aio.AioRpcError):
        return engine_error(error.code(), error.details() or "", total_s)
    return EngineFailed("the call to Triton broke")


def _not_taken(error: EngineError) -> EngineError:
    """The error of a call that came before the request itself."""
    error.accepted = False
    return error


def _status(error: Any) -> grpc.StatusCode | None:
    name = str(error.status() or "").removeprefix("StatusCode.")
    return grpc.StatusCode[name] if name in grpc.StatusCode.__members__ else None


def _said(error: Any) -> str:
    return f"the call to Triton failed ({_status(error) or 'no status'})"
