"""Guessing keys: what an address may have looked up, and that nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.access import key_cache, unknown_keys
from api.access.auth import hash_of
from api.access.key_cache import KeyCache
from api.access.people import People
from api.access.principal import Principal
from api.access.sessions import NONCE_BYTES
from api.access.unknown_keys import TooManyMisses, UnknownKeys, counted_as
from infra.cassandra.errors import StoreUnavailable
from infra.clock import now_us
from projections.accounts.queries import ApiKeyRow
from tests.unit.api.memory_accounts import MemoryAccounts
from tests.unit.api.memory_log import TOPICS, MemoryLog
from tests.unit.api.world import World

HERE = "192.0.2.1"
LIMIT = unknown_keys.MISSES_PER_MINUTE


class Clock:
    """What the accounts and the key cache go by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        monkeypatch.setattr(unknown_keys, "monotonic_s", lambda: self.now_s)
        monkeypatch.setattr(key_cache, "monotonic_s", lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def miss() -> str | None:
    return None


async def test_so_many_misses_and_then_one_every_two_seconds(clock: Clock) -> None:
    accounts = UnknownKeys()
    for _ in range(LIMIT):
        assert await accounts.ask(HERE, miss) is None
    with pytest.raises(TooManyMisses) as refused:
        await accounts.ask(HERE, lambda: pytest.fail("it was read"))
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "2")
    assert await accounts.ask("192.0.2.2", miss) is None
    clock.now_s += 2
    assert await accounts.ask(HERE, miss) is None
    with pytest.raises(TooManyMisses):
        await accounts.ask(HERE, miss)


async def test_what_is_found_costs_nothing_and_what_fails_neither(clock: Clock) -> None:
    accounts = UnknownKeys()

    async def found() -> str:
        return "a holder"

    async def away() -> None:
        raise StoreUnavailable("away")

    for _ in range(3 * LIMIT):
        assert await accounts.ask(HERE, found) == "a holder"
        with pytest.raises(StoreUnavailable):
            await accounts.ask(HERE, away)
    assert await accounts.ask(HERE, miss) is None


async def test_many_at_once_are_no_way_around_it() -> None:
    accounts, reading, most, reads = UnknownKeys(), 0, 0, 0

    async def slow_miss() -> None:
        nonlocal reading, most, reads
        reading, reads = reading + 1, reads + 1
        most = max(most, reading)
        await asyncio.sleep(0)
        reading -= 1

    answers = await asyncio.gather(*(accounts.ask(HERE, slow_miss) for _ in range(500)), return_exceptions=True)
    assert (reads, most) == (LIMIT, LIMIT)
    assert sum(isinstance(answer, TooManyMisses) for answer in answers) == 500 - LIMIT


async def test_many_with_good_keys_at_once_are_all_let_in() -> None:
    accounts = UnknownKeys()

    async def found() -> str:
        await asyncio.sleep(0)
        return "a holder"

    assert await asyncio.gather(*(accounts.ask(HERE, found) for _ in range(300))) == ["a holder"] * 300


async def test_nobody_waits_for_ever_for_the_reads_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_keys, "WAIT_S", 0.01)
    accounts = UnknownKeys(misses_per_minute=1)
    stuck = asyncio.Event()

    async def never() -> None:
        await stuck.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(accounts.ask(HERE, never))
        await asyncio.sleep(0)
        with pytest.raises(TooManyMisses):
            await accounts.ask(HERE, miss)
        stuck.set()


async def test_addresses_without_number_take_no_memory_and_no_reads_without_end(clock: Clock) -> None:
    accounts = UnknownKeys(most_addresses=100, all_misses_per_minute=500)
    reads = 0

    async def counted() -> None:
        nonlocal reads
        reads += 1

    for number in range(5000):
        try:
            await accounts.ask(f"10.0.{number // 250}.{number % 250}", counted)
        except TooManyMisses:
            continue
    assert (len(accounts), reads) == (100, 500)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("", "", True),
        ("x" * 1000, "x" * 64, True),
    ],
)
def test_who_counts_as_one(one: str, other: str, same: bool) -> None:
    assert (counted_as(one) == counted_as(other)) is same
    assert len(counted_as(one)) <= 64


class CountingReads(MemoryAccounts):
    """Says nothing until `go`."""

    def __init__(self) -> None:
        super().__init__(MemoryLog())
        self.asked = 0
        self.go = asyncio.Event()
        self.row: ApiKeyRow | None = None
        self.away = False

    async def api_key(self, key_sha256: str) -> ApiKeyRow | None:
        self.asked += 1
        await self.go.wait()
        if self.away:
            raise StoreUnavailable("away")
        return self.row


def people(reads: CountingReads) -> People:
    return People(reads, TOPICS, lambda user_id, revision, which: None)


DIGEST = "a" * 64
ROW = ApiKeyRow(DIGEST, "key", "alice", "", "aaaa", 0, None)


