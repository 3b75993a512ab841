"""The official `openai` client against the api process: shapes, errors as its exceptions, retries."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import pytest_asyncio

from infra.blobs.store import ObjectBlobs, blobs_url
from infra.cache import cache_dir
from infra.clock import now_us
from infra.crash_points import EXIT_STATUS
from infra.models.catalogue import ModelCatalogue
from infra.planted import CRASHPOINT_VARIABLE
from infra.settings import Settings
from infra.stack.word_vectors import WORD_VECTORS
from projections import Projections
from projections.usage.queries import UsageRow
from schemas import ids
from tests.integration.api_process import make_key, running_api
from tests.integration.api_running import Running, whole_api

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

MODEL = "verbatim-local"
ABLE = "able"
ABLE_MODEL = """
[[model]]
id = "able"
engine = "openai"
address = "http://127.0.0.1:9/v1"
context_tokens = 16384
capabilities = ["streaming", "tools", "vision", "json", "reasoning", "logprobs", "extended_sampling"]
price = { input = "0.10", output = "0.40" }
"""
"""Nobody computes it: the agents of these tests answer."""
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("api")
    models = folder / "models.toml"
    await asyncio.to_thread(models.write_text, ABLE_MODEL)
    blobs = servers.blobs.model_copy(update={"url": f"file://{folder}/blobs"})
    settings = servers.model_copy(update={"models": (*servers.models, models), "blobs": blobs})
    async with whole_api(settings, folder / "api.log") as running:
        yield running


class Counting(httpx2.AsyncBaseTransport):
    """A transport that remembers the status of every answer."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self.statuses: list[int] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        self.statuses.append(response.status_code)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def client_of(url: str, key: str, transport: Counting | None = None, **more: Any) -> openai.AsyncOpenAI:
    http = httpx2.AsyncClient(transport=transport or Counting())
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, http_client=http, **more)


@pytest_asyncio.fixture(loop_scope="module")
async def client(running: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    """Validates whatever comes as strictly as it can."""
    url, key = running.api.url, running.key
    async with client_of(url, key, max_retries=0, _strict_response_validation=True) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def lenient(running: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    """As it is by default: what it asks of embeddings by itself (base64), its strict validation refuses."""
    async with client_of(running.api.url, running.key, max_retries=0) as client:
        yield client


async def test_models(client: openai.AsyncOpenAI) -> None:
    models = [model async for model in client.models.list()]
    assert {model.id for model in models} >= {MODEL}
    model = await client.models.retrieve(MODEL)
    assert (model.id, model.object, model.owned_by) == (MODEL, "model", "verbatim")
    with pytest.raises(openai.NotFoundError) as refused:
        await client.models.retrieve("no/such")
    assert refused.value.code == "model_not_found"


async def test_a_whole_completion(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "say 3"}])
    assert answer.id.startswith("chatcmpl-")
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == "w1 w2 w3 "
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (7, 3, 10)
    assert answer._request_id


async def test_a_stream(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "say 100"}],
        stream=True,
        stream_options={"include_usage": True},
        max_completion_tokens=100,
        temperature=0.5,
        stop=["x"],
        seed=1,
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "".join(
        f"w{n} " for n in range(1, 101)
    )
    assert [chunk.choices[0].finish_reason for chunk in chunks[-3:-1]] == [None, "stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 100
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1


async def test_the_clients_own_accumulation(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model=MODEL, messages=[{"role": "user", "content": "say 5"}]) as stream:
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "w1 w2 w3 w4 w5 "


async def test_raw_answers_carry_headers(client: openai.AsyncOpenAI) -> None:
    raw = await client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "say 1"}]
    )
    assert raw.headers["x-request-id"]
    assert int(raw.headers["x-ratelimit-limit-requests"]) == 6000
    assert raw.headers["x-ratelimit-reset-requests"].endswith("ms")


