"""Who may do what: every route of the app, with every kind of caller. A new route without a row here fails."""

from __future__ import annotations

import httpx
import pytest

from api.access.auth import PulseCaller, RouteGate, admit_anybody
from tests.unit.api.matrix.rows import ANY, ANYBODYS, ASSETS, MATRIX, PUBLIC
from tests.unit.api.routes import all_routes, route_objects, sockets
from tests.unit.api.world import World


def test_every_route_has_a_row() -> None:
    routes = all_routes(World().app) - ANYBODYS - ASSETS
    assert routes - PUBLIC == set(MATRIX)
    assert routes >= PUBLIC
    # Who may open one: tests/unit/api/matrix/test_socket.py.
    assert sockets(World().app) == {"/v1/responses"}


@pytest.mark.parametrize("path", sorted(path for _, path in PUBLIC))
async def test_public_routes_ask_for_no_key(path: str, world: World) -> None:
    async with world.client(None) as client:
        assert (await client.get(path.format(conversation=ANY, section="keys"))).status_code == 200


async def test_both_ways_to_send_a_key_are_the_same(world: World) -> None:
    key, other = world.add_key("alice", "a"), world.add_key("bob", "b")
    async with world.client(None) as client:

        async def status(**headers: str) -> int:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return (await client.get("/v1/models", headers=sent)).status_code

        assert await status(authorization=f"Bearer {key}") == 200
        assert await status(authorization=f"bearer {key}") == 200
        assert await status(x_api_key=key) == 200
        assert await status(authorization=f"Bearer {key}", x_api_key=key) == 200
        assert await status(authorization=f"Bearer {key}", x_api_key=other) == 400
        assert await status(authorization=f"Basic {key}") == 401
        assert await status(authorization=key) == 401
        assert await status(x_api_key=key + "\t") == 401
        assert await status(x_api_key="") == 401
        assert await status(x_api_key="vk_" + "a" * 1_000_000) == 401
    assert len(world.limiter.keys) == 1


async def test_a_key_made_here_opens_at_once_and_a_revoked_one_no_more(world: World, alice: httpx.AsyncClient) -> None:
    made = (await alice.post("/api/v1/keys", json={"label": "ci"})).json()
    world.reads.blind = True
    async with world.client(made["key"]) as client:
        assert (await client.get("/v1/models")).status_code == 200
        world.reads.blind = False
        listed = (await client.get("/api/v1/keys")).json()["data"]
        assert [key["label"] for key in listed] == ["alice", "ci"]
        assert made["key"] not in str(listed)
        assert (await client.delete(f"/api/v1/keys/{made['id']}")).status_code == 204
        assert (await client.get("/v1/models")).status_code == 401
    assert (await alice.get("/v1/models")).status_code == 200


async def test_keys_are_kept_as_hashes_alone(world: World, alice: httpx.AsyncClient) -> None:
    made = (await alice.post("/api/v1/keys", json={})).json()["key"]
    for records in world.log.partitions.values():
        assert all(made.encode() not in record.value() for record in records)


async def test_what_operators_see_does_not_exist_for_others(world: World, alice: httpx.AsyncClient) -> None:
    async def operators(caller: PulseCaller) -> str:
        return caller.key_id

    world.app.add_api_route("/operators", operators)
    assert (await alice.get("/operators")).json()["error"]["code"] == "not_found"
    async with world.client(world.add_key("admin", "c")) as admin:
        assert (await admin.get("/operators")).status_code == 200
    async with world.client(None) as nobody:
        assert (await nobody.get("/operators")).status_code == 401


def test_every_guarded_route_goes_through_the_one_gate() -> None:
    routes = [route for route in route_objects(World().app) if ("GET", route.path) not in PUBLIC | ASSETS]
    assert len(routes) == len(MATRIX) + len(ANYBODYS)
    for route in routes:
        (method,) = route.methods
        calls = [dependency.call for dependency in route.dependant.dependencies]
        if (method, route.path) in ANYBODYS:
            assert admit_anybody in calls, route.path
        else:
            assert [type(call) for call in calls].count(RouteGate) == 1, route.path
