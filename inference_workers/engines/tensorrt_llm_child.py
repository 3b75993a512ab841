"""The process that holds a TensorRT-LLM engine: requests as JSON lines on stdin, tokens on stdout.

    {"op": "generate", "id", "prompt", "sampling"}   {"op": "abort", "id"}
    {"ready": true} | {"cannot_start": why}
    {"id", "text", "tokens", "ids"} … {"id", "finish", "prompt_tokens", "completion_tokens", "cached"} | {"id", "error"}

The end of stdin is the end of the process, so it never outlives its worker.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, BinaryIO

import orjson

from inference_workers.stops import StopScanner
from inference_workers.text import GrowingText

MAX_LINE_BYTES = 64 * 1024 * 1024


class _EngineProcess:
    def __init__(self, api: Any, engine: Any, out: BinaryIO) -> None:
        self._api = api
        self._engine = engine
        self._out = out
        self._running: dict[str, Any] = {}

    async def serve(self, requests: asyncio.StreamReader) -> None:
        """Work until the end of input; what runs then is aborted."""
        async with asyncio.TaskGroup() as tasks:
            while line := await requests.readline():
                message = orjson.loads(line)
                if message["op"] == "abort":
                    self._abort(message["id"])
                else:
                    tasks.create_task(self._generate(message["id"], message["prompt"], message["sampling"]))
            for request_id in list(self._running):
                self._abort(request_id)

    def _abort(self, request_id: str) -> None:
        running = self._running.get(request_id)
        if running is not None:
            running.abort()

    async def _generate(self, request_id: str, prompt: str, sampling: dict[str, Any]) -> None:
        try:
            given = {name: value for name, value in sampling.items() if value is not None}
            result = self._engine.generate_async(prompt, self._api.SamplingParams(**given), streaming=True)
        except Exception:
            # Its message may quote the prompt: only the kind of failure is told.
            self.tell({"id": request_id, "error": "rejected"})
            return
        self._running[request_id] = result
        try:
            await self._stream(request_id, result, sampling["stop"] or [])
        except Exception:
            self.tell({"id": request_id, "error": "failed"})
        finally:
            # Leaving the iteration stops nothing: only abort does, and after the end it is harmless.
            del self._running[request_id]
            result.abort()

    async def _stream(self, request_id: str, result: Any, stops: list[str]) -> None:
        """Tell text as it settles. The engine cuts a stop string off after parts of it came: those are held back."""
        growing, scanner, reason = GrowingText(), StopScanner(stops), ""
        told, seen = 0, 0
        async for step in result:
            output = step.outputs[0]
            reason, seen = output.finish_reason or reason, len(output.token_ids)
            cut_off = reason == "stop" and growing.cut_back(output.text)
            text = "" if cut_off else scanner.feed(growing.feed(output.text))
            if reason and not cut_off:
                text += scanner.feed(growing.flush()) + scanner.flush()
            if text:
                ids = [int(token) for token in output.token_ids[told:seen]]
                self.tell({"id": request_id, "text": text, "tokens": len(ids), "ids": ids})
                told = seen
            if scanner.stopped:
                reason = "stop"
                break
        if reason not in ("stop", "length"):
            self.tell({"id": request_id, "error": "failed"})
            return
        self.tell(
            {
                "id": request_id,
                "finish": reason,
                "prompt_tokens": len(result.prompt_token_ids),
                "completion_tokens": seen,
                "cached": getattr(result, "cached_tokens", None),
            }
        )

    def tell(self, message: dict[str, Any]) -> None:
        _tell(self._out, message)


def _tell(out: BinaryIO, message: dict[str, Any]) -> None:
    out.write(orjson.dumps(message) + b"\n")
    out.flush()


async def _main(settings: dict[str, Any], out: BinaryIO) -> None:
    try:
        import tensorrt_llm
    except ImportError:
        _tell(out, {"cannot_start": "the Python package tensorrt_llm is not installed, install the extra [gpu]"})
        return
    try:
        engine = tensorrt_llm.LLM(model=settings["model"], **settings["options"])
    except Exception as error:
        _tell(out, {"cannot_start": f"TensorRT-LLM could not load it ({type(error).__name__}: {error})"})
        return
    _tell(out, {"ready": True})
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await _EngineProcess(tensorrt_llm, engine, out).serve(reader)
    engine.shutdown()


def main() -> None:
    """Keep the real stdout for messages; whatever a library prints goes to stderr."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asyncio.run(_main(orjson.loads(sys.argv[1]), out))


if __name__ == "__main__":
    main()
