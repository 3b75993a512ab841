"""What the engine suite needs of an engine under test, and how to call it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from inference_workers.ports import Arguments, Delta, Engine, EngineRequest, Finish, Reasoning, Refusal, ToolCall
from infra.models.catalogue import Deadlines, ModelSpec
from schemas.conversation import ChatMessage, Sampling
from schemas.parts import ToolDefinition, Tooling
from tests.eventually import eventually

Behaviour = Literal["echo", "stall", "sleep", "die"]
Asked = Literal["call", "two calls", "think", "think and call", "refuse"]
CITY = '{"city": "Zürich"}'
WEATHER = ToolDefinition("weather", "Says it.", '{"type": "object", "properties": {"city": {"type": "string"}}}')
TOOLS = Tooling(tools=(WEATHER, ToolDefinition("time")))


@dataclass
class EngineUnderTest:
    """An engine, and how it is made to repeat a text, be silent, or die in the middle.

    `prepare` gives the engine and the message for a behaviour; `idle` tells that nothing runs upstream any more.
    `asks`: the message that makes it call `weather` for CITY (and then `time`), think "Hm." before it says "Yes." or
    calls, refuse with "No."; None: it cannot. `guided`: it can be made to call.
    """

    model: ModelSpec
    prepare: Callable[[Behaviour, str], tuple[Engine, str]]
    idle: Callable[[], Awaitable[bool] | bool]
    counts_usage: bool = True
    ids_told: bool = False
    asks: Callable[[Asked], str | None] = lambda asked: None
    guided: bool = False


@dataclass
class Answer:
    """What an engine sent."""

    deltas: list[Delta] = field(default_factory=list)
    thoughts: list[Reasoning] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    calls: list[tuple[ToolCall, list[Arguments]]] = field(default_factory=list)
    finish: Finish | None = None

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)

    @property
    def tokens(self) -> int:
        return sum(delta.tokens for delta in self.deltas)

    @property
    def called(self) -> list[tuple[str, str]]:
        """Name and arguments of each call."""
        return [(call.name, "".join(more.text for more in arguments)) for call, arguments in self.calls]


async def until(check: Callable[[], Awaitable[bool] | bool], timeout_s: float) -> None:
    """Wait for `check`, plain or async, to say True without raising."""

    async def checked() -> bool:
        result = check()
        return result if isinstance(result, bool) else await result

    _: bool = await eventually(checked, timeout_s)


_calls = iter(range(10**9))


def call(
    model: ModelSpec,
    message: str,
    sampling: Sampling | None = None,
    deadlines: Deadlines | None = None,
    prefix: str = "",
    tooling: Tooling | None = None,
) -> EngineRequest:
    """A request with an id of its own."""
    return EngineRequest(
        request_id=f"generation:1:{next(_calls)}",
        model=model,
        messages=(ChatMessage("system", "Be exact."), ChatMessage("user", message)),
        sampling=replace(sampling or Sampling(), max_tokens=(sampling and sampling.max_tokens) or 200),
        deadlines=deadlines or Deadlines(10, 10, 20),
        prefix=prefix,
        tooling=tooling,
    )


async def answer(engine: Engine, request: EngineRequest, into: Answer | None = None) -> Answer:
    """Everything the engine sends, also what came before an error if `into` is given."""
    got = into or Answer()
    async with contextlib.aclosing(engine.generate(request)) as events:
        async for event in events:
            assert got.finish is None, "nothing follows the Finish"
            if isinstance(event, Delta):
                got.deltas.append(event)
            elif isinstance(event, Reasoning):
                got.thoughts.append(event)
            elif isinstance(event, Refusal):
                got.refusals.append(event)
            elif isinstance(event, ToolCall):
                got.calls.append((event, []))
            elif isinstance(event, Arguments):
                got.calls[-1][1].append(event)
            else:
                got.finish = event
    return got
