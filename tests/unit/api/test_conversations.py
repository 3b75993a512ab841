"""Conversations and messages over HTTP, in a world where everything is done at once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from schemas import ids
from schemas.conversation import ConversationDeleted, PromptSubmitted, RegenerateRequested
from schemas.generation import Failure
from schemas.turns import UserCommand
from tests.unit.api.memory_log import Attempt
from tests.unit.api.sse_text import events_of
from tests.unit.api.world import World
from topics.catalogue import CONTROL, CONVERSATION_EVENTS, TOKEN_CHUNKS

PATH = "/api/v1/conversations"


async def begun(client: httpx.AsyncClient, **body: Any) -> str:
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def said(client: httpx.AsyncClient, conversation: str, content: str, **body: Any) -> str:
    """Says something; returns the answer's id."""
    answer = await client.post(f"{PATH}/{conversation}/messages", json={"content": content, **body})
    assert answer.status_code == 200, answer.text
    return str(events_of(answer.content)[0].json["messageId"])


async def messages(client: httpx.AsyncClient, conversation: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"{PATH}/{conversation}/messages")).json()["data"]
    return found


async def test_what_was_streamed_is_what_is_read(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="First", system_prompt="Be brief.")
    answer = await alice.post(f"{PATH}/{conversation}/messages", json={"content": "hi"})
    events = events_of(answer.content)
    assert [event.event for event in events] == ["message_start", "content_chunk", "content_chunk", "message_end"]
    streamed = "".join(event.json["delta"] for event in events if event.event == "content_chunk")
    prompt, reply = await messages(alice, conversation)
    assert (prompt["role"], prompt["content"], prompt["parentMessageId"]) == ("user", "hi", None)
    assert (reply["role"], reply["content"], reply["parentMessageId"]) == ("assistant", streamed, prompt["id"])
    assert (reply["id"], reply["status"], reply["finishReason"]) == (events[0].json["messageId"], "completed", "stop")
    assert reply["usage"] == events[-1].json["usage"]
    assert (reply["costMicros"], reply["cost"]) == (events[-1].json["costMicros"], events[-1].json["cost"])
    read = (await alice.get(f"{PATH}/{conversation}")).json()
    assert (read["title"], read["systemPrompt"], read["preview"]) == ("First", "Be brief.", "hi")


async def test_prompts_follow_the_newest_answer(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    first = await said(alice, conversation, "one")
    second = await said(alice, conversation, "two")
    await said(alice, conversation, "other", parent_message_id=first)
    await said(alice, conversation, "camel", parentMessageId=second)
    await said(alice, conversation, "anew", parent_message_id="root")
    await said(alice, conversation, "null", parent_message_id=None)
    commands = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted)]
    parents = {str(command.content): command.parent_message_id for command in commands}
    newest = next(command.generation_id for command in commands if command.content == "anew")
    assert parents == {"one": None, "two": first, "other": first, "camel": second, "anew": None, "null": newest}


async def test_a_parent_must_be_an_answer_of_this_conversation(alice: httpx.AsyncClient) -> None:
    conversation, other = await begun(alice), await begun(alice)
    foreign = await said(alice, other, "x")
    await said(alice, conversation, "x")
    prompt = (await messages(alice, conversation))[0]["id"]
    for parent in (foreign, prompt, ids.user_id("nothing"), "garbage"):
        body = {"content": "y", "parent_message_id": parent}
        answer = await alice.post(f"{PATH}/{conversation}/messages", json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "parent_message_id")


async def test_a_running_parent_is_waited_for_then_refused(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    world.recorded = False
    running = await said(alice, conversation, "x")
    for body in ({"content": "y"}, {"content": "y", "parent_message_id": running}):
        answer = await alice.post(f"{PATH}/{conversation}/messages", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "parent_running")
        assert answer.headers["x-should-retry"] == "true"


async def test_a_prompt_takes_the_conversations_model_or_its_own(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, model="verbatim-local-llmapi")
    await said(alice, conversation, "a")
    await said(alice, conversation, "b", model="verbatim-local")
    await said(alice, await begun(alice), "c")
    commands = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, PromptSubmitted)]
    models = {str(command.content): command.model for command in commands}
    assert models == {"a": "verbatim-local-llmapi", "b": "verbatim-local", "c": "verbatim-local"}


