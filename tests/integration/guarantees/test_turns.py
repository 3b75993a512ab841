"""One turn a key, one's own writes, explicit parents: what a client may rely on, on every real process and server."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from infra.ids import draw_id
from infra.stack.layout import Layout
from infra.stack.snapshot import read_snapshot
from schemas.conversation import PromptSubmitted
from schemas.envelope import plain
from schemas.generation import AttemptStarted, GenerationRequested
from tests.eventually import eventually_sync
from tests.integration.guarantees.reading import asked, begun, generation_of, outcome_there, without_comments
from tests.integration.guarantees.world import SECOND, Whole
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS, jobs_topic

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


def kill_redis(whole: Whole) -> None:
    """It keeps nothing on disk: its successor has forgotten everything. Returns when that one is ready."""
    layout = Layout.at(whole.settings.state)

    def ready_pid() -> int | None:
        snapshot = read_snapshot(layout.status_file)
        children = snapshot.children if snapshot is not None else ()
        return next((c.pid for c in children if c.name == "redis" and c.state == "ready"), None)

    killed = ready_pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    eventually_sync(lambda: ready_pid() not in (None, killed), 30)


async def test_one_turn_a_key_over_replicas_restarts_and_a_killed_redis(whole: Whole) -> None:
    key = {"Idempotency-Key": draw_id()}
    async with whole.client() as client, whole.client(api=SECOND) as other:
        conversation = await begun(client)
        at_once = await asyncio.gather(
            *(asked(whole, (client, other)[n % 2], conversation, "one turn", headers=key) for n in range(20))
        )
        bodies = {without_comments(answer.content) for answer in at_once}
        assert ({answer.status_code for answer in at_once}, len(bodies)) == ({200}, 1)
        assert sum("idempotent-replayed" not in answer.headers for answer in at_once) == 1
        assert whole.asked_of_engine("one turn") == 1
        await asyncio.to_thread(whole.running[SECOND].stop)
        whole.start(SECOND)
        await asyncio.to_thread(whole.ready, SECOND)
    await asyncio.to_thread(kill_redis, whole)
    async with whole.client(api=SECOND) as restarted:
        again = await asked(whole, restarted, conversation, "one turn", headers=key)
        assert again.headers["idempotent-replayed"] == "true"
        assert {again.content} == bodies
        by_body = await asked(whole, restarted, conversation, "one turn", request_id=key["Idempotency-Key"])
        assert by_body.content == again.content
        other_body = await asked(whole, restarted, conversation, "another turn", headers=key)
        assert (other_body.status_code, other_body.json()["error"]["code"]) == (422, "idempotency_key_reused")
        rows = (await restarted.get(f"/api/v1/conversations/{conversation}/messages")).json()["data"]
    assert [row["role"] for row in rows] == ["user", "assistant"]
    generation = generation_of(again.content)
    starts = whole.records(
        TOKEN_CHUNKS, lambda record: isinstance(record, AttemptStarted) and record.turn.generation_id == generation
    )
    assert len(starts) == 1


async def test_a_stale_tab_makes_a_branch(whole: Whole) -> None:
    async with whole.client() as client, whole.client(api=SECOND) as stale:
        conversation = await begun(client)
        first = generation_of((await asked(whole, client, conversation, "first")).content)
        await asked(whole, client, conversation, "second")
        branch = await asked(whole, stale, conversation, "instead", parent_message_id=first)
        generation = generation_of(branch.content)
        await outcome_there(client, conversation, generation)
        rows = (await client.get(f"/api/v1/conversations/{conversation}/messages")).json()["data"]
    assert [row["content"] for row in rows if row["parentMessageId"] == first] == ["second", "instead"]
    assert len(rows) == 6


def jobs_of(whole: Whole, conversation: str) -> list[Any]:
    return whole.records(
        jobs_topic(whole.pool, "interactive"),
        lambda record: isinstance(record, GenerationRequested) and record.turn.conversation_id == conversation,
    )


async def test_another_process_carries_on_where_the_first_ended(whole: Whole) -> None:
    """At once, without a position and without a parent: it asks the log how far the conversation has come."""
    async with whole.client() as client, whole.client(api=SECOND) as other:
        for _ in range(5):
            conversation = await begun(client)
            await asked(whole, client, conversation, "first")
            assert (await asked(whole, other, conversation, "second")).status_code == 200
            said = [plain(message.content) for message in jobs_of(whole, conversation)[-1].messages]
            assert said == ["first", "first", "second"]


@pytest.mark.slow("reads wait for a frozen process")
async def test_a_projector_that_hangs_makes_nobody_lie(whole: Whole) -> None:
    async with whole.client() as client, whole.client(api=SECOND) as other:
        conversation = await begun(client)
        path = f"/api/v1/conversations/{conversation}"
        await asked(whole, client, conversation, "the first answer")
        with whole.frozen("projections"):
            second = await asked(whole, client, conversation, "the second answer", parent_message_id="root")
            assert second.status_code == 200
            generation = generation_of(second.content)
            seen = {"X-Verbatim-Position": f"{second.headers['x-verbatim-position']},generation/{generation}"}
            listed = await client.get(f"{path}/messages", headers=seen)
            assert (listed.status_code, listed.headers["x-verbatim-behind"]) == (200, "true")
            assert generation not in listed.text
            # What may be there is not said to be missing, and no parent is guessed.
            fresh = await begun(client)
            for answer in (
                await client.get(f"/api/v1/conversations/{fresh}"),
                await other.get(f"/api/v1/generations/{generation}/stream", headers=seen),
                await asked(whole, client, conversation, "the third"),
                await asked(whole, other, conversation, "the third", headers=seen),
            ):
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "projections_behind")
                assert answer.headers["retry-after"] == "1"
        third = await asked(whole, other, conversation, "the third", headers=seen)
        assert (third.status_code, "x-verbatim-behind" in third.headers) == (200, False)
    said = [plain(message.content) for message in jobs_of(whole, conversation)[-1].messages]
    assert said == ["the second answer", "the second answer", "the third"]
    prompts = whole.records(
        CONVERSATION_EVENTS,
        lambda record: isinstance(record, PromptSubmitted) and record.conversation_id == conversation,
    )
    assert len(prompts) == 3
