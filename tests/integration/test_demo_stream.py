"""The demo's client: no frame is hidden from the check, whatever happens to its connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from infra.cli.chat_errors import ApiRefused
from infra.cli.chat_wire import Frame
from infra.cli.demo_stream import DemoClient, Transcript
from tests.eventually import eventually
from tests.fakes.scripted_api import CONVERSATION, GENERATION, KEY, ScriptedApi

SENDS = f"/api/v1/conversations/{CONVERSATION}/messages"
RESUMES = f"/api/v1/generations/{GENERATION}/stream"


@asynccontextmanager
async def client_of(api: ScriptedApi, key: str = KEY) -> AsyncIterator[DemoClient]:
    async with api.running(), aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        yield DemoClient(session, api.url)


async def followed(api: ScriptedApi) -> tuple[Transcript, list[Frame | str]]:
    transcript, news = Transcript(), list[Frame | str]()
    async with client_of(api) as client, asyncio.timeout(20):
        await client.follow(CONVERSATION, "Count.", transcript, news.append)
    return transcript, news


async def test_a_stream_is_taken_up_after_every_break() -> None:
    api = ScriptedApi(deltas=["a", "b", "c", "d"], break_after=[2, 0, 1])
    transcript, news = await followed(api)
    assert [frame.seq for frame in transcript.frames] == [0, 1, 2, 3, 4, 5]
    assert transcript.ended
    assert transcript.generation_id == GENERATION
    assert len(transcript.at_s) == 6
    assert transcript.connections == 4
    assert [headers["Last-Event-ID"] for headers, _ in api.sent("GET", RESUMES)] == ["1", "1", "2"]
    assert "it broke in the middle" in news


async def test_before_the_first_frame_the_same_key_asks_again() -> None:
    api = ScriptedApi(break_after=[0], refusals=[(503, "unavailable", "Later.")])
    transcript, news = await followed(api)
    assert transcript.ended
    keys = {headers["Idempotency-Key"] for headers, _ in api.sent("POST", SENDS)}
    assert len(api.sent("POST", SENDS)) == 3
    assert len(keys) == 1
    assert "the API answers 503" in news


async def test_a_refusal_ends_it() -> None:
    api = ScriptedApi(refusals=[(422, "idempotency_key_reused", "No.")])
    with pytest.raises(ApiRefused, match="No"):
        await followed(api)


async def test_a_frame_that_comes_twice_is_kept_for_the_check() -> None:
    class Repeating(ScriptedApi):
        def frames(self) -> list[bytes]:
            made = super().frames()
            return [*made[:2], made[1] + made[2], *made[3:]]

    transcript, _ = await followed(Repeating(deltas=["a", "b"]))
    assert [frame.seq for frame in transcript.frames] == [0, 1, 1, 2, 3]


async def test_it_is_read_again_from_its_beginning() -> None:
    api = ScriptedApi(deltas=["a", "b"], break_after=[1])
    async with client_of(api) as client, asyncio.timeout(20):
        again = await client.read_again(GENERATION)
    assert [frame.seq for frame in again] == [0, 1, 2, 3]


async def test_the_stored_message_is_the_one_that_has_ended() -> None:
    row = {"id": GENERATION, "status": "running", "content": ""}
    api = ScriptedApi(messages=[row])
    async with client_of(api) as client, asyncio.timeout(20):
        assert await client.new_conversation("t", "m") == CONVERSATION
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(client.stored(CONVERSATION, GENERATION))
            await eventually(lambda: len(api.sent("GET", SENDS)) >= 2)
            row |= {"status": "completed", "content": "ab"}
        stored = asking.result()
    assert (stored.status, stored.content) == ("completed", "ab")
