"""/v1/embeddings: what is asked, what is answered, and what is recorded before."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from api.openai import embedding_requests
from api.openai import embeddings as route
from infra.embeddings import embedders as queue
from infra.embeddings.embedders import Embedders
from infra.embeddings.ports import EmbeddingFailed, Vectors, failed
from infra.embeddings.vectors import shortened
from infra.models.catalogue import ModelCatalogue
from infra.tiers.tier import Limits
from schemas import ids
from schemas.codec import set_write_level
from schemas.price import Usage
from schemas.registry import WRITE_LEVEL, versions_of
from schemas.usage import EmbeddingsComputed
from tests.fakes.word_vectors import DIMENSIONS, STATIC, make_word_vectors
from tests.unit.api.world import World
from topics.catalogue import CONVERSATION_EVENTS, USAGE_RECORDS

EMBEDDINGS = "/v1/embeddings"
KEY = {"Idempotency-Key": "k1"}
FIXED = replace(STATIC, id="fixed", shortens=False)
ALICE = ids.user_id("alice")


class Failing:
    """An engine that raises what it is told to."""

    def __init__(self, error: EmbeddingFailed) -> None:
        self._error = error

    async def embed(self, texts: object) -> Any:
        raise self._error

    async def most_tokens(self, texts: object) -> int:
        raise self._error

    async def aclose(self) -> None:
        """It holds nothing."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    models = ModelCatalogue(list(ModelCatalogue.load(())), None, [STATIC, FIXED])
    return World(models=models, embedders=Embedders.of(models.embeddings, make_word_vectors(tmp_path), tmp_path))


def body(said: object = "some text", **fields: Any) -> dict[str, Any]:
    return {"model": STATIC.id, "input": said, **fields}


def recorded(world: World) -> list[EmbeddingsComputed]:
    return [event for event, _ in world.log.all_of(USAGE_RECORDS)]


