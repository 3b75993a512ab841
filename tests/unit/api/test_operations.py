"""Health, metrics, the API page, request ids and headers: what every answer has."""

from __future__ import annotations

import re

import httpx
import pytest

from api.http.readiness import KEPT_S
from api.page.files import FOLDER
from tests.unit.api.world import World


async def test_health_is_what_the_servers_say(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.client(None) as client:
        assert (await client.get("/health")).json() == {"status": "ok", "checks": {"log": "ok"}}
        world.healthy = False
        assert (await client.get("/health")).status_code == 200, "kept for a second"
        monkeypatch.setattr("api.http.readiness.monotonic_s", lambda: 10**9 + KEPT_S)
        answer = await client.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "checks": {"log": "unreachable"}}


async def test_a_role_that_cannot_stay_up_makes_health_red_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, str] = {}
    world = World(troubles=told)
    async with world.client(None) as client:
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": {"log": "ok"}, "roles": {}})
        told["recorder"] = "token-chunks:0@7: this record was written by a newer release (schema id 45): upgrade"
        assert (await client.get("/health")).status_code == 200, "kept for a second"
        monkeypatch.setattr("api.http.readiness.monotonic_s", lambda: 10**9 + KEPT_S)
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"], answer.json()["roles"]) == (503, "degraded", told)
        assert (await client.get("/ready")).status_code == 200
        assert (await client.get("/live")).json() == {"status": "ok"}


async def test_a_process_that_cannot_serve_is_alive_and_not_ready(world: World) -> None:
    world.healthy = False
    async with world.client(None) as client:
        for path in ("/ready", "/health"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert (await client.get("/live")).status_code == 200


async def test_request_ids(alice: httpx.AsyncClient) -> None:
    assert (await alice.get("/v1/models", headers={"X-Request-Id": "mine-1"})).headers["x-request-id"] == "mine-1"
    for bad in ("", "x" * 129, "a b", "<script>", "\u00fc"):
        drawn = (await alice.get("/v1/models", headers=[(b"X-Request-Id", bad.encode())])).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f-]{36}", drawn)


@pytest.mark.parametrize(
    "path", ["/v1/models", "/nope", "/health", "/docs", "/openapi.json", "/api/v1/conversations/x"]
)
async def test_headers_of_every_answer(alice: httpx.AsyncClient, path: str) -> None:
    answer = await alice.get(path)
    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_bug_says_nothing_of_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    key = world.add_key("alice", "a")

    async def broken(*arguments: object) -> None:
        raise RuntimeError("canary")

    async with world.client(key) as client:
        await client.get("/v1/models")
        monkeypatch.setattr(world.reads, "conversations", broken)
        answer = await client.get("/api/v1/conversations", headers={"X-Request-Id": "r-1"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "r-1")
    assert answer.json()["error"]["code"] == "internal_error"
    assert "canary" not in answer.text


async def test_metrics_name_nobody(world: World, alice: httpx.AsyncClient) -> None:
    made = (await alice.post("/api/v1/conversations", json={"title": "canary-title"})).json()["id"]
    await alice.post(f"/api/v1/conversations/{made}/messages", json={"content": "canary-prompt"})
    await alice.request("BREW", "/v1/models")
    shown = (await alice.get("/metrics")).text
    assert 'verbatim_api_requests_total{method="POST",route="/api/v1/conversations",status="201"}' in shown
    for secret in ("canary", made, "vk_", "BREW"):
        assert secret not in shown


async def test_metrics_are_for_this_host(world: World) -> None:
    transport = httpx.ASGITransport(world.app, client=("192.0.2.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://verbatim") as client:
        assert (await client.get("/metrics")).status_code == 404
        assert (await client.get("/health")).status_code == 200


async def test_the_api_page_needs_no_other_host(alice: httpx.AsyncClient) -> None:
    page = (await alice.get("/docs")).text
    assert "<script" not in page
    assert not re.search(r"https?://", page)
    assert "/api/v1/conversations/{conversation_id}/messages" in page.replace("<wbr>", "")
    sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page)
    assert len(sheets) == 2
    for sheet in sheets:
        text = (FOLDER / re.sub(r"^/static/[^/]+/", "", sheet)).read_text()
        assert not re.search(r"https?://|url\(", text)


async def test_the_api_page_says_what_each_route_does(alice: httpx.AsyncClient) -> None:
    page = (await alice.get("/docs")).text
    for summary in re.findall(r"<summary>(.*?)</summary>", page, re.S):
        said = re.search(r"<span>(.*?)</span>", summary)
        assert said is not None
        assert len(said[1]) > 5, summary
    assert '<a class="back" href="/">' in page


async def test_the_document_tells_bodies_and_errors(alice: httpx.AsyncClient) -> None:
    document = (await alice.get("/openapi.json")).json()
    operation = document["paths"]["/v1/chat/completions"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["required"]) == {"model", "messages"}
    assert {"400", "401", "404", "413", "415", "422", "429", "503"} <= set(operation["responses"])
    assert "$ref" not in str(schema)