async def test_another_answer_stands_beside_the_first(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    first = await said(alice, conversation, "x")
    prompt = (await messages(alice, conversation))[0]["id"]
    for named in (first, prompt):
        answer = await alice.post(f"{PATH}/{conversation}/messages/{named}/regenerate")
        assert events_of(answer.content)[-1].event == "message_end"
    found = await messages(alice, conversation)
    assert [row["role"] for row in found] == ["user", "assistant", "assistant", "assistant"]
    assert {row["parentMessageId"] for row in found[1:]} == {prompt}
    commands = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, RegenerateRequested)]
    assert {command.prompt_message_id for command in commands} == {prompt}


async def test_a_command_names_price_account_tier_and_model_version(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    reply = await said(alice, conversation, "x")
    await alice.post(f"{PATH}/{conversation}/messages/{reply}/regenerate")
    message = {"role": "user", "content": "hi"}
    await alice.post("/v1/chat/completions", json={"model": "verbatim-local", "messages": [message]})
    events = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS)]
    commands = [event for event in events if isinstance(event, UserCommand)]
    assert len(commands) == 3
    model = world.adapters.models.get("verbatim-local")
    for command in commands:
        assert (command.price, command.model_version) == (model.price, model.upstream_model)
        assert (command.account, command.tier) == (command.user_id, "default")


