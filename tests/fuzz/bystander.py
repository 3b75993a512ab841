"""Somebody else's streams beside the fuzz: one after the other, at an even pace, none of which may break."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

from infra.clock import monotonic_s
from tests.fuzz.asking import Door, seen_in_stream
from tests.fuzz.upstream import case_prompt
from tests.fuzz.wire import Answer

WORDS, PAUSE_S = 100, 0.05
TEXT = "".join(f"{number} " for number in range(WORDS)) + "end"
CASE = "bystander-0"


@dataclass
class Bystander:
    """`gaps_s`: the longest pause between two pieces of each stream; `broken`: what went wrong, a line each."""

    door: Door
    gaps_s: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    async def read_on(self, enough: asyncio.Event) -> None:
        """Stream after stream until `enough` is set; the last one is read to its end."""
        while not enough.is_set():
            await self._one()

    async def _one(self) -> None:
        messages = [{"role": "user", "content": case_prompt(CASE)}]
        body = {"model": "paced", "messages": messages, "stream": True}
        came: list[float] = []
        answer = await self.door.call(
            "POST",
            "/v1/chat/completions",
            body,
            timeout_s=WORDS * PAUSE_S + 60,
            on_data=lambda: came.append(monotonic_s()),
        )
        self._judge(answer)
        # The first piece waits for a worker, which is no gap in a stream.
        self.gaps_s.append(max((after - before for before, after in pairwise(came[1:])), default=0.0))

    def _judge(self, answer: Answer) -> None:
        seen = seen_in_stream(answer)
        if seen.problems or seen.status != "completed" or seen.text != TEXT:
            said = f"status {answer.status} {seen.code}, {seen.status}, {len(seen.text)} of {len(TEXT)} characters"
            self.broken.append(f"stream {len(self.gaps_s) + 1}: {said} {'; '.join(seen.problems)}")
