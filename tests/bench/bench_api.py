"""What a token costs the api process: decode + fold + frame + one ASGI send, without sockets and Kafka's client.

    python -m tests.bench.bench_api

100 streams of 200 tokens each; per batch one record of each stream, as at 50 tokens a second and stream.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import Any

import uvloop

from api.openai.shapes import ChoiceFrames
from api.streaming.frames import EventFrames, Frames
from api.streaming.readers import Credential, Readers
from api.streaming.sse import EventStream
from api.streaming.tail_hub import TailHub
from schemas import ids
from tests.unit.api.memory_log import TOPICS, Attempt, MemoryLog, MemoryRecord
from tests.unit.api.turns import TURN

STREAMS = 100
TOKENS = 200


def recorded(number: int) -> tuple[Any, list[MemoryRecord]]:
    """A generation's turn and its records."""
    conversation = ids.conversation_id("bench", str(number))
    turn = replace(
        TURN,
        generation_id=ids.generation_id(conversation),
        conversation_id=conversation,
        prompt_message_id=TURN.message_id,
        kind="stateless",
        model="m",
    )
    log = MemoryLog()
    attempt = Attempt(log, turn).start()
    for _ in range(TOKENS):
        attempt.chunk(" token")
    attempt.end()
    return turn, next(iter(log.partitions.values()))


class Sink:
    """A socket that takes everything."""

    writes = 0

    async def receive(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(self, message: Any) -> None:
        self.writes += 1


async def measured(make: Any, batch_of: int) -> tuple[float, int]:
    """(microseconds of CPU a token, socket writes) with `batch_of` records of a stream in one batch."""
    log, sink = MemoryLog(), Sink()
    hub, readers = TailHub(TOPICS, log), Readers(15)
    generations = [recorded(number) for number in range(STREAMS)]
    async with asyncio.TaskGroup() as tasks:
        for turn, _ in generations:
            feed = hub.open(turn.generation_id, turn.conversation_id, turn.user_id)
            frames: Frames = make()
            stream = EventStream(feed, frames, readers, Credential("k"), partial(hub.close, feed))
            tasks.create_task(stream({"type": "http"}, sink.receive, sink.send))
        await asyncio.sleep(0.05)
        before = time.process_time()
        for place in range(0, TOKENS + 2, batch_of):
            hub.on_batch([record for _, records in generations for record in records[place : place + batch_of]])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    return (time.process_time() - before) / (STREAMS * TOKENS) * 1e6, sink.writes


def main() -> None:
    for name, make in (("events", EventFrames), ("openai", lambda: ChoiceFrames(include_usage=False))):
        for batch_of in (1, 4):
            runs = sorted(
                asyncio.Runner(loop_factory=uvloop.new_event_loop).run(measured(make, batch_of)) for _ in range(5)
            )
            cost, writes = runs[2]
            print(f"{name:>7}, {batch_of} a batch: {cost:5.1f} us a token, {writes} writes")


if __name__ == "__main__":
    main()
