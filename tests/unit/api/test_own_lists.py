"""Lists know what this process wrote itself, for its user, without a position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import httpx
import pytest

from api.consistency.own_writes import OwnWrites
from schemas.account import ApiKeyCreated, ApiKeyRevoked
from schemas.conversation import ConversationDeleted, ConversationRenamed, ConversationStarted
from schemas.envelope import Position
from tests.unit.api.test_conversations import PATH, begun, said
from tests.unit.api.turns import CONVERSATION, USER
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS


class Lag:
    """Projections that have not seen a type of event before somebody waits for its place."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._reads = world.reads
        self.waited: list[set[str]] = []
        self.never = False
        monkeypatch.setattr(world.reads, "wait_for", self.wait_for)

    def unseen(self, kind: type) -> None:
        self._reads.unseen = kind

    async def wait_for(
        self,
        offsets: Mapping[tuple[str, int], int],
        generations: Sequence[str],
        timeout_s: float,
        *,
        conversation_id: str | None = None,
    ) -> bool:
        self.waited.append({topic for topic, _ in offsets})
        if self.never:
            return False
        self._reads.unseen = None
        return True


@pytest.fixture
def lag(world: World, monkeypatch: pytest.MonkeyPatch) -> Lag:
    return Lag(world, monkeypatch)


async def titles(client: httpx.AsyncClient) -> list[str]:
    return [row["title"] for row in (await client.get(PATH)).json()["data"]]


async def found(client: httpx.AsyncClient, word: str) -> int:
    return len((await client.get(f"/api/v1/search?q={word}")).json()["data"])


async def test_a_new_conversation_is_listed_at_once(lag: Lag, alice: httpx.AsyncClient) -> None:
    lag.unseen(ConversationStarted)
    await begun(alice, title="new")
    assert await titles(alice) == ["new"]


async def test_a_renamed_one_has_its_name(lag: Lag, alice: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="old")
    lag.unseen(ConversationRenamed)
    await alice.patch(f"{PATH}/{conversation}", json={"title": "other"})
    assert await titles(alice) == ["other"]


@pytest.mark.parametrize("never", [False, True])
async def test_a_deleted_one_is_gone_however_far_behind_reads_are(
    never: bool, lag: Lag, alice: httpx.AsyncClient
) -> None:
    conversation = await begun(alice, title="gone")
    await said(alice, conversation, "something")
    lag.never = never
    lag.unseen(ConversationDeleted)
    await alice.delete(f"{PATH}/{conversation}")
    assert await titles(alice) == []
    assert await found(alice, "something") == await found(alice, "gone") == 0


async def test_a_search_finds_what_was_just_begun(lag: Lag, alice: httpx.AsyncClient) -> None:
    lag.unseen(ConversationStarted)
    await begun(alice, title="needle")
    assert await found(alice, "needle") == 1


async def test_what_reads_have_shown_is_waited_for_no_more_and_others_do_not_wait(
    lag: Lag, alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await begun(alice, title="a")
    await titles(bob)
    assert lag.waited == []
    await titles(alice)
    assert lag.waited == [{CONVERSATION_EVENTS}]
    await titles(alice)
    assert len(lag.waited) == 1


async def test_reads_that_are_behind_say_so_and_are_asked_again(lag: Lag, alice: httpx.AsyncClient) -> None:
    await begun(alice, title="a")
    lag.never = True
    for _ in range(2):
        answer = await alice.get(PATH)
        assert (answer.status_code, answer.headers["x-verbatim-behind"]) == (200, "true")
    lag.never = False
    assert "x-verbatim-behind" not in (await alice.get(PATH)).headers
    assert len(lag.waited) == 3


async def test_keys_too(lag: Lag, alice: httpx.AsyncClient) -> None:
    lag.unseen(ApiKeyCreated)
    made = (await alice.post("/api/v1/keys", json={"label": "ci"})).json()
    listed = (await alice.get("/api/v1/keys")).json()["data"]
    assert [key["label"] for key in listed] == ["alice", "ci"]
    assert lag.waited == [{ACCOUNT_EVENTS}]
    lag.unseen(ApiKeyRevoked)
    assert (await alice.delete(f"/api/v1/keys/{made['id']}")).status_code == 204
    listed = (await alice.get("/api/v1/keys")).json()["data"]
    assert [key["revoked"] for key in listed] == [False, True]


async def test_a_key_is_revoked_though_the_projections_do_not_know_it_yet(lag: Lag, alice: httpx.AsyncClient) -> None:
    lag.unseen(ApiKeyCreated)
    made = (await alice.post("/api/v1/keys", json={"label": "ci"})).json()
    assert (await alice.delete(f"/api/v1/keys/{made['id']}")).status_code == 204


def test_so_many_users_are_remembered() -> None:
    writes = OwnWrites(most_users=2)
    for name in ("a", "b", "a", "c"):
        writes.wrote(f"conversation of {name}", name, Position(0, 0, 1))
    assert [bool(writes.in_lists(name, CONVERSATION_EVENTS)) for name in "abc"] == [True, False, True]


def test_what_was_written_while_reads_were_asked_is_still_waited_for() -> None:
    writes = OwnWrites()
    writes.wrote(CONVERSATION, USER, Position(0, 1, 5))
    asked = writes.in_lists(USER, CONVERSATION_EVENTS)
    writes.wrote(CONVERSATION, USER, Position(0, 1, 6))
    writes.shown(USER, asked)
    assert str(writes.in_lists(USER, CONVERSATION_EVENTS)) == "conversation-events/1/6"
