"""Two organisations on real servers: nothing that one writes is in any byte that others, logs or /metrics get."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import httpx
import pytest

from infra.ids import draw_id
from tests.e2e.stack import CANARY, Stack
from tests.e2e.test_metrics import addresses
from tests.eventually import eventually
from tests.unit.api.matrix.rows import ANY, MATRIX, PUBLIC, call, ids_of
from tests.unit.api.matrix.writing import WROTE, acted

pytestmark = pytest.mark.timeout(300)

ENDLESS = frozenset(
    {
        ("GET", "/api/v1/conversations/{conversation_id}/events/stream"),
        ("GET", "/api/v1/changes"),
        ("GET", "/api/v1/pulse/stream"),
    }
)
READ_S = 1.0
"""How long a stream without an end is read."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """Somebody, what stands in all that they write, and the ids of what that made."""

    client: httpx.AsyncClient
    canary: str
    names: dict[str, str]


async def given(admin: httpx.AsyncClient, name: str, organisation_id: str | None, role: str) -> str:
    """A key of a new user."""
    user = (await admin.post("/api/v1/admin/users", json={"name": name})).json()["id"]
    if organisation_id is not None:
        member = f"/api/v1/admin/organisations/{organisation_id}/members/{user}"
        assert (await admin.put(member, json={"role": role})).status_code == 200
    made = await admin.post("/api/v1/admin/keys", json={"userId": user})
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


async def read(client: httpx.AsyncClient, method: str, path: str, names: dict[str, str]) -> str:
    """All bytes of an answer, with its head; of one without an end, those of a second."""
    if (method, path) not in ENDLESS:
        answer = await call(client, method, path, names)
        return answer.text + repr(answer.headers)
    found = b""
    try:
        async with asyncio.timeout(READ_S):
            async with client.stream(method, path.replace("{conversation_id}", names["conversation_id"])) as answer:
                async for piece in answer.aiter_bytes():
                    found += piece
    except TimeoutError:
        pass
    return found.decode(errors="replace")


async def read_own(reader: Tenant) -> str:
    """All that somebody gets who asks every route for what is theirs."""
    found = [await read(reader.client, *route, reader.names) for route in sorted(MATRIX) if route[0] == "GET"]
    asked = [
        await reader.client.get("/api/v1/search", params={"q": CANARY}),
        await reader.client.get("/api/v1/admin/usage", params={"format": "csv"}),
    ]
    return "".join(found) + "".join(answer.text + repr(answer.headers) for answer in asked)


async def find_their_own(tenants: list[Tenant]) -> bool:
    """Whoever wrote it does find it, everywhere: else nothing would be proved."""
    for one in tenants:
        assert (await read_own(one)).count(one.canary) > 20
    return True


async def pried(client: httpx.AsyncClient, names: dict[str, str]) -> str:
    """All that somebody gets who asks every route for what is another's."""
    return "".join([await read(client, *route, names) for route in sorted(MATRIX)])


@pytest.mark.slow("every route of a whole stack, for four who ask")
async def test_no_byte_of_one_organisation_reaches_others_the_logs_or_the_metrics(stack: Stack) -> None:
    async with AsyncExitStack() as opened:

        async def client(key: str | None) -> httpx.AsyncClient:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            return await opened.enter_async_context(httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60))

        admin = await client(stack.key)
        tenants: list[Tenant] = []
        run = draw_id()[-12:]
        for number in (1, 2):
            made = await admin.post("/api/v1/admin/organisations", json={"name": f"Tenant {run} {number}"})
            organisation, who = made.json()["id"], f"tenant-{run}-{number}"
            own = await client(await given(admin, who, organisation, "admin"))
            canary = f"{CANARY}-{run}-{number}"
            names = await ids_of(own, who, organisation, canary, canary)
            assert [answer.status_code for answer in await acted(own, canary)] == WROTE
            tenants.append(Tenant(own, canary, {**names, "session_id": ANY, "link_id": ANY}))
        victim, reader = tenants
        colleague = await client(await given(admin, f"colleague-{run}", victim.names["organisation_id"], "member"))
        stranger, nobody = await client(await given(admin, f"stranger-{run}", None, "")), await client(None)

        found: bool = await eventually(partial(find_their_own, tenants), 30)
        assert found
        assert victim.canary not in await read_own(reader)
        for other in (reader.client, colleague, stranger, nobody):
            assert victim.canary not in await pried(other, victim.names)
        for method, path in sorted(PUBLIC):
            assert CANARY not in (await nobody.request(method, path)).text
        for name, address in addresses(stack).items():
            assert CANARY not in (await nobody.get(address)).text, name
    logs = sorted((stack.state / "logs").iterdir())
    assert any(log.name.startswith("api-") for log in logs)
    for log in logs:
        assert CANARY not in log.read_text(errors="replace"), log.name