@pytest.mark.parametrize(
    ("wrong", "kind", "code"),
    [
        ({"model": "nope"}, openai.NotFoundError, "model_not_found"),
        ({"messages": []}, openai.BadRequestError, "array_below_min_length"),
        ({"temperature": 3}, openai.BadRequestError, "number_above_max_value"),
        ({"n": 9}, openai.BadRequestError, "number_above_max_value"),
        ({"top_logprobs": 3, "logprobs": True}, openai.BadRequestError, "unsupported_parameter"),
        ({"tools": TOOLS, "tool_choice": "required"}, openai.BadRequestError, "unsupported_parameter"),
        (
            {"messages": [{"role": "user", "content": "word " * 20_000}]},
            openai.BadRequestError,
            "context_length_exceeded",
        ),
        ({"messages": [{"role": "user", "content": "fail"}]}, openai.InternalServerError, "engine_unavailable"),
    ],
)
async def test_errors_become_its_exceptions(
    client: openai.AsyncOpenAI, wrong: dict[str, Any], kind: type[openai.APIStatusError], code: str
) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "say 1"}], **wrong}
    for stream in (False, True):
        with pytest.raises(kind) as refused:
            await client.chat.completions.create(**asked, stream=stream)
        assert refused.value.code == code
        assert refused.value.request_id


async def test_what_it_sends_that_nobody_knows_is_passed_over(client: openai.AsyncOpenAI) -> None:
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "say 1"}], "tools": TOOLS}
    answer = await client.chat.completions.create(**asked, extra_body={"nonsense": 1})
    assert answer.choices[0].message.content == "w1 "  # a model without tools answers in text


@pytest.mark.parametrize("stream", [True, False])
async def test_a_round_of_tools(client: openai.AsyncOpenAI, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "call weather"}]
    asked: Any = {"model": ABLE, "messages": messages, "tools": TOOLS}
    if stream:
        async with client.chat.completions.stream(**asked) as events:
            answer: Any = await events.get_final_completion()
    else:
        answer = await client.chat.completions.create(**asked)
    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls]
    assert calls == [("call_1", "weather", '{"city": "Oslo"}'), ("call_2", "weather", "{}")]
    messages.append(choice.message if not stream else choice.message.model_dump())
    messages += [{"role": "tool", "tool_call_id": call_id, "content": "4 °C"} for call_id, _, _ in calls]
    messages.append({"role": "user", "content": "say 2"})
    again = await client.chat.completions.create(**asked)
    assert again.choices[0].message.content == "w1 w2 "


async def test_several_answers(client: openai.AsyncOpenAI) -> None:
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "say 1"}], "n": 3}
    keyed = {"Idempotency-Key": "several"}
    texts = ["w1 ", "w1 w2 ", "w1 w2 w3 "]
    whole = await client.chat.completions.create(**asked, extra_headers=keyed)
    assert [choice.message.content for choice in whole.choices] == texts
    assert whole.usage is not None and whole.usage.completion_tokens == 6
    async with client.chat.completions.stream(**asked, extra_headers=keyed) as events:
        again = await events.get_final_completion()
    assert (again.id, [choice.message.content for choice in again.choices]) == (whole.id, texts)
    failing: Any = {**asked, "messages": [{"role": "user", "content": "fail"}]}
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(**failing)


