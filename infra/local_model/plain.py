"""The local model without Triton: `python -m infra.local_model.plain --port N --models FOLDER`.

Serves a Triton model repository of ours (the same model code, the same gRPC protocol) from one plain process, for hosts
where Triton cannot run. Loopback only. It speaks what Verbatim asks of Triton: readiness, configuration, streams.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from infra.local_model import backend
from infra.local_model.backend import InferenceRequest, InferenceResponse, ResponseSender, TritonError
from infra.local_model.wire import BadRequest, failed, inferred, input_tensors, parameters_of

MAX_STREAMS = 1024
MAX_PENDING_BYTES = 64 * 1024 * 1024
"""Of one stream whose client does not read: then it ends."""
STOP_GRACE_S = 5.0
ERROR_HEADER = "triton_grpc_error"
OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its code, its configuration, and the types of its inputs."""

    code: Any
    config: Any
    inputs: dict[str, str]


def load_models(folder: Path) -> dict[str, Model]:
    """The models of a Triton model repository, initialised."""
    backend.install()
    models = {}
    for file in sorted(folder.glob("*/config.pbtxt")):
        config = text_format.Parse(file.read_text("utf-8"), model_config_pb2.ModelConfig())
        spec = importlib.util.spec_from_file_location(f"local_model_{config.name}", file.parent / "1" / "model.py")
        if spec is None or spec.loader is None:
            raise FileNotFoundError(file.parent / "1" / "model.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        code = module.TritonPythonModel()
        said = {name: {"string_value": value.string_value} for name, value in config.parameters.items()}
        code.initialize({"model_config": json.dumps({"parameters": said})})
        types = model_config_pb2.DataType
        inputs = {
            i.name: types.Name(i.data_type).removeprefix("TYPE_").replace("STRING", "BYTES") for i in config.input
        }
        models[config.name] = Model(code, config, inputs)
    return models


class Stream:
    """One client's stream: responses of any thread in, messages out in order. `gone`: the request was cancelled."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._messages: asyncio.Queue[tuple[Any, bool, TritonError | None]] = asyncio.Queue()
        self._pending_bytes = 0
        self._open = 1
        self.gone = False
        self.error: TritonError | None = None
        """What ended it, once `messages` has come to it."""

    def opened(self) -> None:
        self._open += 1

    def put(self, message: Any, *, final: bool, error: TritonError | None = None) -> None:
        """From any thread. `error` ends the whole stream, behind what was put before."""
        with suppress(RuntimeError):  # the loop is closed: the process ends
            self._loop.call_soon_threadsafe(self._put, message, final, error)

    def _put(self, message: Any, final: bool, error: TritonError | None) -> None:
        if message is not None and not self.gone:
            self._pending_bytes += message.ByteSize()
            if self._pending_bytes > MAX_PENDING_BYTES:
                self.gone, error = True, TritonError("the client does not read", TritonError.INTERNAL)
        self._messages.put_nowait((None if self.gone else message, final, error))

    async def messages(self) -> AsyncIterator[Any]:
        """Until all that was opened has had its final response, or an error."""
        while self._open and self.error is None:
            message, final, self.error = await self._messages.get()
            self._open -= final
            if message is not None:
                self._pending_bytes -= message.ByteSize()
                yield message


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # tritonclient has no types
    """What Verbatim asks of Triton; other calls are refused as unimplemented."""

    def __init__(self, models: dict[str, Model]) -> None:
        self._models = models

    async def ServerLive(self, request: Any, context: Any) -> Any:
        return service_pb2.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Any) -> Any:
        return service_pb2.ServerReadyResponse(ready=True)

    async def ModelReady(self, request: Any, context: Any) -> Any:
        return service_pb2.ModelReadyResponse(ready=request.name in self._models)

    async def ModelConfig(self, request: Any, context: Any) -> Any:
        if request.name not in self._models:
            await context.abort(grpc.StatusCode.NOT_FOUND, _unknown(request.name))
        return service_pb2.ModelConfigResponse(config=self._models[request.name].config)

    async def ModelStreamInfer(self, requests: AsyncIterator[Any], context: Any) -> None:
        """Any number of requests a stream. An error ends it for clients that ask for that, else it is a message."""
        ends = any(key == ERROR_HEADER and value == "true" for key, value in context.invocation_metadata())
        stream = Stream()
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._read(requests, stream, ends=ends))
                async for message in stream.messages():
                    await context.write(message)
                reader.cancel()
        finally:
            stream.gone = True
        if stream.error is not None:
            await context.abort(grpc.StatusCode[stream.error.code], str(stream.error))

    async def _read(self, requests: AsyncIterator[Any], stream: Stream, *, ends: bool) -> None:
        try:
            async for request in requests:
                self._begin(request, stream, ends=ends)
        finally:
            stream.put(None, final=True)

    def _begin(self, request: Any, stream: Stream, *, ends: bool) -> None:
        stream.opened()

        def fail(error: TritonError) -> None:
            if ends:
                stream.put(None, final=True, error=error)
            else:
                stream.put(failed(str(error)), final=True)

        def deliver(response: InferenceResponse | None, final: bool) -> None:
            if response is not None and response.error is not None:
                fail(response.error)
            elif response is not None:
                stream.put(inferred(request.model_name, request.id, response), final=final)
            else:
                stream.put(None, final=final)

        model = self._models.get(request.model_name)
        try:
            if model is None:
                raise BadRequest(_unknown(request.model_name))
            names = [output.name for output in request.outputs] or [output.name for output in model.config.output]
            sender = ResponseSender(deliver, lambda: stream.gone)
            tensors = input_tensors(request, model.inputs)
            model.code.execute([InferenceRequest(request.id, tensors, names, parameters_of(request), sender)])
        except BadRequest as error:
            fail(TritonError(str(error), TritonError.INVALID_ARG))


def _unknown(name: str) -> str:
    return f"Request for unknown model: '{name}' is not found"


async def serve(port: int, folder: Path) -> None:
    """Until SIGTERM; streams that run get STOP_GRACE_S to end."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    models = load_models(folder)
    server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=MAX_STREAMS)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Service(models), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await stop.wait()
    await server.stop(STOP_GRACE_S)
    for model in models.values():
        model.code.finalize()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.local_model.plain", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--models", type=Path, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.models))
    # Threads of gRPC may outlive the loop for seconds; nothing is left to be done.
    os._exit(0)


if __name__ == "__main__":
    main()