async def test_what_is_answered_and_recorded(world: World, alice: httpx.AsyncClient) -> None:
    answer = await alice.post(EMBEDDINGS, json=body(["one text", "another"], user="u-1"))
    assert answer.status_code == 200
    said = answer.json()
    assert (said["object"], said["model"]) == ("list", "small")
    assert [(item["object"], item["index"], len(item["embedding"])) for item in said["data"]] == [
        ("embedding", 0, DIMENSIONS),
        ("embedding", 1, DIMENSIONS),
    ]
    assert all(abs(np.linalg.norm(item["embedding"]) - 1) < 1e-5 for item in said["data"])
    (event,) = recorded(world)
    tokens = event.usage.prompt_tokens
    assert said["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    assert tokens > 0
    assert event.usage == Usage(tokens, 0)
    assert (event.user_id, event.model, event.model_version) == (ALICE, "small", "small-1")
    assert (event.texts, event.dimensions, len(event.request_hash)) == (2, DIMENSIONS, 64)
    assert (event.price, event.cost_micros) == (STATIC.price, STATIC.price.cost_micros(event.usage))
    assert event.envelope.actor == f"user:{ALICE}"
    assert event.envelope.correlation_id == answer.headers["x-request-id"]
    assert "one text" not in repr(event)
    assert not world.log.all_of(CONVERSATION_EVENTS)


async def test_base64_is_the_same_numbers(alice: httpx.AsyncClient) -> None:
    floats = (await alice.post(EMBEDDINGS, json=body(encoding_format="float"))).json()["data"][0]["embedding"]
    text = (await alice.post(EMBEDDINGS, json=body(encoding_format="base64"))).json()["data"][0]["embedding"]
    assert np.array_equal(np.frombuffer(base64.b64decode(text), "<f4"), np.array(floats, np.float32))


async def test_fewer_dimensions(world: World, alice: httpx.AsyncClient) -> None:
    whole = np.array((await alice.post(EMBEDDINGS, json=body())).json()["data"][0]["embedding"])
    short = np.array((await alice.post(EMBEDDINGS, json=body(dimensions=3))).json()["data"][0]["embedding"])
    assert np.allclose(short, whole[:3] / np.linalg.norm(whole[:3]), atol=1e-5)
    assert [event.dimensions for event in recorded(world)] == [DIMENSIONS, 3]
    same = await alice.post(EMBEDDINGS, json=body(dimensions=DIMENSIONS, model="fixed"))
    assert same.status_code == 200


async def test_large_answers_are_as_small_ones(alice: httpx.AsyncClient) -> None:
    texts = [f"text {number}" for number in range(2048)]
    many = (await alice.post(EMBEDDINGS, json=body(texts))).json()["data"]
    assert [item["index"] for item in many] == list(range(2048))
    alone = (await alice.post(EMBEDDINGS, json=body(texts[2047]))).json()["data"][0]
    assert np.allclose(many[2047]["embedding"], alone["embedding"], atol=1e-5)


async def test_vectors_of_a_large_answer_are_shortened_beside_the_loop(
    alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran_on: list[int] = []

    def watched(vectors: Vectors, dimensions: int) -> Vectors:
        ran_on.append(threading.get_ident())
        return shortened(vectors, dimensions)

    monkeypatch.setattr(route, "shortened", watched)
    assert (await alice.post(EMBEDDINGS, json=body(["a"] * 2048, dimensions=3))).status_code == 200
    assert (await alice.post(EMBEDDINGS, json=body("a", dimensions=3))).status_code == 200
    on_loop = threading.get_ident()
    assert [thread == on_loop for thread in ran_on] == [False, True]


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"input": []}, "input", "1 to 2048 texts, got an empty list"),
        ({"input": ""}, "input", "it is empty"),
        ({"input": ["a", ""]}, "input[1]", "it is empty"),
        ({"input": ["a"] * 3000}, "input", "1 to 2048 texts, got 3000"),
        ({"input": [1, 2, 3]}, "input", "lists of tokens are not supported by this server; send text"),
        ({"input": [[1], [2]]}, "input", "lists of tokens are not supported by this server; send text"),
        ({"input": ["a", [2]]}, "input", "lists of tokens are not supported by this server; send text"),
        ({"input": ["a", 2]}, "input[1]", "expected a string"),
        ({"input": ["a", None]}, "input[1]", "expected a string"),
        ({"input": [True]}, "input[0]", "expected a string"),
        ({"input": None}, "input", "expected a string or a list of strings"),
        ({"input": 7}, "input", "expected a string or a list of strings"),
        ({"input": {"text": "a"}}, "input", "expected a string or a list of strings"),
        ({"encoding_format": "hex"}, "encoding_format", "float"),
        ({"encoding_format": 1}, "encoding_format", "float"),
        ({"dimensions": 0}, "dimensions", "1"),
        ({"dimensions": 2.5}, "dimensions", ""),
        ({"dimensions": DIMENSIONS + 1}, "dimensions", f"at most {DIMENSIONS}"),
        ({"dimensions": 10**9}, "dimensions", ""),
        ({"dimensions": 3, "model": "fixed"}, "dimensions", "cannot be shortened"),
        ({"user": "u" * 513}, "user", "512"),
        ({"user": 7}, "user", "string"),
        ({"model": "verbatim-local"}, "model", "makes no embeddings"),
        ({"model": ""}, "model", ""),
        ({"temperature": 1}, "temperature", "Unknown parameter"),
        ({"input": "one two three " * 100}, "input", "at most 100 tokens a text, it has"),
        ({"input": ["a", "b" * 10_000]}, "input[1]", "at most 100 tokens a text, it has at least"),
    ],
)
async def test_what_cannot_be_done_says_why_and_is_not_recorded(
    world: World, alice: httpx.AsyncClient, fields: dict[str, Any], param: str, said: str
) -> None:
    answer = await alice.post(EMBEDDINGS, json=body() | fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert said in error["message"]
    assert "three one" not in error["message"]
    assert not recorded(world)


async def test_a_missing_input_and_an_unknown_model(world: World, alice: httpx.AsyncClient) -> None:
    missing = await alice.post(EMBEDDINGS, json={"model": "small"})
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "missing_required_parameter")
    unknown = await alice.post(EMBEDDINGS, json=body(model="nope"))
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    assert not recorded(world)


async def test_a_body_of_10_mb(world: World, alice: httpx.AsyncClient) -> None:
    answer = await alice.post(EMBEDDINGS, json=body(["a" * 10_000] * 1_000))
    assert answer.status_code == 413
    assert str(world.settings.max_body_bytes) in answer.json()["error"]["message"]


