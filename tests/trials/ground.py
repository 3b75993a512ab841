"""Where trials are made: a running stack, its raw upstream, and what they all ask of both."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.clock import monotonic_s
from tests.e2e.stack import Stack
from tests.eventually import eventually
from tests.fuzz.asking import Door, Seen, ask
from tests.fuzz.plans import Ask, End, Event, Plan, as_data
from tests.fuzz.upstream import Upstream, case_prompt
from tests.fuzz.wire import Answer, exchange, request

STORED_WITHIN_S = 15.0
WAYS: tuple[Ask, ...] = ("chat_whole", "chat_stream", "conversation")


def say(text: str, reason: str | None = None, **more: Any) -> bytes:
    """A chunk with content, and a finish reason if one is given."""
    return as_data({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}], **more})


HALF = say("Half")
STOP = as_data({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})


def counted(prompt: Any, completion: Any) -> bytes:
    """The usage, in a chunk of its own."""
    return as_data({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


def sent(*frames: bytes, end: End = "close", together: bool = True, **fields: Any) -> Plan:
    """An upstream that sends these frames, in one write or one by one."""
    if together:
        return Plan((Event(b"".join(frames)),), end=end, **fields)
    return Plan(tuple(Event(frame, 0.1) for frame in frames), end=end, **fields)


def refused(status: int, body: Any, **headers: str) -> Plan:
    """An upstream that answers a status."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = (
        ("Content-Type", "application/json"),
        *((name.replace("_", "-"), value) for name, value in headers.items()),
    )
    return Plan((Event(data),), status=status, headers=named, framing="length")


@dataclass
class Ground:
    """`numbers` name the cases, so that no two of a run are the same."""

    stack: Stack
    upstream: Upstream
    door: Door
    mark: str = "trial"
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def put(self, plan: Plan) -> str:
        """Have the upstream answer so; returns the name of the case."""
        name = f"{self.mark}-{next(self.numbers)}"
        self.upstream.plans[name] = plan
        return name

    async def play(self, plan: Plan, how: Ask, model: str = "fuzz", timeout_s: float = 60.0) -> tuple[Seen, str]:
        """(what its client saw, the name of the case)."""
        name = self.put(plan)
        conversation = await self.door.new_conversation() if how == "conversation" else ""
        seen = await ask(self.door, how, case_prompt(name), model, conversation=conversation, timeout_s=timeout_s)
        return seen, name

    async def three(self, plan: Plan, model: str = "fuzz") -> list[Seen]:
        """On all three surfaces at once, in the order of WAYS."""
        played = await asyncio.gather(*(self.play(plan, way, model) for way in WAYS))
        return [seen for seen, _ in played]

    async def stored(self, generation_id: str) -> dict[str, Any]:
        """The answer in the list of its conversation, once it has ended there."""
        state = (await self.door.call("GET", f"/api/v1/generations/{generation_id}")).json()
        path = f"/api/v1/conversations/{state['conversationId']}/messages"

        async def ended() -> dict[str, Any]:
            listed = (await self.door.call("GET", path)).json()["data"]
            message: dict[str, Any] = next(one for one in listed if one["id"] == generation_id)
            assert message["status"] != "running"
            return message

        return await eventually(ended, STORED_WITHIN_S)

    async def chat(self, body: dict[str, Any], extra: Mapping[str, str] | None = None) -> Answer:
        return await self.door.call("POST", "/v1/chat/completions", body, extra)

    async def raw(self, *writes: bytes, timeout_s: float = 20.0) -> Answer:
        return await exchange(self.door.port, list(writes), timeout_s=timeout_s)

    async def posted(self, path: str, body: bytes, timeout_s: float = 60.0) -> tuple[Answer, float]:
        """(the answer to a body as it is, seconds it took)."""
        began_s = monotonic_s()
        sent_bytes = request("POST", path, self.door.headers(), body)
        return await exchange(self.door.port, [sent_bytes], timeout_s=timeout_s), monotonic_s() - began_s

    async def beside(self, body: bytes, path: str = "/v1/chat/completions") -> tuple[Answer, float, float]:
        """(the answer, seconds it took, the longest wait of a /health beside it; infinite if one was not answered)."""
        waits, over = [0.0], asyncio.Event()

        async def poll() -> None:
            while not over.is_set():
                began_s = monotonic_s()
                answer = await self.door.call("GET", "/health")
                waits.append(monotonic_s() - began_s if answer.status else math.inf)

        async with asyncio.TaskGroup() as together:
            together.create_task(poll())
            answer, taken_s = await self.posted(path, body)
            over.set()
        return answer, taken_s, max(waits)


def told(seen: Sequence[Seen]) -> str:
    """In a few words, each surface."""
    words = []
    for one in seen:
        text = one.text if len(one.text) <= 24 else f"{len(one.text)} characters"
        words.append(f"{one.answer.status} {one.status} {text!r} {one.reason or one.code or ''}".strip())
    return "; ".join(dict.fromkeys(words))
