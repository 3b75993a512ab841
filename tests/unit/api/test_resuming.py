"""Taking a stream up again: from any frame, at any age, from any process; and what is no place to go on from."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.generation import Failure
from tests.record_strategies import AWKWARD_TEXTS
from tests.unit.api.memory_log import Attempt
from tests.unit.api.sse_text import events_of
from tests.unit.api.world import World

PATH = "/api/v1/conversations"
FAILURE = Failure("engine_failed", "The engine said no.\r\n", True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(AWKWARD_TEXTS)
ends = st.sampled_from(["stop", "length", "failed", "cancelled", "refused"])


async def asked(client: httpx.AsyncClient, conversation: str, **fields: Any) -> httpx.Response:
    return await client.post(f"{PATH}/{conversation}/messages", json={"content": "x", **fields})


async def begun(client: httpx.AsyncClient) -> str:
    return str((await client.post(PATH, json={})).json()["id"])


def stream_of(body: bytes) -> str:
    return f"/api/v1/generations/{events_of(body)[0].json['messageId']}/stream"


@settings(max_examples=40)
@given(st.lists(texts, max_size=6), ends)
def test_a_posts_own_bytes_come_again_from_every_frame(deltas: list[str], end: str) -> None:
    def script(attempt: Attempt) -> None:
        attempt.start()
        for delta in deltas:
            attempt.chunk(delta)
        if end in ("cancelled", "refused"):
            attempt.ended_from_outside(end, FAILURE if end == "refused" else None)
        else:
            attempt.end(end, FAILURE if end == "failed" else None)

    async def run() -> None:
        world = World(script=script)
        async with world.client(world.add_key("alice", "a")) as client:
            posted = (await asked(client, await begun(client))).content
            frames = [frame + b"\n\n" for frame in posted.split(b"\n\n")[:-1]]
            assert len(frames) == len(deltas) + 2
            assert (await client.get(stream_of(posted))).content == posted
            for recorded in (True, False):  # from the outcome, and from the log
                world.reads.forgets_outcomes = not recorded
                for after in range(len(frames)):
                    resumed = await client.get(stream_of(posted), headers={"Last-Event-ID": str(after)})
                    assert (resumed.status_code, resumed.content) == (200, b"".join(frames[after + 1 :]))

    asyncio.run(run())


WRONG = ["", "x", "-1", "-2", "1.5", "+1", "0x1", " 1", "1 2", "4", "9" * 20, "9" * 500, "\u0661", "1;2"]


@pytest.mark.parametrize("wrong", WRONG)
async def test_positions_that_are_none(alice: httpx.AsyncClient, wrong: str) -> None:
    path = stream_of((await asked(alice, await begun(alice))).content)
    for answer in (
        await alice.get(path, headers=[(b"Last-Event-ID", wrong.encode())]),
        await alice.get(path, params={"after": wrong}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_position")
        assert "can be resumed from 0 to 3" in answer.json()["error"]["message"]


async def test_a_position_in_what_has_not_begun(world: World, alice: httpx.AsyncClient) -> None:
    world.script = None
    conversation = await begun(alice)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(asked(alice, conversation))
        await asyncio.sleep(0.05)
        generation = next(iter(world.adapters.hub._by_generation))
        answer = await alice.get(f"/api/v1/generations/{generation}/stream?after=0")
        assert answer.status_code == 400
        assert "the stream has no frames yet" in answer.json()["error"]["message"]
        await alice.post(f"/api/v1/generations/{generation}/cancel")
    assert [event.event for event in events_of(waiting.result().content)] == ["message_start", "message_end"]


async def test_one_position_once(alice: httpx.AsyncClient) -> None:
    path = stream_of((await asked(alice, await begun(alice))).content)
    for answer in (
        await alice.get(path, headers=[("Last-Event-ID", "1"), ("last-event-id", "1")]),
        await alice.get(f"{path}?after=1", headers={"Last-Event-ID": "2"}),
        await alice.get(f"{path}?after=1&after=1"),
    ):
        assert answer.status_code == 400
        assert "Send exactly one position" in answer.json()["error"]["message"]
    assert (await alice.get(f"{path}?after=2", headers={"Last-Event-ID": "2"})).status_code == 200


async def test_a_position_is_no_way_to_learn_of_others(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    path = stream_of((await asked(alice, await begun(alice))).content)
    for answer in (await bob.get(path), await bob.get(f"{path}?after=99"), await bob.get(f"{path}?after=x")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_what_began_elsewhere_a_moment_ago_is_found(world: World, alice: httpx.AsyncClient) -> None:
    """The process that served the prompt is gone, the projections lag, and the client sends no position."""
    conversation = await begun(alice)
    posted = (await asked(alice, conversation)).content
    world.adapters.own_writes._written.clear()
    for path in (stream_of(posted), f"{PATH}/{conversation}"):
        world.reads.blind, world.reads.sees_when_waited = True, True
        assert (await alice.get(path)).status_code == 200
    world.reads.blind = True
    second = await asked(alice, conversation)
    rows = (await alice.get(f"{PATH}/{conversation}/messages")).json()["data"]
    assert [row["parentMessageId"] for row in rows if row["role"] == "user"] == [None, rows[1]["id"]]
    assert second.status_code == 200


async def test_projections_that_are_behind_make_nobody_lie(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    posted = (await asked(alice, conversation)).content
    prompts = len(world.log.partitions)
    world.reads.blind, world.reads.caught_up = True, False
    for answer in (
        await alice.get(f"{PATH}/{conversation}"),
        await alice.get(stream_of(posted)),
        await asked(alice, conversation),
        await asked(alice, conversation, parent_message_id=events_of(posted)[0].json["messageId"]),
        await alice.post(f"{PATH}/{conversation}/messages/{conversation}/regenerate"),
    ):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (503, "projections_behind")
        assert (answer.headers["retry-after"], answer.headers["x-verbatim-behind"]) == ("1", "true")
    assert len(world.log.partitions) == prompts
    listed = await alice.get(PATH, headers={"X-Verbatim-Position": "conversation-events/0/0"})
    assert (listed.status_code, listed.headers["x-verbatim-behind"]) == (200, "true")


async def test_a_log_that_does_not_answer_makes_nobody_lie(world: World, alice: httpx.AsyncClient) -> None:
    world.log.down = "refuse"
    answer = await alice.get("/api/v1/generations/11111111-1111-4111-8111-111111111111/stream")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "projections_behind")
