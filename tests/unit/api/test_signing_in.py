"""Signing a browser in and out, and what its cookie opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from api.access.auth import hash_of
from api.access.sessions import LINK_S, NONCE_BYTES
from infra.clock import now_us
from infra.settings.processes import ApiSettings
from schemas import ids
from schemas.account import UserCreated
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS

SESSION = "/api/v1/session"
MARK = {"X-Verbatim-CSRF": "1", "Sec-Fetch-Site": "same-origin"}
DAY_US = 86_400 * 1_000_000


@pytest.fixture
def key(world: World) -> str:
    """Alice's key; Alice has a name."""
    key = world.add_key("alice", "a")
    user, envelope = ids.user_id("alice"), world.log.all_of(ACCOUNT_EVENTS)[0][0].envelope
    world.log.append(ACCOUNT_EVENTS, user, UserCreated(envelope, user, "alice"))
    return key


@pytest.fixture
async def visitor(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A browser with our page in it: keeps cookies and sends the page's headers."""
    async with world.client(None) as client:
        client.headers.update(MARK)
        yield client


def link_for(world: World, key: str, *, age_s: int = 0, nonce: int = 0) -> str:
    made_at_s = now_us() // 1_000_000 - age_s
    return world.adapters.sessions.link(hash_of(key), bytes([nonce]) * NONCE_BYTES, made_at_s)


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_key_signs_in_and_the_cookie_opens_everything(visitor: httpx.AsyncClient, key: str) -> None:
    answer = await visitor.post(SESSION, json={"key": f" {key}\n"})
    assert answer.status_code == 200
    said = answer.json()
    assert said == {
        "userId": ids.user_id("alice"),
        "userName": "alice",
        "keyId": ids.user_id("key of alice a"),
        "operator": False,
        "roles": ["member"],
        "tier": "default",
        "account": ids.user_id("alice"),
        "organisation": None,
        "scopes": None,
        "may": [
            "chat.answers",
            "chat.ask",
            "conversations.read",
            "conversations.write",
            "keys.manage",
            "self.read",
            "sessions.end",
            "usage.read",
        ],
        "expiresAt": said["expiresAt"],
    }
    assert key not in answer.text + str(answer.headers)
    assert (await visitor.get(SESSION)).json() == said
    assert (await visitor.post("/api/v1/conversations", json={})).status_code == 201
    assert (await visitor.get("/v1/models")).status_code == 200


async def test_the_cookie_is_for_this_site_and_no_script(visitor: httpx.AsyncClient, key: str) -> None:
    answer = await visitor.post(SESSION, json={"key": key})
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert cookie.key == "verbatim_session"
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    assert (cookie["max-age"], cookie["secure"], cookie["domain"]) == (str(30 * 86_400), "", "")


async def test_over_https_the_cookie_is_for_https(world: World, key: str) -> None:
    transport = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://chat.example.org", headers=MARK) as client:
        answer = await client.post(SESSION, json={"key": key})
        assert SimpleCookie(answer.headers["set-cookie"])["verbatim_session"]["secure"]
        assert (await client.get(SESSION)).status_code == 200


async def test_two_installations_on_one_host_keep_their_cookies_apart(key: str, world: World) -> None:
    other = World()
    other.add_key("alice", "a")
    cookies = httpx.Cookies()
    for port, app in ((8080, world.app), (8081, other.app), (8080, world.app)):
        transport = httpx.ASGITransport(app)
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=MARK, cookies=cookies) as client:
            if f"verbatim_session_{port}" not in cookies:
                assert (await client.post(SESSION, json={"key": key})).status_code == 200
            assert (await client.get(SESSION)).status_code == 200
            cookies.update(client.cookies)
    assert set(cookies) == {"verbatim_session_8080", "verbatim_session_8081"}


async def test_signing_out_takes_the_cookie_away(visitor: httpx.AsyncClient, key: str) -> None:
    await visitor.post(SESSION, json={"key": key})
    assert (await visitor.delete(SESSION)).status_code == 204
    assert not visitor.cookies
    assert error_of(await visitor.get(SESSION)) == (401, "invalid_api_key")
    assert (await visitor.delete(SESSION)).status_code == 204, "again, and without a cookie"
    assert (await visitor.delete(SESSION, headers={"X-Verbatim-CSRF": ""})).status_code == 403


