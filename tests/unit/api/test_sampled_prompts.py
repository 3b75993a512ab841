"""How an answer is asked for: instructions and sampling stand in the command, and are the same at a repeat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.consistency.request_hash import request_hash
from schemas.codec import set_write_level
from schemas.conversation import PromptSubmitted, RegenerateRequested, Request, Sampling
from schemas.registry import WRITE_LEVEL
from schemas.turns import UserCommand
from tests.unit.api.test_conversations import PATH, begun, said
from tests.unit.api.test_idempotent_commands import KEY, REUSED, is_repeat, refusal
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS

HOW = {"instructions": "Be brief.", "temperature": 0.5, "top_p": 0.9, "max_tokens": 100}


def commands(world: World) -> list[Any]:
    return [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, UserCommand)]


@pytest.fixture
def level_three() -> Iterator[None]:
    set_write_level(3)
    yield
    set_write_level(WRITE_LEVEL)


async def test_a_turn_records_how_it_was_asked_for(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    reply = await said(alice, conversation, "hi", **HOW)
    path = f"{PATH}/{conversation}/messages/{reply}/regenerate"
    assert (await alice.post(path, json={**HOW, "temperature": 1})).status_code == 200
    prompt, again = commands(world)
    assert isinstance(prompt, PromptSubmitted)
    assert isinstance(again, RegenerateRequested)
    assert prompt.sampling == Sampling(max_tokens=100, temperature=0.5, top_p=0.9)
    assert again.sampling == Sampling(max_tokens=100, temperature=1.0, top_p=0.9)
    assert prompt.request == again.request == Request(instructions="Be brief.")


async def test_a_turn_that_says_nothing_of_it_is_as_it_always_was(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    reply = await said(alice, conversation, "hi")
    await alice.post(f"{PATH}/{conversation}/messages/{reply}/regenerate")
    prompt, again = commands(world)
    for command in (prompt, again):
        assert (command.sampling, command.request) == (Sampling(), None)
    # A repeat may come after an upgrade.
    body = {"content": "hi", "parent_message_id": None, "model": None}
    assert prompt.request_hash == request_hash("message", body)
    assert again.request_hash == request_hash("regenerate", {"message_id": reply, "model": None})


async def test_how_it_is_asked_for_is_what_is_asked_for(alice: httpx.AsyncClient) -> None:
    path = f"{PATH}/{await begun(alice)}/messages"
    first = await alice.post(path, json={"content": "hi", **HOW}, headers=KEY)
    again = await alice.post(path, json={"content": "hi", **HOW}, headers=KEY)
    assert (is_repeat(first), is_repeat(again), again.content) == (False, True, first.content)
    for name in HOW:
        other = {key: value for key, value in HOW.items() if key != name}
        assert refusal(await alice.post(path, json={"content": "hi", **other}, headers=KEY)) == REUSED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 2.5),
        ("temperature", "hot"),
        ("top_p", -0.1),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
        ("instructions", ""),
        ("instructions", "  "),
        ("instructions", "x" * 100_001),
    ],
)
async def test_values_out_of_their_range_are_refused(
    world: World, alice: httpx.AsyncClient, name: str, value: Any
) -> None:
    conversation = await begun(alice)
    answer = await alice.post(f"{PATH}/{conversation}/messages", json={"content": "hi", name: value})
    assert (answer.status_code, answer.json()["error"]["param"].lower()) in [
        (400, name),
        (400, name.replace("_", "")),
    ]
    assert commands(world) == []


async def test_instructions_that_leave_no_room_are_refused(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    body = {"content": "hi", "instructions": "word " * 20_000}
    answer = await alice.post(f"{PATH}/{conversation}/messages", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", "instructions")
    assert commands(world) == []


@pytest.mark.usefixtures("level_three")
async def test_instructions_wait_for_the_end_of_an_upgrade(world: World, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice)
    answer = await alice.post(f"{PATH}/{conversation}/messages", json={"content": "hi", "instructions": "x"})
    assert refusal(answer) == (400, "unsupported_parameter")
    await said(alice, conversation, "hi", temperature=0.5)
    assert [command.sampling.temperature for command in commands(world)] == [0.5]
