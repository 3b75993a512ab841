"""Signing out everywhere: every cookie made before opens nothing, its streams end, keys go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from api.access import session_ends
from api.access.session_ends import NONE_ENDED, TTL_S, YOUNG_S, SessionEnds
from api.access.sessions import Sessions
from api.app import create_app
from api.streaming.readers import Credential, Readers
from infra.cassandra.errors import StoreUnavailable
from infra.clock import now_us
from schemas import ids
from schemas.account import SessionsEnded
from schemas.codec import set_write_level
from schemas.envelope import Envelope
from schemas.registry import WRITE_LEVEL
from tests.unit.api.memory_log import AT, TOPICS, MemoryLog
from tests.unit.api.memory_reads import MemoryReads
from tests.unit.api.test_idempotent_commands import KEY, is_repeat, refusal
from tests.unit.api.test_signing_in import MARK, SESSION
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS

EVERYWHERE = f"{SESSION}?everywhere=true"
USER = ids.user_id("alice")


@pytest.fixture
async def browsers(world: World) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two that are signed in as Alice, one as Bob."""
    keys = [world.add_key("alice", "a"), world.add_key("alice", "c"), world.add_key("bob", "b")]
    async with world.client(None) as first, world.client(None) as second, world.client(None) as other:
        found = [first, second, other]
        for client, key in zip(found, keys, strict=True):
            client.headers.update(MARK)
            assert (await client.post(SESSION, json={"key": key})).status_code == 200
        yield found


async def opens(client: httpx.AsyncClient) -> bool:
    answer = await client.get(SESSION)
    assert answer.status_code == 200 or refusal(answer) == (401, "session_ended")
    return answer.status_code == 200


async def test_every_cookie_of_the_user_that_was_made_before_opens_nothing(
    world: World, browsers: list[httpx.AsyncClient]
) -> None:
    first, second, _ = browsers
    kept = first.cookies["verbatim_session"]
    answer = await first.delete(EVERYWHERE)
    assert answer.status_code == 204
    assert answer.headers["x-verbatim-position"].startswith("account-events/")
    first.headers["Cookie"] = f"verbatim_session={kept}"
    assert [await opens(client) for client in browsers] == [False, False, True]
    # The keys are as they were: with one the browser is signed in again, in the same second too.
    assert (await second.post(SESSION, json={"key": "vk_" + "a" * 43})).status_code == 200
    assert [await opens(client) for client in browsers] == [False, True, True]
    async with world.client("vk_" + "a" * 43) as program:
        assert (await program.get(SESSION)).status_code == 200
        # A program may end the sessions too.
        assert (await program.delete(EVERYWHERE, headers=MARK)).status_code == 204
    assert [await opens(client) for client in browsers] == [False, False, True]
    assert len([event for event, _ in world.log.all_of(ACCOUNT_EVENTS) if isinstance(event, SessionsEnded)]) == 2


async def test_another_process_knows_too_and_so_does_one_that_starts_later(
    world: World, browsers: list[httpx.AsyncClient]
) -> None:
    later = World()
    later.log.partitions = world.log.partitions
    cookie = browsers[1].cookies["verbatim_session"]
    await browsers[0].delete(EVERYWHERE)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(later.adapters)), base_url="http://verbatim", headers=MARK
    ) as client:
        client.headers["Cookie"] = f"verbatim_session={cookie}"
        assert not await opens(client)


async def test_who_signs_out_everywhere_must_be_signed_in(world: World, browsers: list[httpx.AsyncClient]) -> None:
    async with world.client(None) as nobody:
        assert (await nobody.delete(EVERYWHERE, headers=MARK)).status_code == 401
        assert (await nobody.delete(SESSION, headers=MARK)).status_code == 204
    answer = await browsers[0].delete(EVERYWHERE, headers={"X-Verbatim-CSRF": ""})
    assert refusal(answer) == (403, "csrf")
    assert [await opens(client) for client in browsers] == [True, True, True]


async def test_a_key_that_is_for_something_else_signs_nobody_out(
    world: World, browsers: list[httpx.AsyncClient]
) -> None:
    async with world.client("vk_" + "a" * 43) as program:
        chat, keys = [
            (await program.post("/api/v1/keys", json={"scopes": [scope]})).json()["key"] for scope in ("chat", "keys")
        ]
    async with world.client(chat) as bot:
        assert refusal(await bot.delete(EVERYWHERE, headers=MARK)) == (403, "insufficient_permissions")
        assert [await opens(client) for client in browsers] == [True, True, True]
    async with world.client(keys) as bot:
        assert (await bot.delete(EVERYWHERE, headers=MARK)).status_code == 204
        assert [await opens(client) for client in browsers] == [False, False, True]


