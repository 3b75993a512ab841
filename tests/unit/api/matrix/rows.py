"""Every route that asks who comes, and what it answers whom. A new route without a row here fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.ids import draw_id
from schemas import ids
from tests.unit.api.matrix.cast import GUILD, PASSWORD
from tests.unit.api.test_schema_registry import ROUTES as SCHEMA_ROUTES

CANARY = "zebra-canary-5a1d"
"""Stands in all that the owner writes."""
OPEN_CANARY = "zebra-label-5a1d"
"""What her key is called, which administrators and auditors see."""
SAY = {"content": "hi"}
IMPORT = {
    "source": {"product": "chatgpt", "id": "1{unique}"},
    "messages": [{"id": "1", "role": "user", "content": "hi"}],
}
CHAT = {"model": "verbatim-local", "messages": [{"role": "user", "content": "hi"}]}


@dataclass(frozen=True, slots=True)
class Row:
    """`own`: the status for the owner of what the path names; `other`: for another user who is let in.

    `by`: for those to whom it is another one, by who they are. `there`: the 404 to whoever is let in is about
    something else that the body names, and no refusal.
    """

    own: int
    other: int
    body: Any = None
    by: Mapping[str, int] = field(default_factory=dict)
    there: bool = False
    query: str = ""
    by_token: int | None = None
    """To whoever would get a 2xx otherwise, but comes with an issuer's token."""


ENDLESS = frozenset({("GET", "/api/v1/pulse/stream")})


def admin(
    status: int, *, body: Any = None, query: str = "", auditor: int = 404, organisation: int = 404, elsewhere: int = 404
) -> Row:
    """Of a route that is there for administrators alone: `status` for those of the installation, `organisation` for
    those of what is named, or of what the owner belongs to, `elsewhere` for those of another one."""
    by = {
        "administrator": status,
        "auditor": auditor,
        "its administrator": organisation,
        "other organisation": elsewhere,
    }
    return Row(404, 404, body, by, query=query)


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
    ("POST", "/api/v1/marks"): Row(204, 404, {"conversation_ids": ["{conversation_id}"], "pinned": True}),
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
    ("GET", "/api/v1/admin/users"): admin(200, auditor=200),
    ("POST", "/api/v1/admin/users"): admin(201, body={"name": "carol{unique}"}),
    ("GET", "/api/v1/admin/users/{user_id}"): admin(200, auditor=200),
    ("PATCH", "/api/v1/admin/users/{user_id}"): admin(200, body={"suspended": True}),
    ("GET", "/api/v1/admin/organisations"): admin(200, auditor=200, organisation=200, elsewhere=200),
    ("POST", "/api/v1/admin/organisations"): admin(201, body={"name": "Lodge{unique}"}),
    ("PATCH", "/api/v1/admin/organisations/{organisation_id}"): admin(200, body={"name": "Guild"}),
    ("GET", "/api/v1/admin/organisations/{organisation_id}/members"): admin(200, auditor=200, organisation=200),
    ("PUT", "/api/v1/admin/organisations/{organisation_id}/members/{user_id}"): admin(200, organisation=200, body={}),
    ("DELETE", "/api/v1/admin/organisations/{organisation_id}/members/{user_id}"): admin(204, organisation=204),
    ("GET", "/api/v1/admin/keys"): admin(200, auditor=200, query="user_id={user_id}"),
    ("POST", "/api/v1/admin/keys"): admin(201, body={"user_id": "{user_id}"}),
    ("PATCH", "/api/v1/admin/keys/{key_id}"): admin(200, body={"label": "x"}, query="user_id={user_id}"),
    ("DELETE", "/api/v1/admin/keys/{key_id}"): admin(204, query="user_id={user_id}"),
    ("GET", "/api/v1/models"): Row(200, 200),
    ("GET", "/api/v1/limits"): Row(200, 200),
    ("GET", "/api/v1/status"): Row(200, 200),
    # Nothing is watched here.
    ("GET", "/api/v1/admin/tiers"): admin(200, auditor=200, organisation=200, elsewhere=200),
    ("GET", "/api/v1/pulse"): admin(503, auditor=503),
    # Who may see it sees it without an end: tests/unit/api/pulse/.
    ("GET", "/api/v1/pulse/stream"): admin(200, auditor=200),
    ("GET", "/api/v1/admin/budgets"): admin(200, auditor=200, organisation=200, elsewhere=200),
    ("PUT", "/api/v1/admin/budgets"): admin(200, body={"account": "{user_id}", "limit": 1}),
    ("DELETE", "/api/v1/admin/budgets"): admin(204, body={"account": "{user_id}"}),
    ("GET", "/api/v1/budgets"): Row(200, 200),
    # It lacks its question here.
    ("GET", "/api/v1/search"): Row(400, 400),
    ("GET", "/api/v1/session"): Row(200, 200),
    ("GET", "/api/v1/sessions"): Row(200, 200),
    ("DELETE", "/api/v1/sessions/{session_id}"): Row(204, 404),
    ("POST", "/api/v1/session/password"): Row(
        204, 204, {"current": PASSWORD, "password": "long enough to be one"}, by_token=403
    ),
    ("GET", "/api/v1/admin/invitations"): admin(200, auditor=200),
    ("POST", "/api/v1/admin/invitations"): admin(201, body={}),
    ("DELETE", "/api/v1/admin/invitations/{link_id}"): admin(204),
    ("POST", "/api/v1/admin/users/{user_id}/reset"): admin(201, body={}),
    ("GET", "/api/v1/settings"): Row(200, 200),
    ("PATCH", "/api/v1/settings"): Row(200, 200, {"settings": {"theme": "dark"}}),
    ("GET", "/api/v1/folders"): Row(200, 200),
    ("POST", "/api/v1/folders"): Row(201, 201, {"name": "Work{unique}"}),
    ("PATCH", "/api/v1/folders/{folder_id}"): Row(200, 404, {"name": "Home"}),
    ("DELETE", "/api/v1/folders/{folder_id}"): Row(204, 404),
    ("GET", "/api/v1/snippets"): Row(200, 200),
    ("POST", "/api/v1/snippets"): Row(201, 201, {"name": "brief{unique}", "text": "Be brief."}),
    ("PATCH", "/api/v1/snippets/{snippet_id}"): Row(200, 404, {"text": "Be long."}),
    ("DELETE", "/api/v1/snippets/{snippet_id}"): Row(204, 404),
    ("GET", "/api/v1/usage"): Row(200, 200),
    ("GET", "/api/v1/usage/daily"): Row(200, 200),
    ("GET", "/api/v1/admin/usage"): admin(200, auditor=200, organisation=200, elsewhere=200),
    ("POST", "/v1/chat/completions"): Row(200, 200, CHAT),
    ("GET", "/v1/chat/completions"): Row(200, 200),
    ("GET", "/v1/chat/completions/{completion_id}"): Row(200, 404),
    ("POST", "/v1/chat/completions/{completion_id}"): Row(200, 404, {"metadata": {}}),
    ("DELETE", "/v1/chat/completions/{completion_id}"): Row(200, 404),
    ("GET", "/v1/chat/completions/{completion_id}/messages"): Row(200, 404),
    # The model is not there.
    ("POST", "/v1/embeddings"): Row(404, 404, {"model": "none", "input": "a"}, there=True),
    ("POST", "/v1/moderations"): Row(200, 200, {"input": "hi"}),
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