async def test_feedback_is_for_answers(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    reply = await said(alice, conversation, "x")
    path = f"{PATH}/{conversation}/messages"
    assert (await alice.post(f"{path}/{reply}/feedback", json={"rating": "up", "comment": "ok"})).status_code == 204
    assert (await alice.post(f"{path}/{reply}/feedback", json={"rating": "best"})).status_code == 400
    prompt = (await messages(alice, conversation))[0]["id"]
    assert (await alice.post(f"{path}/{prompt}/feedback", json={"rating": "up"})).status_code == 404


async def test_renaming(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="old")
    assert (await alice.patch(f"{PATH}/{conversation}", json={"title": "new"})).json()["title"] == "new"
    assert (await alice.get(f"{PATH}/{conversation}")).json()["title"] == "new"
    for title in ("", "x" * 201, None, 7):
        assert (await alice.patch(f"{PATH}/{conversation}", json={"title": title})).status_code == 400


async def test_lists_are_newest_first_and_paged(alice: httpx.AsyncClient) -> None:
    made = [await begun(alice, title=str(n)) for n in range(5)]
    await said(alice, made[0], "wakes up")
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await alice.get(f"{PATH}?limit=2{cursor}")).json()
        seen += [row["title"] for row in page["data"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == ["0", "4", "3", "2", "1"]


@pytest.mark.parametrize("lagging", [True, False])
async def test_a_deleted_conversation_is_gone_at_once(world: World, alice: httpx.AsyncClient, lagging: bool) -> None:
    conversation = await begun(alice)
    generation = await said(alice, conversation, "x")
    world.reads.unseen = ConversationDeleted if lagging else None
    assert (await alice.delete(f"{PATH}/{conversation}")).status_code == 204
    for path in ("", "/stream"):
        assert (await alice.get(f"/api/v1/generations/{generation}{path}")).status_code == 404
    assert (await alice.post(f"/api/v1/generations/{generation}/cancel")).status_code == 404
    assert (await alice.get(f"{PATH}/{conversation}")).status_code == 404
    assert (await alice.get(f"{PATH}/{conversation}/messages")).status_code == 404
    assert (await alice.post(f"{PATH}/{conversation}/messages", json={"content": "y"})).status_code == 404
    assert (await alice.delete(f"{PATH}/{conversation}")).status_code == 404
    assert lagging or conversation not in str((await alice.get(PATH)).json())


async def test_writes_answer_their_position_and_reads_ask_for_it(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    answer = await alice.post(f"{PATH}/{conversation}/messages", json={"content": "x"})
    token = answer.headers["x-verbatim-position"]
    topic, partition, offset = token.split("/")
    assert topic == CONVERSATION_EVENTS
    read = await alice.get(PATH, headers={"X-Verbatim-Position": token})
    assert world.reads.asked_positions[-1] == {(topic, int(partition)): int(offset)}
    assert "x-verbatim-behind" not in read.headers
    world.reads.caught_up = False
    assert (await alice.get(PATH, headers={"X-Verbatim-Position": token})).headers["x-verbatim-behind"] == "true"


async def test_a_refused_turn_ends_its_stream_with_an_error(world: World, alice: httpx.AsyncClient) -> None:
    world.script = lambda attempt: attempt.ended_from_outside("refused", Failure("content_filter", "No.", False))
    answer = await alice.post(f"{PATH}/{await begun(alice)}/messages", json={"content": "x"})
    events = events_of(answer.content)
    assert [event.event for event in events] == ["message_start", "error"]
    assert events[1].json == {
        "code": "content_filter",
        "message": "The content policy does not allow this prompt.",
        "retryable": False,
        "detail": "No.",
    }


async def test_a_finished_stream_is_served_again_byte_for_byte(alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    first = await alice.post(f"{PATH}/{conversation}/messages", json={"content": "x"})
    generation = events_of(first.content)[0].json["messageId"]
    path = f"/api/v1/generations/{generation}/stream"
    assert (await alice.get(path)).content == first.content
    for after in range(4):
        by_header = await alice.get(path, headers={"Last-Event-ID": str(after)})
        by_query = await alice.get(f"{path}?after={after}")
        assert by_header.content == by_query.content
        assert [event.id for event in events_of(by_header.content)] == [str(seq) for seq in range(after + 1, 4)]
        assert by_header.headers["x-verbatim-position"] == f"generation/{generation}"


async def test_a_cancelled_generation(world: World, alice: httpx.AsyncClient) -> None:
    world.script = lambda attempt: attempt.start().chunk("part")
    conversation = await begun(alice)
    generation = await left_running(world, alice, conversation)
    answer = await alice.post(f"/api/v1/generations/{generation}/cancel", json={"seen": 1})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["content"]) == ("cancelled", "part")
    ended = world.log.all_of(TOKEN_CHUNKS)[-1][0]
    assert (ended.reason, ended.seen, ended.turn.generation_id) == ("cancelled", 1, generation)
    assert [event.generation_id for event, _ in world.log.all_of(CONTROL)] == [generation]
    again = await alice.post(f"/api/v1/generations/{generation}/cancel")
    assert again.json() == answer.json()
    assert len(world.log.all_of(CONTROL)) == 1


async def test_cancelling_what_ended_answers_its_true_state(world: World, alice: httpx.AsyncClient) -> None:
    generation = await said(alice, await begun(alice), "x")
    before = len(world.log.all_of(TOKEN_CHUNKS))
    answer = await alice.post(f"/api/v1/generations/{generation}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert len(world.log.all_of(TOKEN_CHUNKS)) == before


async def left_running(world: World, client: httpx.AsyncClient, conversation: str) -> str:
    """A prompt whose stream was cut off by a client with little patience; returns the generation's id."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.post(f"{PATH}/{conversation}/messages", json={"content": "x"})
    command = world.log.all_of(CONVERSATION_EVENTS)[-1][0]
    assert isinstance(command, PromptSubmitted)
    return command.generation_id


async def test_a_late_reader_of_a_running_generation(world: World, alice: httpx.AsyncClient) -> None:
    attempts: list[Attempt] = []
    world.script = lambda attempt: attempts.append(attempt.start().chunk("a"))
    generation = await left_running(world, alice, await begun(alice))
    attempts[0].chunk("b").end()
    world.recorded = False
    answer = await alice.get(f"/api/v1/generations/{generation}/stream", headers={"Last-Event-ID": "1"})
    assert [(event.id, event.event) for event in events_of(answer.content)] == [
        ("2", "content_chunk"),
        ("3", "message_end"),
    ]


async def test_a_log_that_is_away(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    world.log.down = "refuse"
    for path, body in ((f"{PATH}/{conversation}/messages", {"content": "x"}), (PATH, {})):
        answer = await alice.post(path, json=body, headers={"Idempotency-Key": "k1"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["idempotency-key"] == "k1"
        assert "may have been accepted: retry with the header Idempotency-Key: k1" in answer.json()["error"]["message"]