@pytest.mark.parametrize("row", [None, ROW])
async def test_one_key_asked_for_by_many_is_read_once(row: ApiKeyRow | None) -> None:
    reads = CountingReads()
    reads.row = row
    cache = KeyCache(reads, people(reads), lambda _: None)
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(cache.principal(DIGEST, HERE)) for _ in range(100)]
        await asyncio.sleep(0)
        reads.go.set()
    assert reads.asked == 1
    assert {task.result() for task in asking} == {None if row is None else Principal("alice", "key", DIGEST)}


async def test_an_error_is_everybodys_who_waited() -> None:
    reads = CountingReads()
    reads.away = True
    reads.go.set()
    cache = KeyCache(reads, people(reads), lambda _: None)
    answers = await asyncio.gather(*(cache.principal(DIGEST, HERE) for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 5
    reads.away = False
    assert await cache.principal(DIGEST, HERE) is None


async def test_whoever_waited_for_somebody_who_gave_up_asks_again() -> None:
    reads = CountingReads()
    reads.row = ROW
    cache = KeyCache(reads, people(reads), lambda _: None)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(cache.principal(DIGEST, HERE))
        second = tasks.create_task(cache.principal(DIGEST, HERE))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        reads.go.set()
    assert second.result() == Principal("alice", "key", DIGEST)


@pytest.fixture
def reads(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that the projections were asked for."""
    asked: list[str] = []
    real = world.reads.api_key

    async def api_key(key_sha256: str) -> ApiKeyRow | None:
        asked.append(key_sha256)
        return await real(key_sha256)

    monkeypatch.setattr(world.reads, "api_key", api_key)
    return asked


@asynccontextmanager
async def at(app: Any, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://verbatim") as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def unknown(number: int) -> str:
    return f"vk_{number:043}"


@pytest.mark.usefixtures("clock")
async def test_a_guesser_is_turned_away_unread_and_the_neighbours_notice_nothing(
    world: World, reads: list[str]
) -> None:
    known, stale = world.add_key("alice", "a"), world.add_key("bob", "b")
    world.adapters.keys._known.pop(hash_of(stale))
    async with at(world.app, HERE) as client:
        assert (await client.get("/v1/models", headers=bearer(stale))).status_code == 200
        world.adapters.keys._known[hash_of(stale)].until_s = 0.0
        reads.clear()
        answers = [await client.get("/v1/models", headers=bearer(unknown(number))) for number in range(1000)]
        assert [answer.status_code for answer in answers] == [401] * LIMIT + [429] * (1000 - LIMIT)
        assert len(reads) == LIMIT
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert answers[-1].json()["error"]["code"] == "rate_limit_exceeded"
        assert (await client.get("/v1/models", headers=bearer(known))).status_code == 200
        # One whose time in the cache is over is looked up again, whatever its neighbours do.
        assert (await client.get("/v1/models", headers=bearer(stale))).status_code == 200
        signed = await client.post("/api/v1/session", json={"key": unknown(1000)}, headers={"X-Verbatim-CSRF": "1"})
        assert signed.status_code == 429
    async with at(world.app, "192.0.2.2") as elsewhere:
        assert (await elsewhere.get("/v1/models", headers=bearer(unknown(2000)))).status_code == 401
    assert len(reads) == LIMIT + 2


async def test_who_goes_on_with_one_old_key_keeps_nobody_out(world: World, reads: list[str]) -> None:
    stranger = world.add_key("alice", "a")
    world.adapters.keys._known.clear()
    async with at(world.app, HERE) as client:
        codes = {(await client.get("/v1/models", headers=bearer(unknown(1)))).status_code for _ in range(200)}
        assert (codes, len(reads)) == ({401}, 1)
        assert (await client.get("/v1/models", headers=bearer(stranger))).status_code == 200


async def test_cookies_and_links_of_keys_that_are_gone_are_counted_too(world: World, reads: list[str]) -> None:
    now_s = now_us() // 1_000_000
    link = world.adapters.sessions.link("b" * 64, bytes(NONCE_BYTES), now_s)
    async with at(world.app, HERE) as client:
        codes = []
        for number in range(LIMIT + 1):
            cookie, _ = world.adapters.sessions.cookie(f"{number:064}", now_s)
            answer = await client.get("/v1/models", headers={"Cookie": f"verbatim_session={cookie}"})
            codes.append(answer.status_code)
        assert codes == [401] * LIMIT + [429]
        signed = await client.post("/api/v1/session", json={"link": link}, headers={"X-Verbatim-CSRF": "1"})
        assert signed.status_code == 429
    assert len(reads) == LIMIT


@pytest.mark.parametrize(("trusted", "counted_apart"), [("10.0.0.9", True), ("127.0.0.1", False)])
async def test_who_asks_is_what_trusted_proxies_say(
    trusted: str, counted_apart: bool, world: World, reads: list[str]
) -> None:
    app = ProxyHeadersMiddleware(world.app, trusted_hosts=[trusted])
    async with at(app, "10.0.0.9") as client:
        for number in range(LIMIT + 5):
            headers = bearer(unknown(number)) | {"X-Forwarded-For": f"192.0.2.{number}"}
            last = await client.get("/v1/models", headers=headers)
    assert last.status_code == (401 if counted_apart else 429)
    assert len(reads) == (LIMIT + 5 if counted_apart else LIMIT)
