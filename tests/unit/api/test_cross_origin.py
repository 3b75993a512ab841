"""Web pages of other origins: which may call, what their browsers are told, and that a cookie never speaks for them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.access.auth import hash_of
from api.http.cross_origin import CrossOrigin
from infra.clock import now_us
from infra.settings.processes import ApiSettings
from tests.unit.api.world import World, saying

PAGE = "https://chat.example"
OTHER = "https://evil.example"
CHAT = {"model": "verbatim-local", "messages": [{"role": "user", "content": "hi"}]}
ASKED = {
    "Origin": PAGE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, X-Stainless-Lang,x-stainless-retry-count, x-evil",
}


def world_for(*origins: str, **settings: Any) -> World:
    return World(
        ApiSettings(read_wait_s=0.2, disconnect_grace_s=0, cors_origins=origins, **settings), saying("Hello", " world")
    )


def crossing(answer: httpx.Response) -> tuple[str | None, str]:
    """Who may read it, by its headers."""
    return answer.headers.get("access-control-allow-origin"), answer.headers["cross-origin-resource-policy"]


async def test_by_default_no_page_of_another_origin_may_call(world: World) -> None:
    async with world.client(world.add_key("alice", "a")) as client:
        assert (await client.options("/v1/chat/completions", headers=ASKED)).status_code == 405
        answer = await client.get("/v1/models", headers={"Origin": PAGE})
    assert crossing(answer) == (None, "same-origin")
    assert "vary" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/conversations", "/v1/no/such/route"])
async def test_a_browser_that_asks_first_is_answered_before_any_key_is(path: str) -> None:
    world = world_for(PAGE)
    async with world.client(None) as client:
        answer = await client.options(path, headers=ASKED)
    assert (answer.status_code, answer.content) == (204, b"")
    assert crossing(answer) == (PAGE, "cross-origin")
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    assert set(answer.headers["access-control-allow-methods"].split(", ")) >= {"GET", "POST", "PUT", "PATCH", "DELETE"}
    sent = set(answer.headers["access-control-allow-headers"].split(", "))
    assert sent >= {
        "authorization", "content-type", "idempotency-key", "last-event-id", "x-request-id", "x-verbatim-position",
        "x-stainless-lang", "x-stainless-retry-count",
    }  # fmt: skip
    assert "x-evil" not in sent
    assert world.limiter.keys == set()


@pytest.mark.parametrize("origin", [OTHER, "null", PAGE + ":8443", "http://chat.example", PAGE.upper(), ""])
@pytest.mark.parametrize("path", ["/v1/models", "/api/v1/conversations"])
async def test_no_other_page_is_told_that_it_may(origin: str, path: str) -> None:
    world = world_for(PAGE)
    async with world.client(world.add_key("alice", "a")) as client:
        asked = await client.options(path, headers=ASKED | {"Origin": origin})
        answer = await client.get(path, headers={"Origin": origin})
    assert (asked.status_code, answer.status_code) == (405, 200)
    for each in (asked, answer):
        assert crossing(each) == (None, "same-origin")
        assert each.headers["vary"] == "Origin"


async def test_answers_and_errors_alike_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_for(PAGE, max_body_bytes=1024)
    key = world.add_key("alice", "a")

    async def breaks(*_: Any) -> None:
        raise ZeroDivisionError

    async with world.client(None) as nobody, world.client(key) as client:
        for each in (nobody, client):
            each.headers["Origin"] = PAGE
        answers = [
            await client.get("/v1/models"),
            await client.post("/v1/chat/completions", json=CHAT),
            await client.post("/v1/chat/completions", json={**CHAT, "stream": True}),
            await nobody.get("/v1/models"),
            await client.get("/v1/nothing"),
            await client.put("/v1/models"),
            await client.post("/v1/chat/completions", json={**CHAT, "user": "x" * 2000}),
        ]
        monkeypatch.setattr(world.reads, "conversations", breaks)
        answers.append(await client.get("/api/v1/conversations"))
        world.limiter.allow(1)
        answers += [await client.get("/v1/models") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 401, 404, 405, 413, 500, 200, 429]
    for answer in answers:
        assert crossing(answer) == (PAGE, "cross-origin")
        assert answer.headers["vary"] == "Origin"
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert exposed >= {"x-request-id", "retry-after", "x-verbatim-position", "x-ratelimit-remaining-requests"}


@pytest.mark.parametrize("path", ["/", "/health", "/openapi.json", "/subjects", "/static/x/js/main.js"])
async def test_nothing_but_the_two_surfaces_is_open(path: str) -> None:
    world = world_for("*")
    async with world.client(None) as client:
        assert (await client.options(path, headers=ASKED)).status_code == 405
        assert crossing(await client.get(path, headers={"Origin": PAGE}))[0] is None


def signed_in(world: World) -> dict[str, str]:
    """The cookie of a browser that is signed in, and what our own page sends."""
    cookie, _ = world.adapters.sessions.cookie(hash_of(world.add_key("alice", "a")), now_us() // 1_000_000)
    return {"Cookie": f"verbatim_session={cookie}", "X-Verbatim-CSRF": "1"}


@pytest.mark.parametrize("allowed", [PAGE, "*"])
@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
async def test_a_cookie_never_speaks_for_a_page_of_another_origin(allowed: str, site: dict[str, str]) -> None:
    world = world_for(allowed)
    headers = signed_in(world) | {"Origin": PAGE} | site
    async with world.client(None) as client:
        read = await client.get("/api/v1/conversations", headers=headers)
        write = await client.post("/api/v1/conversations", json={}, headers=headers)
        signing = await client.post("/api/v1/session", json={"key": "vk_" + "a" * 43}, headers=headers)
    assert (read.status_code, write.status_code) == (401, 401)
    assert read.json()["error"]["code"] == "invalid_api_key"
    assert signing.status_code == 403
    assert "set-cookie" not in signing.headers


@pytest.mark.parametrize("allowed", ["*", "http://verbatim"])
@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin"}])
async def test_our_own_page_stays_signed_in(allowed: str, site: dict[str, str]) -> None:
    world = world_for(allowed)
    headers = signed_in(world) | {"Origin": "http://verbatim"} | site
    async with world.client(None) as client:
        assert (await client.post("/api/v1/conversations", json={}, headers=headers)).status_code == 201
        assert (await client.get("/api/v1/conversations", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (PAGE, True),
        ("http://localhost:5173", True),
        ("app://obsidian.md", True),
        ("null", False),
        ("", False),
        ("https://a.example/", False),
        ("https://a.example, https://b.example", False),
        ("https://a\r\nset-cookie: x", False),
    ],
)
def test_every_origin_is_every_one_that_is_an_origin(origin: str, allowed: bool) -> None:
    assert CrossOrigin.of(["*"]).allows(origin) is allowed


def test_what_clients_say_of_themselves_is_bounded() -> None:
    asked = ", ".join(f"x-stainless-{number}" for number in range(5000))
    told = CrossOrigin.of([PAGE]).preflight(
        "/v1/models",
        {"origin": PAGE, "access-control-request-method": "GET", "access-control-request-headers": asked},
    )
    assert told is not None
    assert len(told["access-control-allow-headers"]) < 2000
