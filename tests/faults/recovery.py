"""How long until a new prompt completes: the one question that tells whether the stack is well again."""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx

from infra.clock import monotonic_s
from infra.ids import draw_id
from tests.faults.evidence import question

RECOVERY_LIMIT_S = 30.0
"""I15: after any fault is lifted a new prompt completes within this, with no hand."""
GIVE_UP_S = 120.0
NEXT_TRY_S = 2.0


async def time_to_recover(url: str, key: str) -> float | None:
    """Seconds until a prompt sent from now on was answered in full; None if none was within GIVE_UP_S.

    A new one is sent every NEXT_TRY_S, so that one which met the end of the fault does not stand for the others.
    """
    began_s = monotonic_s()
    answered = asyncio.Event()
    with contextlib.suppress(TimeoutError):
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
            async with asyncio.timeout(GIVE_UP_S), asyncio.TaskGroup() as tries:
                running = []
                while not answered.is_set():
                    running.append(tries.create_task(_try(client, answered)))
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(NEXT_TRY_S):
                            await answered.wait()
                recovered_s = monotonic_s() - began_s
                for task in running:
                    task.cancel()
            return recovered_s
    return None


async def _try(client: httpx.AsyncClient, answered: asyncio.Event) -> None:
    with contextlib.suppress(httpx.HTTPError):
        tag = f"p{draw_id().replace('-', '')}"
        created = await client.post("/api/v1/conversations", json={}, headers={"Idempotency-Key": tag})
        if created.status_code != 201:
            return
        messages = f"/api/v1/conversations/{created.json()['id']}/messages"
        answer = await client.post(messages, json={"content": question(tag, 3)})
        if answer.status_code == 200 and _text(answer.text) == f"{tag}:1, {tag}:2, {tag}:3":
            answered.set()


def _text(body: str) -> str:
    """The text of a whole stream that ended well; "" of any other."""
    if "\nevent: message_end\n" not in body:
        return ""
    data = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: ")]
    return "".join(frame["delta"] for frame in data if "delta" in frame)