async def test_so_many_numbers_in_one_answer(alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_requests, "MAX_NUMBERS", 3 * DIMENSIONS)
    assert (await alice.post(EMBEDDINGS, json=body(["a"] * 3))).status_code == 200
    answer = await alice.post(EMBEDDINGS, json=body(["a"] * 4))
    assert answer.status_code == 400
    assert f"with {DIMENSIONS} dimensions a request may have at most 3 texts" in answer.json()["error"]["message"]


async def test_their_tokens_count_as_all_others_do(world: World, alice: httpx.AsyncClient) -> None:
    world.limiter.change(Limits(tokens_per_minute=20))
    first = await alice.post(EMBEDDINGS, json=body("one two three " * 6))
    assert first.status_code == 200, first.text
    assert first.headers["x-ratelimit-limit-tokens"] == "20"
    await world.limiter.settle()
    refused = await alice.post(EMBEDDINGS, json=body())
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "tokens")
    assert len(recorded(world)) == 1
    world.limiter.change(Limits(tokens_per_minute=20))
    wrong = await alice.post(EMBEDDINGS, json=body("x " * 100_000))
    assert wrong.status_code == 400
    await world.limiter.settle()
    assert (await alice.post(EMBEDDINGS, json=body())).status_code == 200, "what failed has taken nothing"


async def test_it_needs_a_key(world: World) -> None:
    async with world.client(None) as client:
        assert (await client.post(EMBEDDINGS, json=body())).status_code == 401


async def test_the_same_key_twice_is_billed_once(world: World, alice: httpx.AsyncClient) -> None:
    first = await alice.post(EMBEDDINGS, json=body(["a", "b"]), headers=KEY)
    again = await alice.post(EMBEDDINGS, json=body(["a", "b"]), headers=KEY)
    assert (first.status_code, again.status_code) == (200, 200)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json() == again.json()
    (event,) = recorded(world)
    assert event.request_hash
    assert event.embedding_id == ids.embedding_id(ALICE, "k1")
    # How the numbers are written is not what was asked for.
    as_base64 = await alice.post(EMBEDDINGS, json=body(["a", "b"], encoding_format="base64"), headers=KEY)
    assert (as_base64.status_code, len(recorded(world))) == (200, 1)