async def test_a_request_with_its_key_has_no_session(world: World, key: str) -> None:
    async with world.client(key) as client:
        assert (await client.get(SESSION)).json()["expiresAt"] is None


async def test_a_key_in_a_header_goes_before_the_cookie(visitor: httpx.AsyncClient, world: World, key: str) -> None:
    await visitor.post(SESSION, json={"key": key})
    bob = world.add_key("bob", "b")
    asked = await visitor.get(SESSION, headers={"x-api-key": bob})
    assert asked.json()["userId"] == ids.user_id("bob")
    made = await visitor.post("/api/v1/conversations", json={}, headers={"x-api-key": bob, "X-Verbatim-CSRF": "0"})
    assert made.status_code == 201, "a key is not sent along by itself: no other site can have asked"
    assert error_of(await visitor.get(SESSION, headers={"x-api-key": "vk_wrong"})) == (401, "invalid_api_key")


@pytest.mark.parametrize("wrong", ["", "x", "vk_", "vk_" + "z" * 43, "vk_" + "z" * 100, "sk-" + "a" * 43])
async def test_a_wrong_key_signs_nobody_in(visitor: httpx.AsyncClient, wrong: str) -> None:
    answer = await visitor.post(SESSION, json={"key": wrong})
    assert error_of(answer) == (401, "invalid_api_key")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_value"),
        ({"key": "vk_x", "link": "y"}, "invalid_value"),
        ({"key": 7}, "invalid_type"),
        ({"key": "x" * 201}, "string_above_max_length"),
        ({"link": "x" * 1001}, "string_above_max_length"),
        ({"key": "vk_x", "user": "admin"}, "unknown_parameter"),
        ([], "invalid_json"),
    ],
)
async def test_bodies_that_are_no_sign_in(visitor: httpx.AsyncClient, body: Any, code: str) -> None:
    assert error_of(await visitor.post(SESSION, json=body)) == (400, code)


async def test_a_large_body_is_not_read(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.post(SESSION, json={"key": "x" * 20_000})).status_code == 413


async def test_attempts_are_counted_by_address(visitor: httpx.AsyncClient, world: World) -> None:
    world.limiter.allow(2)
    answers = [(await visitor.post(SESSION, json={"key": "vk_x"})).status_code for _ in range(3)]
    assert answers == [401, 401, 429]
    assert world.limiter.keys == {"address:127.0.0.1", "tries:127.0.0.1"}


async def test_a_revoked_key_ends_its_sessions(visitor: httpx.AsyncClient, world: World, key: str) -> None:
    await visitor.post(SESSION, json={"key": key})
    mine = (await visitor.get(SESSION)).json()["keyId"]
    assert (await visitor.delete(f"/api/v1/keys/{mine}")).status_code == 204
    assert error_of(await visitor.get(SESSION)) == (401, "key_revoked")
    assert error_of(await visitor.post(SESSION, json={"key": key})) == (401, "invalid_api_key")
    assert error_of(await visitor.post(SESSION, json={"link": link_for(world, key)})) == (401, "link_expired")


async def test_a_session_ends_in_time(visitor: httpx.AsyncClient, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await visitor.post(SESSION, json={"key": key})
    later = now_us() + 30 * DAY_US
    monkeypatch.setattr("api.access.auth.now_us", lambda: later)
    assert error_of(await visitor.get(SESSION)) == (401, "session_expired")


@pytest.mark.parametrize(
    "cookie", ["", "x", "a.b", "A" * 98, "é".encode("latin-1").decode("latin-1"), '"quoted"', "x" * 100_000]
)
async def test_cookies_that_are_none_of_ours(world: World, cookie: str) -> None:
    async with world.client(None) as client:
        headers = [(b"cookie", f"verbatim_session={cookie}".encode("latin-1"))]
        assert error_of(await client.get(SESSION, headers=headers)) == (401, "session_expired")


async def test_somebody_elses_cookies_are_no_session(world: World) -> None:
    async with world.client(None) as client:
        assert error_of(await client.get(SESSION, headers={"cookie": "other=1"})) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Verbatim-CSRF": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/conversations", {}),
        ("PATCH", "/api/v1/conversations/x", {"title": "t"}),
        ("DELETE", "/api/v1/conversations/x", None),
        ("POST", "/v1/chat/completions", {}),
        ("POST", SESSION, {"key": "vk_" + "a" * 43}),
        ("DELETE", SESSION, None),
    ],
)
async def test_no_other_site_changes_anything(
    visitor: httpx.AsyncClient, key: str, headers: dict[str, str], method: str, path: str, body: Any
) -> None:
    await visitor.post(SESSION, json={"key": key})
    answer = await visitor.request(method, path, json=body, headers=headers)
    assert error_of(answer) == (403, "csrf")
    assert "set-cookie" not in answer.headers