async def ids_of(
    alice: httpx.AsyncClient,
    who: str = "alice",
    organisation_id: str = GUILD,
    canary: str = CANARY,
    label: str = OPEN_CANARY,
) -> dict[str, str]:
    """What Alice, or `who`, has, by the names of path parameters. All that they may write holds the canary."""
    conversation = (await alice.post("/api/v1/conversations", json={"title": canary})).json()["id"]
    await alice.post(f"/api/v1/conversations/{conversation}/messages", json={"content": canary})
    messages = (await alice.get(f"/api/v1/conversations/{conversation}/messages")).json()["data"]
    made = (await alice.post("/api/v1/keys", json={"label": label})).json()
    # Names of one's own are taken once.
    name = f"{canary}-{made['id'][-6:]}"
    folder = (await alice.post("/api/v1/folders", json={"name": name})).json()
    snippet = (await alice.post("/api/v1/snippets", json={"name": name, "text": canary})).json()
    await alice.patch("/api/v1/settings", json={"settings": {"systemPrompt": canary}})
    asked = {"model": "verbatim-local", "messages": [{"role": "user", "content": canary}], "store": True}
    kept = (await alice.post("/v1/chat/completions", json={**asked, "metadata": {"of": canary}})).json()
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
        "user_id": ids.user_id(who),
        "organisation_id": organisation_id,
        "model_id:path": "verbatim-local",
    }


async def call(client: httpx.AsyncClient, method: str, path: str, names: dict[str, str]) -> httpx.Response:
    """Asks a route for what these names name."""
    row = MATRIX[method, path]
    if path.startswith("/v1/"):
        names = {**names, "conversation_id": names["conv"]}
    address, body = path + (f"?{row.query}" if row.query else ""), json.dumps(row.body)
    for name, value in (names | {"unique": draw_id()[-6:]}).items():
        address, body = address.replace("{" + name + "}", value), body.replace("{" + name + "}", value)
    if row.body is None:
        return await client.request(method, address)
    return await client.request(method, address, content=body, headers={"Content-Type": "application/json"})