@pytest.mark.parametrize("other", [body("another"), body(["a"], dimensions=3), body(["a"], model="fixed")])
async def test_the_same_key_with_another_body(world: World, alice: httpx.AsyncClient, other: dict[str, Any]) -> None:
    assert (await alice.post(EMBEDDINGS, json=body(["a"]), headers=KEY)).status_code == 200
    answer = await alice.post(EMBEDDINGS, json=other, headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert len(recorded(world)) == 1


async def test_keys_are_each_users_own(world: World, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    for client in (alice, bob):
        assert "idempotent-replayed" not in (await client.post(EMBEDDINGS, json=body(), headers=KEY)).headers
    assert len({event.embedding_id for event in recorded(world)}) == 2


async def test_a_record_that_is_not_visible_yet_is_waited_for(world: World, alice: httpx.AsyncClient) -> None:
    await alice.post(EMBEDDINGS, json=body(), headers=KEY)
    world.reads.blind, world.reads.sees_when_waited = True, True
    async with world.client(world.add_key("alice", "c")) as client:
        world.reads.blind = False
        await client.get("/v1/models")
        world.reads.blind = True
        again = await client.post(EMBEDDINGS, json=body(), headers=KEY)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(recorded(world)) == 1


async def test_projections_that_are_behind_answer_503(world: World, alice: httpx.AsyncClient) -> None:
    await alice.post(EMBEDDINGS, json=body("first"))
    world.reads.caught_up = False
    answer = await alice.post(EMBEDDINGS, json=body(), headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "projections_behind")
    assert len(recorded(world)) == 1
    assert (await alice.post(EMBEDDINGS, json=body())).status_code == 200


@pytest.mark.parametrize("same", [True, False])
async def test_of_two_that_come_at_once_the_first_in_the_log_counts(
    world: World, alice: httpx.AsyncClient, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process records the same key between our look and our record."""
    sent, asked = world.log.send, body("a" if same else "b")

    async def late(topic: Any, key: str, event: EmbeddingsComputed) -> Any:
        monkeypatch.setattr(world.log, "send", sent)
        at_us = event.envelope.occurred_at_us - 5
        other = replace(event, envelope=replace(event.envelope, occurred_at_us=at_us), usage=Usage(77, 0))
        world.log.append(topic, key, other if same else replace(other, request_hash="another"))
        return await sent(topic, key, event)

    monkeypatch.setattr(world.log, "send", late)
    answer = await alice.post(EMBEDDINGS, json=asked, headers=KEY)
    assert len(recorded(world)) == 2
    if same:
        assert answer.headers["idempotent-replayed"] == "true"
        assert answer.json()["usage"]["prompt_tokens"] == 77
    else:
        assert answer.status_code == 422


@pytest.mark.parametrize("down", ["refuse", "lose_acks"])
async def test_nothing_is_answered_that_the_log_did_not_acknowledge(
    world: World, alice: httpx.AsyncClient, down: str
) -> None:
    world.log.down = down
    answer = await alice.post(EMBEDDINGS, json=body())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")
    key = answer.headers["Idempotency-Key"]
    world.log.down = ""
    again = await alice.post(EMBEDDINGS, json=body(), headers={"Idempotency-Key": key})
    assert again.status_code == 200
    assert again.headers.get("idempotent-replayed") == (None if down == "refuse" else "true")
    assert len(recorded(world)) == 1
    other = await alice.post(EMBEDDINGS, json=body("another"), headers={"Idempotency-Key": key})
    assert other.status_code == 422


async def test_before_the_upgrade_is_finished(world: World, alice: httpx.AsyncClient) -> None:
    try:
        set_write_level(versions_of(EmbeddingsComputed)[0].writes - 1)
        answer = await alice.post(EMBEDDINGS, json=body())
    finally:
        set_write_level(WRITE_LEVEL)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upgrade_unfinished")
    assert "upgrade finish" in answer.json()["error"]["message"]
    assert not recorded(world)


async def test_a_full_queue(alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setattr(queue, "MAX_WAITING", 0)
    for place in set(world.embedders.places.values()):
        await place.acquire()
    answer = await alice.post(EMBEDDINGS, json=body())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (failed("engine_failed", "broken", retryable=True), 503, {"x-should-retry": "true"}),
        (failed("engine_auth", "no key"), 502, {}),
        (failed("engine_unavailable", "away", retryable=True), 503, {"Retry-After": "1"}),
        (failed("engine_overloaded", "busy", retryable=True, retry_after_s=7), 429, {"Retry-After": "7"}),
        (failed("engine_timeout", "slow", retryable=True), 504, {}),
        (failed("context_length_exceeded", "long"), 400, {}),
        (failed("invalid_request", "no"), 400, {}),
    ],
)
async def test_what_an_engine_says(error: EmbeddingFailed, status: int, headers: dict[str, str]) -> None:
    models = ModelCatalogue(list(ModelCatalogue.load(())), None, [STATIC])
    from asyncio import Semaphore

    world = World(models=models, embedders=Embedders({STATIC.id: Failing(error)}, {STATIC.id: Semaphore(1)}))
    async with world.client(world.add_key("alice", "a")) as client:
        answer = await client.post(EMBEDDINGS, json=body())
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, error.failure.code)
    assert headers.items() <= {name: answer.headers.get(name) for name in headers}.items()
    assert not recorded(world)


async def test_embedding_models_are_listed_and_answer_no_prompts(world: World, alice: httpx.AsyncClient) -> None:
    listed = (await alice.get("/v1/models")).json()["data"]
    assert [(model["id"], model.get("kind")) for model in listed] == [
        *[(spec.id, None) for spec in world.models],
        ("small", "embedding"),
        ("fixed", "embedding"),
    ]
    assert (await alice.get("/v1/models/small")).json() == listed[-2]
    offered = (await alice.get("/api/v1/models")).json()["data"]
    assert "small" not in {model["id"] for model in offered}
    chat = {"model": "small", "messages": [{"role": "user", "content": "hi"}]}
    for answer in (
        await alice.post("/v1/chat/completions", json=chat),
        await alice.post("/api/v1/conversations", json={"model": "small"}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_model")
        assert "POST /v1/embeddings" in answer.json()["error"]["message"]