async def test_a_repeat_ends_nothing_that_began_since(world: World, browsers: list[httpx.AsyncClient]) -> None:
    async with world.client("vk_" + "a" * 43) as program:
        headers = {**MARK, **KEY}
        assert not is_repeat(await program.delete(EVERYWHERE, headers=headers))
        await browsers[0].post(SESSION, json={"key": "vk_" + "a" * 43})
        assert is_repeat(await program.delete(EVERYWHERE, headers=headers))
    assert await opens(browsers[0])


@pytest.fixture
def level_four() -> Iterator[None]:
    set_write_level(4)
    yield
    set_write_level(WRITE_LEVEL)


@pytest.mark.usefixtures("level_four")
async def test_until_the_upgrade_is_finished_it_is_refused(browsers: list[httpx.AsyncClient]) -> None:
    assert refusal(await browsers[0].delete(EVERYWHERE)) == (400, "unsupported_parameter")
    assert await opens(browsers[0])


class Ends:
    """One process that follows a log in memory."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.reads = MemoryReads(self.log)
        self.ended: list[tuple[str, int]] = []
        self.ends = SessionEnds(self.reads, TOPICS, lambda *end: self.ended.append(end))

    def end(self, user: str = USER) -> None:
        envelope = Envelope(ids.event_id(user, "SessionsEnded"), AT, None, "r", f"user:{user}")
        self.log.append(ACCOUNT_EVENTS, user, SessionsEnded(envelope, user))


async def test_what_the_tail_tells_counts_at_once_whatever_the_projections_say() -> None:
    process = Ends()
    assert await process.ends.last(USER) == NONE_ENDED
    process.reads.blind = True
    process.log.tail(ACCOUNT_EVENTS, process.ends.on_batch)
    process.end()
    first = await process.ends.last(USER)
    assert first > NONE_ENDED
    assert process.ended == [(USER, first)]
    process.end()
    assert await process.ends.last(USER) > first
    assert await process.ends.last(ids.user_id("bob")) == NONE_ENDED


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock of session_ends says, in one cell."""
    now_s = [1000.0]
    monkeypatch.setattr(session_ends, "monotonic_s", lambda: now_s[0])
    return now_s


async def test_what_was_before_the_tail_began_is_read_within_a_second_of_a_young_process(clock: list[float]) -> None:
    process = Ends()
    process.reads.blind = True
    assert await process.ends.last(USER) == NONE_ENDED
    process.end()
    process.reads.blind = False
    assert await process.ends.last(USER) == NONE_ENDED
    clock[0] += 1.0
    first = await process.ends.last(USER)
    assert first > NONE_ENDED
    # An old process asks rarely: its tail tells.
    clock[0] += YOUNG_S
    assert await process.ends.last(USER) == first
    process.end()
    clock[0] += TTL_S - 1.0
    assert await process.ends.last(USER) == first
    clock[0] += 1.0
    assert await process.ends.last(USER) > first


async def test_while_the_projections_are_away_what_is_known_counts(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Ends()
    process.end()
    known = await process.ends.last(USER)

    async def away(user_id: str) -> int | None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(process.reads, "sessions_ended", away)
    clock[0] += 9.0
    assert await process.ends.last(USER) == known
    with pytest.raises(StoreUnavailable):
        await process.ends.last(ids.user_id("bob"))


def test_streams_of_sessions_before_end_and_no_others() -> None:
    readers = Readers(heartbeat_s=15)
    old, new = Credential("k" * 64, USER, 3), Credential("k" * 64, USER, 7)
    by_key, others = Credential("k" * 64, USER), Credential("l" * 64, "bob", 0)
    entered = [readers.enter(each) for each in (old, new, by_key, others)]
    readers.end_sessions(USER, 7)
    assert [reader.gone for reader in entered] == ["revoked", None, None, None]
    # One that is about to begin: its cookie was looked at before.
    assert readers.enter(old).gone == "revoked"
    assert readers.enter(new).gone is None
    readers.end_sessions(USER, 5)
    assert readers.enter(Credential("k" * 64, USER, 6)).gone == "revoked"


def test_a_cookie_says_after_which_end_it_was_made() -> None:
    sessions, now_s = Sessions("s" * 43, 60), now_us() // 1_000_000
    first, later = sessions.cookie("ab" * 32, now_s), sessions.cookie("ab" * 32, now_s, 2**60)
    for cookie, session in (first, later):
        assert sessions.session(cookie, now_s) == session
    assert (first[1].number, later[1].number) == (0, 2**60)
    assert len(later[0]) < 140
