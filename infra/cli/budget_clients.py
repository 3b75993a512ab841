"""The clients of the budget storm (and of the demo of fairness): each asks until its answer has an end."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

import aiohttp

from infra.clock import monotonic_s

ANSWER_S = 300.0
AGAIN_S = 0.3
LONGEST_AGAIN_S = 3.0
MAX_CONNECTIONS = 1000


@dataclass(frozen=True, slots=True)
class Storm:
    """What is done. `budget`: in tokens."""

    account: str
    key: str
    model: str
    budget: int
    streams: int
    kills: int
    seed: int
    numbers: int = 20
    """How far each answer counts."""
    within_s: float = 600.0
    leaving: float = 0.25
    """The share of clients that leave before the end."""
    cancelling: float = 0.0
    """The share of clients that cancel before the end, and read on."""
    pace: float = 0.0
    """How many tokens a second the model says, as the scripted one is told; 0: as it likes."""

    @property
    def prompt(self) -> str:
        """What every client asks."""
        return f"[[count {self.numbers}]] [[pace {self.pace:g}]]" if self.pace else f"Count to {self.numbers}."


@dataclass(slots=True)
class Tally:
    """What clients saw."""

    ends: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """Kills by kind."""
    amid: int = 0
    """Kills while streams were open."""
    cancels: int = 0
    """Answers that a client has cancelled."""
    tries: int = 0
    chunks: int = 0
    open: int = 0


async def stream(session: aiohttp.ClientSession, url: str, asked: Storm, tally: Tally, rng: Random) -> None:
    """One stream, from its request to its end, its refusal, or the moment at which its client leaves."""
    await asyncio.sleep(rng.uniform(0, 2.0))
    body = {
        "model": asked.model,
        "stream": True,
        "messages": [{"role": "user", "content": asked.prompt}],
    }
    drawn = rng.random()
    leaves_after = rng.randint(1, asked.numbers) if drawn < asked.leaving else None
    cancels = asked.leaving <= drawn < asked.leaving + asked.cancelling
    cancels_after = rng.randint(1, asked.numbers) if cancels else None
    key = f"storm-{asked.seed}-{rng.randrange(1 << 60)}"
    headers = {"Authorization": f"Bearer {asked.key}", "Idempotency-Key": key}
    tally.open += 1
    client = Client(session, url, headers, tally, leaves_after, cancels_after)
    until_s, pause_s = monotonic_s() + asked.within_s, AGAIN_S
    try:
        while monotonic_s() < until_s:
            tally.tries += 1
            end = await client.ask(body)
            if end != "again":
                tally.ends[end] += 1
                return
            await asyncio.sleep(pause_s * rng.uniform(0.5, 2.0))
            pause_s = min(pause_s * 1.5, LONGEST_AGAIN_S)
        tally.ends["gave up"] += 1
    finally:
        tally.open -= 1


@dataclass(slots=True)
class Client:
    """Whoever asks: again until there is an end, with one idempotency key."""

    session: aiohttp.ClientSession
    url: str
    headers: Mapping[str, str]
    tally: Tally
    leaves_after: int | None = None
    cancels_after: int | None = None
    has_cancelled: bool = False

    async def ask(self, body: Mapping[str, object]) -> str:
        """How it ended: a finish reason, an error's code, "left", "cancelled" (by this client), or "again"."""
        try:
            async with self.session.post(
                f"{self.url}/v1/chat/completions",
                json=body,
                headers=self.headers,
                timeout=aiohttp.ClientTimeout(total=ANSWER_S),
            ) as answer:
                if answer.status == 429:
                    said = await answer.json()
                    final = answer.headers.get("x-should-retry") == "false"
                    return str(said["error"]["code"]) if final else "again"
                if answer.status != 200:
                    return "again"
                return await self._read(answer)
        except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError):
            return "again"

    async def _read(self, answer: aiohttp.ClientResponse) -> str:
        chunks, end = 0, "again"
        async for line in answer.content:
            if not line.startswith(b"data: "):
                continue
            if line.startswith(b"data: [DONE]"):
                return "cancelled" if self.has_cancelled else end
            chunks += 1
            self.tally.chunks += 1
            if self.leaves_after is not None and chunks > self.leaves_after:
                return "left"
            said = json.loads(line[6:])
            if self.cancels_after is not None and chunks > self.cancels_after:
                self.cancels_after = None
                await self._cancel(str(said["id"]))
            if "error" in said:
                end = str(said["error"].get("code"))
            for choice in said.get("choices", ()):
                end = choice.get("finish_reason") or end
        return "cancelled" if self.has_cancelled else "again"

    async def _cancel(self, completion: str) -> None:
        """Stop the answer, and read on to whatever end it has then."""
        name = completion.removeprefix("chatcmpl-")
        generation = "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))
        path = f"{self.url}/api/v1/generations/{generation}/cancel"
        async with self.session.post(path, json={}, headers=self.headers) as answer:
            if answer.status == 200:
                self.has_cancelled = True
                self.tally.cancels += 1
