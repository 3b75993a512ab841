"""Temporary conversations over HTTP: used like any other, and in no list, search or export."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import httpx
import pytest

from schemas.codec import set_write_level
from schemas.conversation import ConversationDeleted, ConversationStarted
from schemas.registry import WRITE_LEVEL
from tests.unit.api.changes.hearing import hearing
from tests.unit.api.test_conversations import PATH, begun, messages, said
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS


@pytest.fixture
def level_four() -> Iterator[None]:
    set_write_level(4)
    yield
    set_write_level(WRITE_LEVEL)


async def test_it_is_used_like_any_other_and_is_in_no_list(world: World, alice: httpx.AsyncClient) -> None:
    kept = await begun(alice, title="kept owls")
    passing = await begun(alice, title="passing owls", temporary=True)
    await said(alice, kept, "owls that stay")
    await said(alice, passing, "owls that go")
    assert (await alice.get(f"{PATH}/{passing}")).json()["temporary"] is True
    assert [message["content"] for message in await messages(alice, passing)] == ["owls that go", "Hello world"]
    assert [row["id"] for row in (await alice.get(PATH)).json()["data"]] == [kept]
    found = (await alice.get("/api/v1/search", params={"q": "owls"})).text
    assert kept in found and passing not in found
    assert (await alice.get(f"{PATH}/{kept}/export")).status_code == 200
    assert (await alice.get(f"{PATH}/{passing}/export")).json()["error"]["code"] == "temporary"
    exported = (await alice.get("/api/v1/export")).content
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        (text,) = [archive.read(name).decode() for name in archive.namelist()]
    assert "owls that stay" in text and "owls that go" not in text


async def test_leaving_it_deletes_it(world: World, alice: httpx.AsyncClient) -> None:
    passing = await begun(alice, temporary=True)
    assert (await alice.delete(f"{PATH}/{passing}")).status_code == 204
    assert (await alice.get(f"{PATH}/{passing}")).status_code == 404
    (deleted,) = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(event, ConversationDeleted)]
    assert deleted.conversation_id == passing


async def test_its_beginning_is_told_to_no_browser(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched(), hearing(world) as hears:
        await begun(alice, temporary=True)
        kept = await begun(alice)
        await hears.has(1)
        assert [change["conversationId"] for change in hears.told] == [kept]


async def test_a_retry_is_the_same_and_another_kind_is_another_request(world: World, alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    first = await alice.post(PATH, json={"temporary": True}, headers=key)
    again = await alice.post(PATH, json={"temporary": True}, headers=key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert (await alice.post(PATH, json={}, headers=key)).status_code == 422
    before = await alice.post(PATH, json={"title": "t"}, headers={"Idempotency-Key": "twice"})
    same = await alice.post(PATH, json={"title": "t", "temporary": False}, headers={"Idempotency-Key": "twice"})
    assert (same.status_code, same.json()["id"]) == (201, before.json()["id"])


async def test_none_begins_while_a_release_runs_that_would_list_it(
    world: World, alice: httpx.AsyncClient, level_four: None
) -> None:
    refused = await alice.post(PATH, json={"temporary": True})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "temporary")
    assert (await alice.post(PATH, json={})).status_code == 201
    (event,) = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS)]
    assert isinstance(event, ConversationStarted) and not event.temporary