async def test_a_picture_is_kept_before_it_is_asked_about(running: Running, client: openai.AsyncOpenAI) -> None:
    picture = b"\x89PNG\r\n\x1a\n" + b"a cat"
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    parts: Any = [{"type": "text", "text": "say 1"}, {"type": "image_url", "image_url": {"url": url}}]
    answer = await client.chat.completions.create(model=ABLE, messages=[{"role": "user", "content": parts}])
    assert answer.choices[0].message.content == "w1 "
    assert await ObjectBlobs(blobs_url(running.settings)).get(sha256(picture).hexdigest()) == picture
    elsewhere: Any = [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/cat.png"}}]
    with pytest.raises(openai.BadRequestError, match="fetches nothing"):
        await client.chat.completions.create(model=ABLE, messages=[{"role": "user", "content": elsewhere}])


async def test_what_is_kept(running: Running, client: openai.AsyncOpenAI) -> None:
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "say 2"}], "store": True}
    made = [await client.chat.completions.create(**asked, metadata={"n": str(n)}, n=n) for n in (1, 2, 3)]
    found = [one async for one in client.chat.completions.list(limit=2, model=MODEL)]
    assert [one.choices for one in found] == [one.choices for one in made]
    assert [one.id async for one in client.chat.completions.list(metadata={"n": "2"})] == [made[1].id]
    assert (await client.chat.completions.retrieve(made[2].id)).choices == made[2].choices
    updated = await client.chat.completions.update(made[0].id, metadata={"x": "y"})
    assert updated.model_dump()["metadata"] == {"x": "y"}
    assert [one.id async for one in client.chat.completions.list(metadata={"x": "y"})] == [made[0].id]
    async with client_of(running.api.url, running.other_key, max_retries=0) as other:
        with pytest.raises(openai.NotFoundError):
            await other.chat.completions.retrieve(made[0].id)
        assert [one async for one in other.chat.completions.list()] == []
    assert (await client.chat.completions.delete(made[0].id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.retrieve(made[0].id)
    assert [one.id async for one in client.chat.completions.list()] == [one.id for one in made[1:]]


async def test_a_completion_of_a_text(client: openai.AsyncOpenAI) -> None:
    answer = await client.completions.create(model=MODEL, prompt="say 2")
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("w1 w2 ", "stop")


async def test_a_wrong_key(running: Running) -> None:
    async with client_of(running.api.url, "vk_" + "x" * 43) as stranger:
        with pytest.raises(openai.AuthenticationError) as refused:
            await stranger.models.list()
    assert refused.value.code == "invalid_api_key"


async def test_a_stream_that_breaks_raises(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "break"}], stream=True
    )
    seen = ""
    with pytest.raises(openai.APIError, match="The engine broke"):
        async for chunk in stream:
            seen += chunk.choices[0].delta.content or ""
    assert seen == "part "


async def test_a_refusal(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "refuse"}])
    assert (answer.choices[0].finish_reason, answer.choices[0].message.refusal) == ("content_filter", "Not this.")


async def test_what_may_be_retried_is_retried(running: Running) -> None:
    transport = Counting()
    async with client_of(running.api.url, running.key, transport, max_retries=1) as client:
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "fail"}])
    assert transport.statuses == [503, 503]


async def test_a_rate_limit_is_waited_for(running: Running, tmp_path: Any) -> None:
    key = await make_key(running.agents.log, "patient")
    transport = Counting()
    async with (
        running_api(running.settings, tmp_path / "rated.log", requests_per_minute=60) as limited,
        client_of(limited.url, key, transport, max_retries=3) as client,
    ):
        for _ in range(61):
            await client.models.list()
    assert transport.statuses.count(200) == 61
    assert 1 <= transport.statuses.count(429) <= 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vectors() -> None:
    """What `up` fetches."""
    await asyncio.to_thread(WORD_VECTORS.fetch, cache_dir(), lambda _: None)


EMBEDDING_MODEL = "verbatim-embedding"


@pytest.mark.usefixtures("vectors")
async def test_embeddings(lenient: openai.AsyncOpenAI) -> None:
    texts = ["The cat sat on the mat.", "A kitten lies on the rug.", "Interest rates rose again in March."]
    # The client asks for base64 by itself, and decodes it.
    answer = await lenient.embeddings.create(model=EMBEDDING_MODEL, input=texts, user="u-1")
    assert (answer.object, answer.model) == ("list", EMBEDDING_MODEL)
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert {len(item.embedding) for item in answer.data} == {256}
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 15
    cat, kitten, rates = (item.embedding for item in answer.data)
    assert dot(cat, cat) == pytest.approx(1, abs=1e-5)
    assert dot(cat, kitten) > dot(cat, rates) + 0.1
    floats = await lenient.embeddings.create(model=EMBEDDING_MODEL, input=texts[0], encoding_format="float")
    assert floats.data[0].embedding == pytest.approx(cat, abs=1e-6)
    short = await lenient.embeddings.create(model=EMBEDDING_MODEL, input=texts[0], dimensions=64)
    assert len(short.data[0].embedding) == 64
    assert dot(short.data[0].embedding, short.data[0].embedding) == pytest.approx(1, abs=1e-5)
    assert {model.id async for model in lenient.models.list()} >= {EMBEDDING_MODEL, MODEL}


