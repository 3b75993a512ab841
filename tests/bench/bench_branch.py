"""What a page of a long conversation's branch costs, and a search through it: the app on a real store, without sockets.

    python -m tests.bench.bench_branch --state DIR [--messages 5000]

DIR: the state folder of running servers; a keyspace of the bench's own is made and dropped. Half of the prompts in the
middle have a second answer, so that there is something to switch. `cpu` is this process's own, a request.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import uvloop

from api.app import create_app
from api.consistency.own_writes import OwnWrites
from schemas import ids
from tests.fakes.projection_records import outcome, prompt, regenerate, turn_of
from tests.integration.projected import Projected, projected_in
from tests.stack_fixture import settings_of
from tests.unit.api.world import World

USER = ids.user_id("alice")
CONVERSATION = ids.conversation_id(USER, "bench")
TEXT = "An event log is an append-only sequence of records, und über allem steht die Reihenfolge. " * 12
REPEATS = 25


async def filled(log: Projected, messages: int) -> list[str]:
    """Project a conversation; returns the ids of its straight branch."""
    branch: list[str] = []
    for number in range(messages // 2):
        asked = prompt(
            CONVERSATION, str(number), USER, parent=branch[-1] if branch else None, content=f"{number}: {TEXT[:200]}"
        )
        log.ended(outcome(turn_of(asked, log.said(asked)), text=f"{number}: {TEXT}"))
        branch += [asked.message_id, asked.generation_id]
        if number % 100 == 50:
            wish = regenerate(CONVERSATION, f"again {number}", asked.message_id, USER)
            log.ended(outcome(turn_of(wish, log.said(wish)), text="Otherwise."))
    await log.show()
    return branch


async def measured(client: httpx.AsyncClient, name: str, path: str, **query: Any) -> None:
    took = []
    answer = None
    busy = time.process_time()
    for _ in range(REPEATS):
        began = time.perf_counter()
        answer = await client.get(path, params=query)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
    assert answer is not None
    busy = (time.process_time() - busy) * 1000 / REPEATS
    median, worst = statistics.median(took), sorted(took)[int(0.95 * len(took))]
    print(
        f"{name:30} best {min(took):6.1f}   median {median:6.1f}   p95 {worst:6.1f}   cpu {busy:6.1f} ms"
        f"   {len(answer.content):9,} bytes"
    )


async def run(state: Path, messages: int) -> None:
    async with projected_in(settings_of(state)) as log:
        branch = await filled(log, messages)
        world = World()
        key = world.add_key("alice", "a")
        app = create_app(replace(world.adapters, reads=log.reads, own_writes=OwnWrites()))
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {key}"}
        path = f"/api/v1/conversations/{CONVERSATION}/branch"
        async with httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers) as client:
            middle, early = branch[messages // 2], branch[messages // 50]
            await measured(client, "page 1", path)
            await measured(client, "page 2", path, leaf=branch[-1], before=branch[-60])
            await measured(client, "through, in the middle", path, through=middle)
            await measured(client, "through, near the beginning", path, through=early)
            await measured(client, "before, in the middle", path, leaf=branch[-1], before=middle)
            await measured(client, "before, near the beginning", path, leaf=branch[-1], before=early)
            await measured(client, "messages, first 100", path.replace("/branch", "/messages"))
            await measured(client, "search, nothing found", "/api/v1/search", q="needle haystack")
            await measured(client, "search, found at once", "/api/v1/search", q="uber REIHENFOLGE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--messages", type=int, default=5000)
    asked = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(asked.state, asked.messages))


if __name__ == "__main__":
    main()
