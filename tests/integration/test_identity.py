"""Identity on the real log and tables: what is taken ends what is read, and who pays is told to the bill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from api.access.auth import hash_of
from infra.clock import monotonic_s, now_us
from infra.ids import draw_id
from infra.settings import Settings
from schemas import ids
from schemas.account import AccountEvent, ApiKeyRevoked
from schemas.envelope import Envelope, Position
from schemas.identity import MembershipChanged, OrganisationCreated, UserChanged
from schemas.outcome import Outcome
from schemas.price import Attribution
from streams.metering.reactor import usage_record
from tests.eventually import SLOWER, eventually
from tests.integration.api_calls import CHAT, CONVERSATIONS, begun, chat
from tests.integration.api_process import make_key
from tests.integration.api_running import Running, whole_api
from tests.unit.api.sse_text import events_of
from topics.catalogue import ACCOUNT_EVENTS, USAGE_RECORDS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

WITHIN_S = SLOWER * 2.0
"""What is promised, on a host that is three times as slow."""
KEYS, SESSION = "/api/v1/keys", "/api/v1/session"
GUILD = ids.organisation_id("guild of the identity tests")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with whole_api(servers, Path(tmp_path_factory.mktemp("identity")) / "api.log") as running:
        yield running


def envelope() -> Envelope:
    return Envelope(draw_id(), now_us(), None, "r", "system:test")


async def say(running: Running, record: AccountEvent, key: str) -> None:
    """As another process says it."""
    await running.agents.log.send(ACCOUNT_EVENTS, key, record)


async def change(running: Running, user_id: str, **what: object) -> None:
    said = UserChanged(envelope=envelope(), user_id=user_id, **what)  # type: ignore[arg-type]  # fields of it
    await say(running, said, user_id)


@dataclass
class Reading:
    """An answer that does not end by itself, and who reads it."""

    client: httpx.AsyncClient
    conversation: str
    generation: str
    ended: asyncio.Task[float]

    async def resumed(self) -> tuple[int, str]:
        """Status and code of the try to read on."""
        answer = await self.client.get(f"/api/v1/generations/{self.generation}/stream", headers={"Last-Event-ID": "1"})
        return answer.status_code, answer.json()["error"]["code"]


async def reading(client: httpx.AsyncClient, tasks: asyncio.TaskGroup) -> Reading:
    """The client reads an answer that has begun."""
    conversation = await begun(client)
    first: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read() -> float:
        seen = b""
        with suppress(httpx.RemoteProtocolError):  # it is cut where it may be read no more
            path = f"{CONVERSATIONS}/{conversation}/messages"
            async with client.stream("POST", path, json={"content": "hold"}, timeout=90) as stream:
                assert stream.status_code == 200
                async for chunk in stream.aiter_bytes():
                    seen += chunk
                    if b"held" in seen and not first.done():
                        first.set_result(events_of(seen)[0].json["messageId"])
        return monotonic_s()

    ended = tasks.create_task(read())
    async with asyncio.timeout(60):
        return Reading(client, conversation, await first, ended)


async def test_suspension_ends_what_is_read_and_lets_in_again_when_it_is_taken_back(running: Running) -> None:
    user = ids.user_id("suspended")
    async with running.api.client(await make_key(running.agents.log, "suspended")) as client:
        async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
            answer = await reading(client, tasks)
            said_s = monotonic_s()
            await change(running, user, suspended=True)
            assert await answer.ended - said_s < WITHIN_S
            assert await answer.resumed() == (403, "account_suspended")
        await change(running, user, suspended=False)
        await holds(lambda: _allowed(client, f"{CONVERSATIONS}/{answer.conversation}"))


async def test_a_role_that_is_taken_ends_what_it_allowed(running: Running) -> None:
    user = ids.user_id("reviewer")
    async with running.api.client(await make_key(running.agents.log, "reviewer")) as client:
        await change(running, user, roles=("auditor", "reviewer"))
        await holds(lambda: _allowed(client, "/api/v1/admin/users"))
        async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
            answer = await reading(client, tasks)
            said_s = monotonic_s()
            await change(running, user, roles=("auditor",))
            assert await answer.ended - said_s < WITHIN_S
            assert await answer.resumed() == (404, "not_found")
        await change(running, user, roles=("reviewer",))
        await holds(lambda: _allowed(client, f"{CONVERSATIONS}/{answer.conversation}"))
        assert (await client.get("/api/v1/admin/users")).status_code == 404


async def test_a_revoked_key_ends_its_own_streams_alone(running: Running) -> None:
    user = ids.user_id("revoked")
    async with running.api.client(await make_key(running.agents.log, "revoked")) as client:
        made = (await client.post(KEYS, json={"label": "other"})).json()
        async with (
            running.api.client(made["key"]) as other,
            asyncio.timeout(120),
            asyncio.TaskGroup() as tasks,
        ):
            kept, lost = await reading(client, tasks), await reading(other, tasks)
            said_s = monotonic_s()
            await say(running, ApiKeyRevoked(envelope(), user, made["id"], hash_of(made["key"])), user)
            assert await lost.ended - said_s < WITHIN_S
            assert await lost.resumed() == (401, "invalid_api_key")
            assert not kept.ended.done()
            assert (await client.get(SESSION)).status_code == 200
            kept.ended.cancel()


async def test_a_key_ends_with_what_it_reads_and_not_before(running: Running) -> None:
    async with running.api.client(await make_key(running.agents.log, "ends")) as client:
        end = datetime.fromtimestamp(now_us() // 1_000_000 + 6, UTC)
        made = (await client.post(KEYS, json={"expiresAt": end.isoformat()})).json()
        assert "key" in made, made
        async with running.api.client(made["key"]) as short, asyncio.timeout(120), asyncio.TaskGroup() as tasks:
            left_s, at_s = end.timestamp() - now_us() / 1e6, monotonic_s()
            answer = await reading(short, tasks)
            ended_s = await answer.ended - at_s
            assert left_s <= ended_s < left_s + WITHIN_S
            assert await answer.resumed() == (401, "key_expired")
            assert (await short.get(SESSION)).json()["error"]["code"] == "key_expired"
        assert (await client.get(SESSION)).status_code == 200


async def test_a_restricted_key_may_what_it_is_for(running: Running) -> None:
    async with running.api.client(await make_key(running.agents.log, "scopes")) as client:
        conversation = await begun(client)
        limits = {"requestsPerMinute": 50, "models": ["verbatim-other"]}
        asks = (await client.post(KEYS, json={"scopes": ["chat"], "limits": limits})).json()
        reads = (await client.post(KEYS, json={"scopes": ["read"], "label": "reads"})).json()

        async def listed() -> bool:
            # From the tables, which hold what the answer to its making told.
            rows = {row["id"]: row for row in (await client.get(KEYS)).json()["data"]}
            return {asks["id"], reads["id"]} <= rows.keys() and (
                rows[reads["id"]]["scopes"] == ["read"]
                and rows[asks["id"]]["scopes"] == ["chat"]
                and rows[asks["id"]]["limits"]["models"] == ["verbatim-other"]
            )

        await holds(listed)
        async with running.api.client(reads["key"]) as reader, running.api.client(asks["key"]) as asker:
            assert (await reader.get(f"{CONVERSATIONS}/{conversation}")).status_code == 200
            for refused in (
                await reader.post(CHAT, json=chat("say 1")),
                await reader.patch(f"{CONVERSATIONS}/{conversation}", json={"title": "x"}),
                await reader.post(KEYS, json={}),
                await asker.get(f"{CONVERSATIONS}/{conversation}"),
            ):
                assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_permissions")
            other = await asker.post(CHAT, json=chat("say 1"))
            assert (other.status_code, other.json()["error"]["code"]) == (404, "model_not_found")
            assert other.headers["x-ratelimit-limit-requests"] == "50"


async def test_who_pays_is_told_from_the_request_to_the_bill(running: Running) -> None:
    """An organisation takes a user: the job's outcome, the bill and the sums name it, and the key that asked."""
    user, boss = ids.user_id("paid"), ids.user_id("boss")
    made = OrganisationCreated(envelope=envelope(), organisation_id=GUILD, name="Guild", tier="unlimited")
    taken = MembershipChanged(envelope=envelope(), user_id=user, organisation_id=GUILD, role="member")
    heads = MembershipChanged(envelope=envelope(), user_id=boss, organisation_id=GUILD, role="auditor")
    log = running.agents.log
    async with (
        running.api.client(await make_key(log, "paid")) as client,
        running.api.client(await make_key(log, "boss")) as auditor,
    ):
        own = await _billed(running, client)
        await say(running, made, GUILD)
        await say(running, taken, user)
        await say(running, heads, boss)

        async def paid() -> bool:
            told = (await client.get(SESSION)).json()
            return bool(told["account"] == GUILD and (told["organisation"] or {}).get("name") == "Guild")

        await holds(paid)
        theirs = await _billed(running, client)
        key_id = (await client.get(KEYS)).json()["data"][0]["id"]
        assert own in (None, Attribution(account=user, key_id=key_id))
        assert theirs == Attribution(account=GUILD, organisation_id=GUILD, key_id=key_id, tier="unlimited")

        async def summed() -> bool:
            mine = (await client.get("/api/v1/usage", params={"by": "key"})).json()["data"]
            guild = (await auditor.get("/api/v1/admin/usage", params={"by": "key,user"})).json()["data"]
            # Their own sums hold both; the organisation's only what it pays for.
            return [row["requests"] for row in mine] == [2] and [
                (row["key"], row["user"], row["requests"]) for row in guild
            ] == [(key_id, user, 1)]

        await holds(summed)


async def _billed(running: Running, client: httpx.AsyncClient) -> Attribution | None:
    """Who is billed for one more answer, as its outcome in the log and its usage record say."""
    conversation = await begun(client)
    said = await client.post(f"{CONVERSATIONS}/{conversation}/messages", json={"content": "say 3"})
    generation = events_of(said.content)[0].json["messageId"]

    ended: tuple[Outcome, Position] = await eventually(lambda: running.agents.ended[generation])
    record = usage_record(*ended)
    await running.agents.log.send(USAGE_RECORDS, record.user_id, record)
    return record.attribution


async def holds(check: Callable[[], Awaitable[bool]]) -> None:
    shown: bool = await eventually(check)
    assert shown


async def _allowed(client: httpx.AsyncClient, path: str) -> bool:
    return (await client.get(path)).status_code == 200