@pytest.mark.parametrize(
    ("wrong", "kind", "code"),
    [
        ({"model": "nope"}, openai.NotFoundError, "model_not_found"),
        ({"model": MODEL}, openai.BadRequestError, "unsupported_model"),
        ({"input": []}, openai.BadRequestError, "array_below_min_length"),
        ({"input": ["x"] * 3000}, openai.BadRequestError, "array_above_max_length"),
        ({"input": [1, 2]}, openai.BadRequestError, "unsupported_parameter"),
        ({"input": "x" * 10_000_000}, openai.APIStatusError, "request_too_large"),
        ({"dimensions": 257}, openai.BadRequestError, "invalid_value"),
        ({"input": "word " * 9_000}, openai.BadRequestError, "context_length_exceeded"),
    ],
)
@pytest.mark.usefixtures("vectors")
async def test_embeddings_that_cannot_be_had(
    lenient: openai.AsyncOpenAI, wrong: dict[str, Any], kind: type[openai.APIStatusError], code: str
) -> None:
    asked: dict[str, Any] = {"model": EMBEDDING_MODEL, "input": "text", **wrong}
    with pytest.raises(kind) as refused:
        await lenient.embeddings.create(**asked)
    assert refused.value.code == code


@pytest.mark.usefixtures("vectors")
async def test_embeddings_of_one_key_are_billed_once(running: Running, lenient: openai.AsyncOpenAI) -> None:
    async def ask(key: str, text: str) -> tuple[bool, openai.types.CreateEmbeddingResponse]:
        raw = await lenient.embeddings.with_raw_response.create(
            model=EMBEDDING_MODEL, input=text, extra_headers={"Idempotency-Key": key}
        )
        return raw.headers.get("idempotent-replayed") == "true", raw.parse()

    # The projector here knows nothing of what stood in the partition before; now it knows how far it has come.
    await lenient.embeddings.create(model=EMBEDDING_MODEL, input="something else")
    (first_is_repeat, first), (second_is_repeat, second) = await ask("one", "a text"), await ask("one", "a text")
    assert (first_is_repeat, second_is_repeat) == (False, True)
    assert first == second
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        await ask("one", "another text")
    assert refused.value.code == "idempotency_key_reused"
    # Many at once, all of the same key: the ledger holds one of them.
    together = await asyncio.gather(*(ask("many", "a text") for _ in range(8)))
    assert all(answer.data == first.data for _, answer in together)
    billed = await ledger(running)
    mine = [row for row in billed if row.generation_id == ids.embedding_id(ids.user_id("alice"), "many")]
    assert len(mine) == 1
    spec = ModelCatalogue.load().embedding(EMBEDDING_MODEL)
    assert mine[0].usage.prompt_tokens == first.usage.prompt_tokens
    assert mine[0].cost_micros == spec.price.cost_micros(mine[0].usage)


@pytest.mark.parametrize("point", ["api.before_embeddings", "api.after_embeddings"])
@pytest.mark.usefixtures("vectors")
async def test_embeddings_of_an_api_that_dies_are_billed_once(
    running: Running, lenient: openai.AsyncOpenAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, point: str
) -> None:
    await lenient.embeddings.create(model=EMBEDDING_MODEL, input="something else")
    asked: dict[str, Any] = {"model": EMBEDDING_MODEL, "input": "text", "extra_headers": {"Idempotency-Key": point}}
    with monkeypatch.context() as planted:
        planted.setenv(CRASHPOINT_VARIABLE, point)
        async with (
            running_api(running.settings, tmp_path / "dying.log", status=EXIT_STATUS) as dying,
            client_of(dying.url, running.key, max_retries=0) as hers,
        ):
            with pytest.raises(openai.APIConnectionError):
                await hers.embeddings.create(**asked)
            async with asyncio.timeout(30):
                await dying.process.wait()
    raw = await lenient.embeddings.with_raw_response.create(**asked)
    assert (raw.headers.get("idempotent-replayed") == "true") == (point == "api.after_embeddings")
    mine = ids.embedding_id(ids.user_id("alice"), point)
    assert [row.generation_id for row in await ledger(running)].count(mine) == 1


async def ledger(running: Running) -> list[UsageRow]:
    """Alice's, of requests for embeddings."""
    reads = await Projections.connect(running.settings.cassandra)
    try:
        rows = await reads.usage(ids.user_id("alice"), now_us() - 86_400_000_000, now_us() + 60_000_000)
    finally:
        await reads.aclose()
    return [row for row in rows if row.outcome_type == "EmbeddingsComputed"]


def dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
