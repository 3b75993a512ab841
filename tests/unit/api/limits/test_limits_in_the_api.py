"""Limits as clients meet them, on every surface that asks for answers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import openai
import pytest

from api.access.challenge import HEADER, NoChallenge, challenge_named
from infra.settings.errors import SettingsError
from infra.tiers.tier import DEFAULT_TIER, Limits, Tier
from schemas.conversation import PromptSubmitted
from tests.eventually import eventually
from tests.unit.api.memory_log import Attempt
from tests.unit.api.sdk import sdk
from tests.unit.api.world import World, saying
from topics.catalogue import CONVERSATION_EVENTS

CHAT, RESPONSES, KEYED = "/v1/chat/completions", "/v1/responses", {"Idempotency-Key": "one"}
MODEL = "verbatim-local"
OURS = {"X-Verbatim-CSRF": "1", "Sec-Fetch-Site": "same-origin"}


def chat(**said: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **said}


async def asked(client: httpx.AsyncClient, surface: str) -> httpx.Response:
    match surface:
        case "chat":
            return await client.post(CHAT, json=chat())
        case "responses":
            return await client.post(RESPONSES, json={"model": MODEL, "input": "hi"})
        case _:
            conversation = (await client.post("/api/v1/conversations", json={})).json()["id"]
            path = f"/api/v1/conversations/{conversation}/messages"
            return await client.post(path, json={"content": "hi"})


@pytest.mark.parametrize("surface", ["chat", "responses", "messages"])
async def test_so_many_messages_an_hour(world: World, alice: httpx.AsyncClient, surface: str) -> None:
    world.limiter.change(Limits(messages_per_hour=2))
    first = await asked(alice, surface)
    assert first.status_code == 200
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    await asked(alice, surface)
    prompts = sum(isinstance(event, PromptSubmitted) for event, _ in world.log.all_of(CONVERSATION_EVENTS))
    begun = len(world.log.all_of(CONVERSATION_EVENTS))
    refused = await asked(alice, surface)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1800"
    assert refused.headers["x-should-retry"] == "false", "a client does not wait half an hour by itself"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert (
        refused.headers["x-ratelimit-reset-requests"].startswith("59m")
        or "1h" in refused.headers["x-ratelimit-reset-requests"]
    )
    assert refused.json()["error"] == {
        "message": "Rate limit reached: 2 messages per hour. Please try again in 1800s.",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    events = [event for event, _ in world.log.all_of(CONVERSATION_EVENTS)]
    assert sum(isinstance(event, PromptSubmitted) for event in events) == prompts
    if surface != "messages":  # there the conversation was begun before
        assert len(events) == begun, "a refused request leaves nothing in the log"


async def test_a_repeat_is_no_message_more(world: World, alice: httpx.AsyncClient) -> None:
    world.limiter.change(Limits(messages_per_hour=1))
    for _ in range(3):
        assert (await alice.post(CHAT, json=chat(), headers=KEYED)).status_code == 200
    assert (await alice.post(CHAT, json=chat())).status_code == 429
    assert (await alice.get("/v1/models")).status_code == 200, "requests that ask for no answer are not messages"


async def test_what_cannot_be_asked_takes_nothing(world: World, alice: httpx.AsyncClient) -> None:
    world.limiter.change(Limits(messages_per_hour=1))
    assert (await alice.post(CHAT, json=chat(model="none"))).status_code == 404
    assert (await alice.post(CHAT, json=chat())).status_code == 200


async def test_tokens_are_reserved_and_corrected(world: World, alice: httpx.AsyncClient) -> None:
    world.limiter.change(Limits(tokens_per_minute=2000))
    first = await alice.post(CHAT, json=chat(max_tokens=1500))
    assert first.headers["x-ratelimit-limit-tokens"] == "2000"
    assert int(first.headers["x-ratelimit-remaining-tokens"]) < 500
    refused = await alice.post(CHAT, json=chat(max_tokens=1500))
    assert refused.status_code == 429
    assert refused.json()["error"]["type"] == "tokens"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    await world.limiter.settle()
    again = await alice.post(CHAT, json=chat(max_tokens=1500))
    assert again.status_code == 200, "the first answer was short, and that is known now"


async def test_a_request_that_is_never_small_enough(world: World, alice: httpx.AsyncClient) -> None:
    world.limiter.change(Limits(tokens_per_minute=100))
    refused = await alice.post(CHAT, json=chat(max_tokens=1000))
    assert refused.status_code == 429
    assert "too large" in refused.json()["error"]["message"]
    assert (refused.headers.get("retry-after"), refused.headers["x-should-retry"]) == (None, "false")
    assert (await alice.post(CHAT, json=chat())).status_code == 200, "what is only guessed refuses nothing"


async def test_so_many_answers_at_a_time() -> None:
    running: list[Attempt] = []

    def begin(attempt: Attempt) -> None:
        attempt.start()
        attempt.chunk("a")
        running.append(attempt)

    world = World(script=begin)
    world.limiter.change(Limits(concurrent_streams=1))
    async with world.client(world.add_key("alice", "a")) as alice:
        conversation = (await alice.post("/api/v1/conversations", json={})).json()["id"]
        path = f"/api/v1/conversations/{conversation}/messages"
        async with world.watched():
            sending = asyncio.ensure_future(alice.post(path, json={"content": "hi"}))
            begun: bool = await eventually(lambda: bool(running))
            assert begun
            refused = await alice.post(CHAT, json=chat())
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "2"
            assert refused.json()["error"]["message"] == (
                "Rate limit reached: 1 answer at a time. Please try again when one of them has ended."
            )
            running[0].end()
            await sending
            await world.limiter.settle()
            world.script = saying("a")
            assert (await alice.post(CHAT, json=chat())).status_code == 200


async def test_the_client_of_openai_understands(world: World) -> None:
    world.limiter.change(Limits(messages_per_hour=1))
    async with sdk(world) as client:
        messages: Any = [{"role": "user", "content": "hi"}]
        await client.chat.completions.create(model=MODEL, messages=messages)
        asked_before = len(world.log.all_of(CONVERSATION_EVENTS))
        with pytest.raises(openai.RateLimitError) as error:
            await client.with_options(max_retries=5).chat.completions.create(model=MODEL, messages=messages)
        assert error.value.code == "rate_limit_exceeded"
        assert error.value.response.headers["x-ratelimit-limit-requests"] == "1"
        assert len(world.log.all_of(CONVERSATION_EVENTS)) == asked_before


async def test_models_of_other_tiers_do_not_exist(world: World, alice: httpx.AsyncClient) -> None:
    others = [each["id"] for each in (await alice.get("/v1/models")).json()["data"]]
    world.limiter.begin(Tier(name=DEFAULT_TIER, models=("verbatim-local",)))
    assert [each["id"] for each in (await alice.get("/v1/models")).json()["data"]] == ["verbatim-local"]
    own = (await alice.get("/api/v1/models")).json()["data"]
    assert [(each["id"], each["default"]) for each in own] == [("verbatim-local", True)]
    other = next(each for each in others if each != "verbatim-local")
    assert (await alice.get(f"/v1/models/{other}")).status_code == 404
    for path, body in ((CHAT, chat(model=other)), (RESPONSES, {"model": other, "input": "hi"})):
        refused = await alice.post(path, json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    assert (await alice.post("/v1/embeddings", json={"model": "verbatim-embedding", "input": "a"})).status_code == 404
    world.limiter.begin(Tier(name=DEFAULT_TIER, models=("gone-*",)))
    assert (await alice.get("/v1/models")).json()["data"] == []
    assert (await alice.post(RESPONSES, json={"model": MODEL, "input": "hi"})).status_code == 404


async def test_a_tier_has_less_context(world: World, alice: httpx.AsyncClient) -> None:
    world.limiter.begin(Tier(name=DEFAULT_TIER, max_context_tokens=50))
    refused = await alice.post(CHAT, json=chat(messages=[{"role": "user", "content": "word " * 80}]))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert "50 tokens" in refused.json()["error"]["message"]
    assert (await alice.post(CHAT, json=chat(max_tokens=5))).status_code == 200
    own = (await alice.get("/api/v1/models")).json()["data"]
    assert {each["contextTokens"] for each in own} == {50}


async def test_what_holds_and_what_is_left(world: World, alice: httpx.AsyncClient) -> None:
    world.limiter.begin(
        Tier(
            name=DEFAULT_TIER,
            user=Limits(messages_per_hour=3, concurrent_streams=2),
            key=Limits(tokens_per_minute=9000),
        )
    )
    await alice.post(CHAT, json=chat(max_tokens=10))
    told = (await alice.get("/api/v1/limits")).json()
    assert (told["tier"]["id"], told["shared"]) == ("default", True)
    assert told["tier"]["user"]["messagesPerHour"] == 3
    by_kind = {each["kind"]: each for each in told["limits"]}
    assert {**by_kind["messages"], "resetS": 0} == {
        "of": "user", "kind": "messages", "period": "hour", "limit": 3, "left": 2, "resetS": 0,
    }  # fmt: skip
    assert 1100 < by_kind["messages"]["resetS"] <= 1200
    assert by_kind["tokens"]["of"] == "key"
    assert told["streams"][0]["limit"] == 2
    assert (await alice.get("/api/v1/limits")).json()["limits"][0]["left"] == 2, "looking takes nothing"


async def test_headers_and_refusals_of_requests(world: World, alice: httpx.AsyncClient) -> None:
    world.limiter.allow(2)
    first = await alice.get("/v1/models")
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-reset-requests"] == "30s"
    await alice.get("/v1/models")
    refused = await alice.get("/v1/models")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "30"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert "x-should-retry" not in refused.headers, "a client may wait half a minute"
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


class Closed:
    """A service that lets those pass who know the word."""

    async def passed(self, answer: str, address: str) -> bool:
        return answer == "open sesame"


async def test_a_challenge_stands_before_signing_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NoChallenge, "passed", Closed.passed)
    key = world.add_key("alice", "a")
    async with world.client(None) as visitor:
        refused = await visitor.post("/api/v1/session", json={"key": key}, headers=OURS)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "challenge_failed")
        passed = await visitor.post("/api/v1/session", json={"key": key}, headers={HEADER: "open sesame", **OURS})
        assert passed.status_code == 200


def test_a_challenge_is_named_by_a_setting() -> None:
    assert isinstance(challenge_named(""), NoChallenge)
    assert isinstance(challenge_named(f"{__name__}:Closed"), Closed)
    for wrong in ("no.such.module:x", f"{__name__}:Nothing", __name__, f"{__name__}:Tier", "collections:OrderedDict"):
        with pytest.raises(SettingsError, match=r"^api.challenge: "):
            challenge_named(wrong)
