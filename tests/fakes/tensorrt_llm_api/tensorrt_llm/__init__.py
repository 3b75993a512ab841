"""A stand-in with the interface of TensorRT-LLM's LLM API (`LLM`, `SamplingParams`, streamed results), and no model.

Same names, arguments and semantics as the real package: `generate_async(..., streaming=True)` returns at once an object
that is iterated for steps with `outputs[0].text` (the whole text), `token_ids` (all), `text_diff`, `token_ids_diff`,
`finish_reason`, `finished`; leaving the iteration stops nothing, `abort()` does; unfinished characters show as U+FFFD.

The "model" repeats the last user message, a byte a token. Messages that start with a word in capitals misbehave.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STEP_S = 0.002


@dataclass
class SamplingParams:
    """As tensorrt_llm.SamplingParams; unknown names are refused there too."""

    max_tokens: int = 32
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: list[str] | str | None = None
    include_stop_str_in_output: bool = False
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


@dataclass
class CompletionOutput:
    index: int = 0
    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    finish_reason: str | None = None
    stop_reason: int | str | None = None
    _shown_text: int = 0
    _shown_ids: int = 0

    @property
    def text_diff(self) -> str:
        return self.text[self._shown_text :]

    @property
    def token_ids_diff(self) -> list[int]:
        return self.token_ids[self._shown_ids :]


class RequestOutput:
    """One request in the engine: steps are made by the engine's task, whoever listens."""

    def __init__(self, prompt: str, params: SamplingParams) -> None:
        self.prompt = prompt
        self.prompt_token_ids = list(prompt.encode())
        self.outputs = [CompletionOutput()]
        self.finished = False
        self._params = params
        self._aborted = False
        self._steps: asyncio.Queue[None] = asyncio.Queue()
        self._error: Exception | None = None

    def abort(self) -> None:
        self._aborted = True

    def __aiter__(self) -> AsyncIterator[RequestOutput]:
        return self

    async def __anext__(self) -> RequestOutput:
        if self.finished and self._steps.empty():
            raise StopAsyncIteration
        await self._steps.get()
        if self._error is not None:
            raise self._error
        return self

    async def run(self) -> None:
        asked = re.findall(r"<\|user\|>\n(.*?)<\|end\|>", self.prompt, re.DOTALL)[-1].replace("\u2060", "")
        order, _, text = asked.partition(" ")
        if order not in ("STALL", "FAIL", "CRASH", "SLEEP"):
            order, text = "", asked
        begun = self.prompt.rsplit("<|assistant|>\n", 1)[1]
        answer = text.removeprefix(begun).encode()
        output, stops = self.outputs[0], self._params.stop or []
        for number, byte in enumerate(answer):
            while order == "SLEEP" or (order == "STALL" and number == 3):
                await asyncio.sleep(STEP_S)
                if self._aborted:
                    break
            await asyncio.sleep(STEP_S)
            if self._aborted:
                self._note("aborted")
                self._finish("cancelled")
                return
            if order == "FAIL" and number == 3:
                self._error = RuntimeError(f"executor failed at {asked}")
                self._steps.put_nowait(None)
                return
            if order == "CRASH" and number == 3:
                os._exit(9)
            output.token_ids.append(byte)
            output.text = bytes(output.token_ids).decode("utf-8", "replace")
            for stop in [stops] if isinstance(stops, str) else stops:
                if stop in output.text:
                    output.text = output.text[: output.text.index(stop)]
                    self._finish("stop")
                    return
            if len(output.token_ids) >= self._params.max_tokens:
                self._finish("length")
                return
            if number < len(answer) - 1:
                self._steps.put_nowait(None)
        self._finish("stop")

    def _finish(self, reason: str) -> None:
        self.outputs[0].finish_reason = reason
        self.finished = True
        self._steps.put_nowait(None)

    def _note(self, line: str) -> None:
        if path := os.environ.get("FAKE_TENSORRT_LLM_NOTES"):
            with Path(path).open("a") as file:
                file.write(line + "\n")


class LLM:
    """The engine. The real one also prints to stdout while it loads."""

    def __init__(self, model: str, **options: Any) -> None:
        print(f"[TensorRT-LLM] loading {model}")
        if model == "missing-model":
            raise FileNotFoundError("no such model")
        self._runs: set[asyncio.Task[None]] = set()

    def generate_async(
        self, inputs: str, sampling_params: SamplingParams | None = None, *, streaming: bool = False
    ) -> RequestOutput:
        if len(inputs) > 100_000:
            raise ValueError(f"prompt too long: {inputs}")
        output = RequestOutput(inputs, sampling_params or SamplingParams())
        run = asyncio.get_running_loop().create_task(output.run())
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)
        return output

    def shutdown(self) -> None:
        for run in self._runs:
            run.cancel()