async def test_reading_needs_no_mark(visitor: httpx.AsyncClient, key: str) -> None:
    await visitor.post(SESSION, json={"key": key})
    asked = await visitor.get("/api/v1/conversations", headers={"X-Verbatim-CSRF": "", "Sec-Fetch-Site": "none"})
    assert asked.status_code == 200


async def test_without_sec_fetch_the_origin_tells(world: World, key: str) -> None:
    async with world.client(None) as client:
        client.headers["X-Verbatim-CSRF"] = "1"
        assert (await client.post(SESSION, json={"key": key})).status_code == 200
        for origin, status in (("http://verbatim", 201), ("http://evil.example", 403), ("null", 403)):
            made = await client.post("/api/v1/conversations", json={}, headers={"Origin": origin})
            assert made.status_code == status


async def test_a_link_signs_in_once(visitor: httpx.AsyncClient, world: World, key: str) -> None:
    link = link_for(world, key)
    answer = await visitor.post(SESSION, json={"link": link})
    assert (answer.status_code, answer.json()["userName"]) == (200, "alice")
    assert (await visitor.get(SESSION)).status_code == 200
    again = await visitor.post(SESSION, json={"link": link})
    assert error_of(again) == (401, "link_expired")
    assert "./verbatim key link" in again.json()["error"]["message"]
    assert (await visitor.post(SESSION, json={"link": link_for(world, key, nonce=1)})).status_code == 200


@pytest.mark.parametrize("text", ["", "x", "a.b", "A" * 114, "é", "\x00", "x" * 1000])
async def test_links_that_are_none(visitor: httpx.AsyncClient, text: str) -> None:
    assert error_of(await visitor.post(SESSION, json={"link": text})) == (401, "link_expired")


async def test_an_old_link_is_told_as_such(visitor: httpx.AsyncClient, world: World, key: str) -> None:
    assert error_of(await visitor.post(SESSION, json={"link": link_for(world, key, age_s=LINK_S)})) == (
        401,
        "link_expired",
    )


async def test_a_link_is_kept_while_redis_is_away(visitor: httpx.AsyncClient, world: World, key: str) -> None:
    link = link_for(world, key)
    world.links.away = True
    assert error_of(await visitor.post(SESSION, json={"link": link})) == (503, "links_unavailable")
    assert (await visitor.post(SESSION, json={"key": key})).status_code == 200, "a key needs no Redis"
    world.links.away = False
    assert (await visitor.post(SESSION, json={"link": link})).status_code == 200


@pytest.mark.parametrize("named", ["alice", ids.user_id("alice")])
async def test_operators_are_named_by_a_setting_and_are_admins(named: str) -> None:
    world = World(settings=ApiSettings(operators=("admin", named)))
    alice, bob = world.add_key("alice", "a"), world.add_key("bob", "b")
    for asking, is_operator in ((alice, True), (bob, False), (world.add_key("admin", "d"), True)):
        async with world.client(asking) as client:
            assert (await client.get(SESSION)).json()["operator"] is is_operator
            assert ("admin" in (await client.get(SESSION)).json()["roles"]) is is_operator


async def test_models_with_price_and_context(alice: httpx.AsyncClient, world: World) -> None:
    listed = (await alice.get("/api/v1/models")).json()["data"]
    assert [model["id"] for model in listed] == [spec.id for spec in world.adapters.models]
    assert [model["id"] for model in listed if model["default"]] == [world.adapters.models.default_model.id]
    for model, spec in zip(listed, world.adapters.models, strict=True):
        assert model["contextTokens"] == spec.context_tokens
        assert model["maxOutputTokens"] == spec.max_output_tokens
        assert model["price"]["currency"] == spec.price.currency
        assert model["price"]["inputPerMillion"] * 1_000_000 == spec.price.input_micros_per_million
        assert model["price"]["outputPerMillion"] * 1_000_000 == spec.price.output_micros_per_million
        assert model["capabilities"] == list(spec.capabilities)
