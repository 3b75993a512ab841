"""Who may do what: every route of the app, with every kind of caller. A new route without a row here fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.access.auth import PulseCaller, RouteGate, admit_anybody
from api.log_view import live_log
from schemas.account import ApiKeyRevoked
from tests.unit.api.routes import all_routes, route_objects, sockets
from tests.unit.api.test_schema_registry import ROUTES as SCHEMA_ROUTES
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS

SAY = {"content": "hi"}
IMPORT = {"source": {"product": "chatgpt", "id": "1"}, "messages": [{"id": "1", "role": "user", "content": "hi"}]}
CHAT = {"model": "verbatim-local", "messages": [{"role": "user", "content": "hi"}]}


@dataclass(frozen=True, slots=True)
class Row:
    """`own`: the status for the owner of what the path names; `other`: for another user with a valid key."""

    own: int
    other: int
    body: Any = None


_CONVERSATION = "/api/v1/conversations/{conversation_id}"
MATRIX: dict[tuple[str, str], Row] = {
    ("POST", "/api/v1/conversations"): Row(201, 201, {}),
    ("GET", "/api/v1/conversations"): Row(200, 200),
    ("GET", _CONVERSATION): Row(200, 404),
    ("PATCH", _CONVERSATION): Row(200, 404, {"title": "t"}),
    ("DELETE", _CONVERSATION): Row(204, 404),
    ("POST", _CONVERSATION + "/messages"): Row(200, 404, SAY),
    ("GET", _CONVERSATION + "/messages"): Row(200, 404),
    ("GET", _CONVERSATION + "/branch"): Row(200, 404),
    ("GET", _CONVERSATION + "/export"): Row(200, 404),
    ("GET", "/api/v1/export"): Row(200, 200),
    ("POST", "/api/v1/conversations/import"): Row(201, 201, IMPORT),
    ("PATCH", _CONVERSATION + "/marks"): Row(200, 404, {"pinned": True}),
    ("PUT", _CONVERSATION + "/settings"): Row(200, 404, {"temperature": 0.5}),
    # It names a conversation that is neither's.
    ("POST", "/api/v1/marks"): Row(404, 404, {"conversation_ids": ["x"], "pinned": True}),
    ("GET", _CONVERSATION + "/events"): Row(200, 404),
    # Nothing is watched here.
    ("GET", _CONVERSATION + "/events/stream"): Row(503, 404),
    ("POST", _CONVERSATION + "/messages/{message_id}/regenerate"): Row(200, 404, {}),
    ("POST", _CONVERSATION + "/messages/{message_id}/feedback"): Row(204, 404, {"rating": "up"}),
    # Nothing is watched here.
    ("GET", "/api/v1/changes"): Row(503, 503),
    ("GET", "/api/v1/generations/{generation_id}"): Row(200, 404),
    ("GET", "/api/v1/generations/{generation_id}/stream"): Row(200, 404),
    ("GET", "/api/v1/generations/{generation_id}/timeline"): Row(200, 404),
    ("POST", "/api/v1/generations/{generation_id}/cancel"): Row(200, 404, {}),
    ("GET", "/api/v1/keys"): Row(200, 200),
    ("POST", "/api/v1/keys"): Row(201, 201, {}),
    ("DELETE", "/api/v1/keys/{key_id}"): Row(204, 404),
    ("PATCH", "/api/v1/keys/{key_id}"): Row(200, 404, {"label": "ci"}),
    # None of the two is an administrator: tests/unit/api/admin/ has the answers of those who are.
    ("GET", "/api/v1/admin/users"): Row(404, 404),
    ("POST", "/api/v1/admin/users"): Row(404, 404, {"name": "carol"}),
    ("GET", "/api/v1/admin/users/{user_id}"): Row(404, 404),
    ("PATCH", "/api/v1/admin/users/{user_id}"): Row(404, 404, {"suspended": True}),
    ("GET", "/api/v1/admin/organisations"): Row(404, 404),
    ("POST", "/api/v1/admin/organisations"): Row(404, 404, {"name": "Guild"}),
    ("PATCH", "/api/v1/admin/organisations/{organisation_id}"): Row(404, 404, {"name": "Guild"}),
    ("GET", "/api/v1/admin/organisations/{organisation_id}/members"): Row(404, 404),
    ("PUT", "/api/v1/admin/organisations/{organisation_id}/members/{user_id}"): Row(404, 404, {}),
    ("DELETE", "/api/v1/admin/organisations/{organisation_id}/members/{user_id}"): Row(404, 404),
    ("GET", "/api/v1/admin/keys"): Row(404, 404),
    ("POST", "/api/v1/admin/keys"): Row(404, 404, {"user_id": "x"}),
    ("PATCH", "/api/v1/admin/keys/{key_id}"): Row(404, 404, {"label": "x"}),
    ("DELETE", "/api/v1/admin/keys/{key_id}"): Row(404, 404),
    ("GET", "/api/v1/models"): Row(200, 200),
    ("GET", "/api/v1/limits"): Row(200, 200),
    ("GET", "/api/v1/status"): Row(200, 200),
    # None of the two is an operator.
    ("GET", "/api/v1/admin/tiers"): Row(404, 404),
    ("GET", "/api/v1/pulse"): Row(404, 404),
    ("GET", "/api/v1/pulse/stream"): Row(404, 404),
    ("GET", "/api/v1/admin/budgets"): Row(404, 404),
    ("PUT", "/api/v1/admin/budgets"): Row(404, 404, {"account": "ada", "limit": 1}),
    ("DELETE", "/api/v1/admin/budgets"): Row(404, 404, {"account": "ada"}),
    ("GET", "/api/v1/budgets"): Row(200, 200),
    # It lacks its question here.
    ("GET", "/api/v1/search"): Row(400, 400),
    ("GET", "/api/v1/session"): Row(200, 200),
    ("GET", "/api/v1/sessions"): Row(200, 200),
    # It names a session that is neither's.
    ("DELETE", "/api/v1/sessions/{session_id}"): Row(404, 404),
    ("POST", "/api/v1/session/password"): Row(204, 204, {"password": "long enough to be one"}),
    # None of the two is an administrator.
    ("GET", "/api/v1/admin/invitations"): Row(404, 404),
    ("POST", "/api/v1/admin/invitations"): Row(404, 404, {}),
    ("DELETE", "/api/v1/admin/invitations/{link_id}"): Row(404, 404),
    ("POST", "/api/v1/admin/users/{user_id}/reset"): Row(404, 404, {}),
    ("GET", "/api/v1/settings"): Row(200, 200),
    ("PATCH", "/api/v1/settings"): Row(200, 200, {"settings": {"theme": "dark"}}),
    ("GET", "/api/v1/folders"): Row(200, 200),
    ("POST", "/api/v1/folders"): Row(201, 201, {"name": "Work"}),
    ("PATCH", "/api/v1/folders/{folder_id}"): Row(200, 404, {"name": "Home"}),
    ("DELETE", "/api/v1/folders/{folder_id}"): Row(204, 404),
    ("GET", "/api/v1/snippets"): Row(200, 200),
    ("POST", "/api/v1/snippets"): Row(201, 201, {"name": "brief", "text": "Be brief."}),
    ("PATCH", "/api/v1/snippets/{snippet_id}"): Row(200, 404, {"text": "Be long."}),
    ("DELETE", "/api/v1/snippets/{snippet_id}"): Row(204, 404),
    ("GET", "/api/v1/usage"): Row(200, 200),
    ("GET", "/api/v1/usage/daily"): Row(200, 200),
    ("GET", "/api/v1/admin/usage"): Row(404, 404),
    ("POST", "/v1/chat/completions"): Row(200, 200, CHAT),
    ("GET", "/v1/chat/completions"): Row(200, 200),
    ("GET", "/v1/chat/completions/{completion_id}"): Row(200, 404),
    ("POST", "/v1/chat/completions/{completion_id}"): Row(200, 404, {"metadata": {}}),
    ("DELETE", "/v1/chat/completions/{completion_id}"): Row(200, 404),
    ("GET", "/v1/chat/completions/{completion_id}/messages"): Row(200, 404),
    # The model is not there.
    ("POST", "/v1/embeddings"): Row(404, 404, {"model": "none", "input": "a"}),
    ("POST", "/v1/completions"): Row(200, 200, {"model": "verbatim-local", "prompt": "hi"}),
    ("POST", "/v1/responses"): Row(200, 200, {"model": "verbatim-local", "input": "hi"}),
    ("GET", "/v1/responses/{response_id}"): Row(200, 404),
    ("DELETE", "/v1/responses/{response_id}"): Row(200, 404),
    # It was not made in the background.
    ("POST", "/v1/responses/{response_id}/cancel"): Row(400, 404, {}),
    ("GET", "/v1/responses/{response_id}/input_items"): Row(200, 404),
    ("POST", "/v1/responses/compact"): Row(200, 200, {"model": "verbatim-local", "input": "hi"}),
    ("POST", "/v1/responses/input_tokens"): Row(200, 200, {"model": "verbatim-local", "input": "hi"}),
    ("POST", "/v1/conversations"): Row(200, 200, {}),
    ("GET", "/v1/conversations/{conversation_id}"): Row(200, 404),
    ("POST", "/v1/conversations/{conversation_id}"): Row(200, 404, {"metadata": {}}),
    ("DELETE", "/v1/conversations/{conversation_id}"): Row(200, 404),
    ("POST", "/v1/conversations/{conversation_id}/items"): Row(
        200, 404, {"items": [{"role": "user", "content": "hi"}]}
    ),
    ("GET", "/v1/conversations/{conversation_id}/items"): Row(200, 404),
    ("GET", "/v1/conversations/{conversation_id}/items/{item_id}"): Row(200, 404),
    ("DELETE", "/v1/conversations/{conversation_id}/items/{item_id}"): Row(200, 404),
    ("GET", "/v1/models"): Row(200, 200),
    ("GET", "/v1/models/{model_id:path}"): Row(200, 200),
}
ANY = "01890a5d-ac96-774b-bcce-b302099a8057"
PAGES = {
    ("GET", path)
    for path in (
        "/",
        "/admin",
        "/admin/{section}",
        "/c/{conversation}",
        "/pulse",
        "/settings",
        "/settings/{section}",
        "/signin",
    )
}
AT_ROOT = {
    ("GET", f"/{name}")
    for name in (
        "apple-touch-icon.png",
        "apple-touch-icon-precomposed.png",
        "favicon.ico",
        "manifest.webmanifest",
        "robots.txt",
        "sw.js",
    )
}
ASSETS = {("GET", "/static/{version}/{path:path}")}
PUBLIC = (
    AT_ROOT | PAGES | {("GET", path) for path in ("/health", "/ready", "/live", "/metrics", "/docs", "/openapi.json")}
)
# Whoever comes here has no key yet, or no more; they are counted by their address.
SIGNING = {
    ("POST", "/api/v1/session"),
    ("DELETE", "/api/v1/session"),
    ("GET", "/api/v1/session/ways"),
    ("POST", "/api/v1/session/link"),
    ("POST", "/api/v1/session/sign-up"),
    ("POST", "/api/v1/session/reset"),
    ("GET", "/api/v1/session/issuers/{name}"),
    ("GET", "/api/v1/session/issuers/{name}/callback"),
    ("POST", "/api/v1/session/issuers/{name}/logout"),
}
ANYBODYS = SIGNING | {(method, path) for method, path, *_ in SCHEMA_ROUTES}


def test_every_route_has_a_row() -> None:
    routes = all_routes(World().app) - ANYBODYS - ASSETS
    assert routes - PUBLIC == set(MATRIX)
    assert routes >= PUBLIC
    # Who may open one: tests/integration/test_responses_socket.py.
    assert sockets(World().app) == {"/v1/responses"}


async def ids_of(alice: httpx.AsyncClient) -> dict[str, str]:
    """What Alice has, by the names of path parameters."""
    conversation = (await alice.post("/api/v1/conversations", json={})).json()["id"]
    await alice.post(f"/api/v1/conversations/{conversation}/messages", json=SAY)
    messages = (await alice.get(f"/api/v1/conversations/{conversation}/messages")).json()["data"]
    made = (await alice.post("/api/v1/keys", json={})).json()
    folder = (await alice.post("/api/v1/folders", json={"name": "Home"})).json()
    snippet = (await alice.post("/api/v1/snippets", json={"name": "hi", "text": "Hi."})).json()
    kept = (await alice.post("/v1/chat/completions", json={**CHAT, "store": True})).json()
    return {
        "conversation_id": conversation,
        "conv": "conv_" + conversation.replace("-", ""),
        "item_id": f"msg_{messages[1]['id'].replace('-', '')}0000",
        "message_id": messages[1]["id"],
        "generation_id": messages[1]["id"],
        "response_id": "resp_" + messages[1]["id"].replace("-", ""),
        "key_id": made["id"],
        "folder_id": folder["id"],
        "snippet_id": snippet["id"],
        "completion_id": kept["id"],
        "model_id:path": "verbatim-local",
    }


async def call(client: httpx.AsyncClient, method: str, path: str, names: dict[str, str], body: Any) -> httpx.Response:
    if path.startswith("/v1/"):
        names = {**names, "conversation_id": names["conv"]}
    for name, value in names.items():
        path = path.replace("{" + name + "}", value)
    return await client.request(method, path, json=body) if body is not None else await client.request(method, path)


@pytest.mark.parametrize(("method", "path"), sorted(MATRIX))
async def test_the_owner_and_another_user(
    method: str, path: str, alice: httpx.AsyncClient, bob: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_log, "START_S", 0.01)
    row = MATRIX[method, path]
    names = await ids_of(alice)
    assert (await call(bob, method, path, names, row.body)).status_code == row.other
    assert (await call(alice, method, path, names, row.body)).status_code == row.own


@pytest.mark.parametrize(("method", "path"), sorted(MATRIX))
async def test_no_key_no_answer(method: str, path: str, world: World, alice: httpx.AsyncClient) -> None:
    names = await ids_of(alice)
    revoked = world.add_key("carol", "c")
    carol = next(key for key in world.reads._keys() if key.hint == "cccc")
    envelope = world.log.all_of(ACCOUNT_EVENTS)[0][0].envelope
    world.log.append(
        ACCOUNT_EVENTS, carol.user_id, ApiKeyRevoked(envelope, carol.user_id, carol.key_id, carol.key_sha256)
    )
    for key in (None, revoked, "vk_" + "z" * 43, "vk_short", "sk-" + "a" * 43, "\u0430" * 46):
        headers = [] if key is None else [(b"Authorization", f"Bearer {key}".encode())]
        async with world.client(None) as client:
            client.headers.update(headers)
            answer = await call(client, method, path, names, MATRIX[method, path].body)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(("method", "path"), sorted(MATRIX))
async def test_a_bad_cookie_is_told_from_no_key(method: str, path: str, world: World, alice: httpx.AsyncClient) -> None:
    names = await ids_of(alice)
    async with world.client(None) as client:
        client.headers.update({"Cookie": "verbatim_session=forged", "X-Verbatim-CSRF": "1"})
        answer = await call(client, method, path, names, MATRIX[method, path].body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "session_expired")


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
