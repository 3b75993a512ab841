"""A model that counts: every token says which generation and which number it is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from random import Random

from inference_workers.ports import (
    Arguments,
    Delta,
    EngineEvent,
    EngineRequest,
    EngineUnavailable,
    Finish,
    FinishReason,
    Reasoning,
    ToolCall,
)
from infra.models.spec import Deadlines, ModelSpec
from schemas.envelope import plain
from schemas.parts import ToolDefinition, Tooling
from schemas.price import Price

PRICE = Price("sim", "EUR", 1_000_000, 100_000, 3_000_000)
DEADLINES = Deadlines(first_token_s=5.0, inter_token_s=5.0, total_s=30.0)
_QUESTION = re.compile(r"Count from 1 to (\d+), each marked (\w+)\.")


def _model(name: str, *, continues: bool) -> ModelSpec:
    return ModelSpec(
        id=name,
        engine="triton",
        upstream_model=name,
        context_tokens=4096,
        max_output_tokens=1024,
        price=PRICE,
        deadlines=DEADLINES,
        capabilities=("streaming", "tools", "continue") if continues else ("streaming", "tools"),
    )


COUNTS = _model("counts", continues=True)
COUNTS_ONCE = _model("counts-once", continues=False)
"""One that cannot go on from given text."""
THINKS = _model("thinks", continues=True)
"""One that thinks before it counts, and calls the first tool that it is offered."""
TOOLS = Tooling(tools=(ToolDefinition("mark"),))


@dataclass(slots=True)
class CountingEngine:
    """inference_workers.ports.Engine. `away`: says whether it is to be reached now."""

    rng: Random
    away: dict[str, float]

    async def generate(self, request: EngineRequest) -> AsyncGenerator[EngineEvent, None]:
        # A prompt without an answer stands before the next one in its message.
        asked = _QUESTION.findall(plain(request.messages[-1].content))
        if not asked:
            raise EngineUnavailable("no such question")
        count, tag = int(asked[-1][0]), asked[-1][1]
        thinks = request.model.id == THINKS.id
        thoughts = [f"{tag} is ", "the mark. "] if thinks and not request.prefix else []
        calls = thinks and request.offers_tools
        tokens = [f"{'' if n == 1 else ', '}{tag}:{n}" for n in range(1, count + 1)]
        done = request.prefix.count(":")
        assert "".join(tokens[:done]) == request.prefix, "a prefix ends with a whole token of this question's answer"
        pace_s = self.rng.choice((0.002, 0.012, 0.05, 0.15))
        await asyncio.sleep(self.rng.uniform(0.005, 0.2))
        sent = 0
        for thought in thoughts:
            self._reachable()
            await asyncio.sleep(pace_s)
            yield Reasoning(thought, 2)
        for token in tokens[done:][: request.max_tokens]:
            self._reachable()
            await asyncio.sleep(pace_s)
            yield Delta(token, 1)
            sent += 1
        self._reachable()
        if calls:
            yield ToolCall("", "mark", 1)
            for piece in ('{"tag": ', f'"{tag}"}}'):
                await asyncio.sleep(pace_s)
                self._reachable()
                yield Arguments(piece, 1)
        reason: FinishReason = "length" if done + sent < count else "tool_calls" if calls else "stop"
        yield Finish(reason, 9, sent + 2 * len(thoughts) + 3 * calls, 0, 2 * len(thoughts))

    def _reachable(self) -> None:
        if asyncio.get_running_loop().time() < self.away.get("until_s", 0.0):
            raise EngineUnavailable("the engine went away")

    def continues(self, model: ModelSpec) -> bool:
        return "continue" in model.capabilities

    async def check(self) -> None:
        """Always there."""

    async def aclose(self) -> None:
        """Nothing is open."""
