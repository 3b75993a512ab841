"""One key, one command: new conversations, names, ratings and deletions are not done twice, nor otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from schemas.conversation import ConversationDeleted, ConversationRenamed, ConversationStarted, FeedbackGiven
from schemas.envelope import Position
from tests.unit.api.test_conversations import PATH, begun, said
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS
from topics.topic import Topic

KEY = {"Idempotency-Key": "once"}
REUSED = (422, "idempotency_key_reused")


def events(world: World, record_type: type) -> list[Any]:
    return [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if type(event) is record_type]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def is_repeat(answer: httpx.Response) -> bool:
    return "idempotent-replayed" in answer.headers


@pytest.fixture
def overtaken(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], Any]], None]:
    """Once, another process writes its command under the same key just before the next one."""
    send = world.log.send

    def arrange(other: Callable[[Any], Any]) -> None:
        async def second(topic: Topic[Any], key: str, record: Any) -> Position:
            monkeypatch.setattr(world.log, "send", send)
            await send(topic, key, other(record))
            return await send(topic, key, record)

        monkeypatch.setattr(world.log, "send", second)

    return arrange


@pytest.mark.parametrize("other", [{"title": "T1"}, {"system_prompt": "S1"}, {"model": "verbatim-local"}, {}])
async def test_a_new_conversation_is_begun_once(world: World, alice: httpx.AsyncClient, other: dict[str, str]) -> None:
    body = {"title": "T", "system_prompt": "S", "model": "verbatim-local-llmapi"}
    first = await alice.post(PATH, json=body, headers=KEY)
    again = await alice.post(PATH, json=body, headers=KEY)
    assert (again.status_code, is_repeat(first), is_repeat(again)) == (201, False, True)
    assert again.json()["id"] == first.json()["id"]
    changed = {**body, **other} if other else {}
    assert refusal(await alice.post(PATH, json=changed, headers=KEY)) == REUSED
    assert len(events(world, ConversationStarted)) == 1


@pytest.mark.parametrize("field", ["title", "system_prompt"])
async def test_of_two_at_once_the_first_in_the_log_is_begun(
    world: World, alice: httpx.AsyncClient, overtaken: Any, field: str
) -> None:
    overtaken(lambda record: replace(record, **{field: "theirs"}, request_hash="theirs"))
    assert refusal(await alice.post(PATH, json={field: "ours"}, headers=KEY)) == REUSED
    listed = (await alice.get(PATH)).json()["data"]
    assert [row["title"] for row in listed] == ["theirs" if field == "title" else None]


async def test_a_twin_at_once_is_the_same_conversation(alice: httpx.AsyncClient, overtaken: Any) -> None:
    overtaken(lambda record: record)
    answer = await alice.post(PATH, json={"title": "T"}, headers=KEY)
    assert (answer.status_code, answer.json()["title"]) == (201, "T")


async def test_renaming_is_done_once(world: World, alice: httpx.AsyncClient) -> None:
    path = f"{PATH}/{await begun(alice)}"
    await alice.patch(path, json={"title": "A"}, headers=KEY)
    await alice.patch(path, json={"title": "B"})
    late = await alice.patch(path, json={"title": "A"}, headers=KEY)
    assert (late.status_code, late.json()["title"], is_repeat(late)) == (200, "B", True)
    assert refusal(await alice.patch(path, json={"title": "C"}, headers=KEY)) == REUSED
    assert [event.title for event in events(world, ConversationRenamed)] == ["A", "B"]
    assert (await alice.get(path)).json()["title"] == "B"


async def test_of_two_names_at_once_the_first_in_the_log_stands(alice: httpx.AsyncClient, overtaken: Any) -> None:
    path = f"{PATH}/{await begun(alice)}"
    overtaken(lambda record: replace(record, title="theirs", request_hash="theirs"))
    assert refusal(await alice.patch(path, json={"title": "ours"}, headers=KEY)) == REUSED
    assert (await alice.get(path)).json()["title"] == "theirs"


async def test_rating_is_done_once(world: World, alice: httpx.AsyncClient, overtaken: Any) -> None:
    conversation = await begun(alice)
    path = f"{PATH}/{conversation}/messages/{await said(alice, conversation, 'x')}/feedback"
    assert (await alice.post(path, json={"rating": "up"}, headers=KEY)).status_code == 204
    assert is_repeat(await alice.post(path, json={"rating": "up"}, headers=KEY))
    assert refusal(await alice.post(path, json={"rating": "down"}, headers=KEY)) == REUSED
    assert [event.rating for event in events(world, FeedbackGiven)] == ["up"]
    overtaken(lambda record: replace(record, rating="down", comment="theirs", request_hash="theirs"))
    assert refusal(await alice.post(path, json={"rating": "up"}, headers={"Idempotency-Key": "two"})) == REUSED
    last = events(world, FeedbackGiven)[-1]
    assert (last.rating, last.comment) == ("down", "theirs")


async def test_deleting_again_under_its_key_is_no_error(world: World, alice: httpx.AsyncClient) -> None:
    path = f"{PATH}/{await begun(alice)}"
    assert (await alice.delete(path, headers=KEY)).status_code == 204
    again = await alice.delete(path, headers=KEY)
    assert (again.status_code, is_repeat(again)) == (204, True)
    assert (await alice.delete(path, headers={"Idempotency-Key": "other"})).status_code == 404
    assert (await alice.delete(path)).status_code == 404
    assert len(events(world, ConversationDeleted)) == 1


async def test_another_user_learns_nothing_of_a_deletion(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    path = f"{PATH}/{await begun(alice)}"
    await alice.delete(path, headers=KEY)
    assert (await bob.delete(path, headers=KEY)).status_code == 404


async def test_without_a_key_nothing_is_hashed_and_nothing_is_a_repeat(world: World, alice: httpx.AsyncClient) -> None:
    path = f"{PATH}/{await begun(alice, title='T')}"
    for _ in range(2):
        assert not is_repeat(await alice.patch(path, json={"title": "A"}))
    assert [event.request_hash for event in events(world, ConversationRenamed)] == ["", ""]
    assert [event.request_hash for event in events(world, ConversationStarted)] == [""]


async def test_what_is_not_known_to_be_new_is_not_done(world: World, alice: httpx.AsyncClient) -> None:
    path = f"{PATH}/{await begun(alice)}"
    world.reads.caught_up = False
    answer = await alice.patch(path, json={"title": "A"}, headers=KEY)
    assert refusal(answer) == (503, "projections_behind")
    assert events(world, ConversationRenamed) == []


async def test_what_cannot_be_settled_says_under_which_key_to_ask_again(world: World, alice: httpx.AsyncClient) -> None:
    world.reads.caught_up = False
    answer = await alice.post(PATH, json={"title": "A"}, headers=KEY)
    assert refusal(answer) == (503, "projections_behind")
    assert answer.headers["idempotency-key"] == "once"
    world.reads.caught_up = True
    again = await alice.post(PATH, json={"title": "A"}, headers=KEY)
    assert (again.status_code, is_repeat(again)) == (201, True)
