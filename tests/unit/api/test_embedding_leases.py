"""/v1/embeddings on a hard budget: leased, settled, given back, and charged once, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.openai import embedding_leases
from infra.embeddings.embedders import Embedders
from infra.embeddings.ports import EmbeddingFailed, failed
from infra.models.catalogue import ModelCatalogue
from schemas import ids
from schemas.admission import TOKENS, BudgetChanged, EmbeddingsRequested, EmbeddingsSettled
from schemas.codec import set_write_level
from schemas.envelope import Envelope
from schemas.price import Usage
from schemas.registry import WRITE_LEVEL, versions_of
from tests.eventually import eventually
from tests.fakes.word_vectors import STATIC, make_word_vectors
from tests.unit.api.world import World
from topics.admission.account import Account
from topics.admission.embeddings import bill, settlement
from topics.catalogue import ADMISSIONS, USAGE_RECORDS

EMBEDDINGS = "/v1/embeddings"
KEY = {"Idempotency-Key": "k1"}
ALICE = ids.user_id("alice")
BODY = {"model": STATIC.id, "input": "one two three"}


class Gate:
    """The engine, which may be held (`go`), or fail."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.go = asyncio.Event()
        self.go.set()
        self.running = 0
        self.error: EmbeddingFailed | None = None

    async def embed(self, texts: Any) -> Any:
        self.running += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return await self.inner.embed(texts)

    async def most_tokens(self, texts: Any) -> int:
        return int(await self.inner.most_tokens(texts))

    async def aclose(self) -> None:
        await self.inner.aclose()


@pytest.fixture
def gate() -> Gate:
    return Gate(None)


@pytest.fixture
def world(tmp_path: Path, gate: Gate) -> World:
    models = ModelCatalogue(list(ModelCatalogue.load(())), None, [STATIC])
    embedders = Embedders.of(models.embeddings, make_word_vectors(tmp_path), tmp_path)
    gate.inner = embedders._embedders[STATIC.id]
    return World(models=models, embedders=Embedders({STATIC.id: gate}, {STATIC.id: asyncio.Semaphore(2)}))


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(embedding_leases, "READ_S", 0.3)
    yield
    patch.undo()


def limited(world: World, limit: int, *, unit: str = TOKENS, hard: bool = True) -> BudgetChanged:
    change = BudgetChanged(
        envelope=Envelope(f"budget {limit} {unit} {hard}", 1, None, "r", "test"),
        account=ALICE,
        scope="account",
        subject="",
        period="total",
        hard=hard,
        unit=unit,
        limit=limit,
    )
    world.log.append(ADMISSIONS, ALICE, change)
    return change


def account(world: World) -> Account:
    found = world.book.account(ALICE)
    assert found is not None
    return found


def said(world: World, kind: type) -> list[Any]:
    return [record for record, _ in world.log.all_of(ADMISSIONS) if isinstance(record, kind)]


def standing(world: World, change: BudgetChanged) -> tuple[int, int, int]:
    return account(world).standing(change, account(world).moment)


async def tokens_of_it(client: httpx.AsyncClient) -> int:
    """How many tokens BODY has; asked for before there is a budget."""
    return int((await client.post(EMBEDDINGS, json=BODY)).json()["usage"]["prompt_tokens"])


async def test_to_the_last_token_and_then_refused_without_a_record(world: World, alice: httpx.AsyncClient) -> None:
    tokens = await tokens_of_it(alice)
    assert tokens > 1 and not world.log.all_of(ADMISSIONS)
    change = limited(world, 2 * tokens)
    for _ in range(2):
        answer = await alice.post(EMBEDDINGS, json=BODY)
        assert answer.status_code == 200, answer.text
        assert answer.json()["usage"]["prompt_tokens"] == tokens
        assert "idempotent-replayed" not in answer.headers
    assert standing(world, change) == (2 * tokens, 0, 0)
    assert [request.tokens for request in said(world, EmbeddingsRequested)] == [tokens] * 2
    settled = said(world, EmbeddingsSettled)
    assert [(record.used, record.usage) for record in settled] == [(True, Usage(tokens, 0))] * 2
    assert settled[0].attribution.account == ALICE
    assert len(world.log.all_of(USAGE_RECORDS)) == 1, "metering bills these, from their settlements"
    refused = await alice.post(EMBEDDINGS, json=BODY)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert refused.headers["x-should-retry"] == "false" and "retry-after" not in refused.headers
    assert len(said(world, EmbeddingsRequested)) == 2


async def test_a_denial_in_the_log(world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Affordable as far as this process knew, and leased by another by the time its request is in the log."""
    tokens = await tokens_of_it(alice)
    change, sent = limited(world, tokens), world.log.send

    async def late(topic: Any, key: str, record: Any) -> Any:
        monkeypatch.setattr(world.log, "send", sent)
        other = {field: getattr(record, field) for field in record.__dataclass_fields__} | {"lease_id": "other"}
        world.log.append(topic, key, EmbeddingsRequested(**other))
        return await sent(topic, key, record)

    monkeypatch.setattr(world.log, "send", late)
    refused = await alice.post(EMBEDDINGS, json=BODY, headers=KEY)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert refused.headers["x-should-retry"] == "false"
    assert len(said(world, EmbeddingsRequested)) == 2 and not said(world, EmbeddingsSettled)
    assert standing(world, change) == (0, tokens, 0)
    (other,) = account(world).leases.values()
    world.log.append(ADMISSIONS, ALICE, settlement(ALICE, other, "test", None))
    again = await alice.post(EMBEDDINGS, json=BODY, headers=KEY)
    assert again.status_code == 200 and "idempotent-replayed" not in again.headers


async def test_budgets_in_money(world: World, alice: httpx.AsyncClient) -> None:
    price, tokens = STATIC.price, await tokens_of_it(alice)
    assert price.input_micros_per_million, "else nothing is spent"
    change = limited(world, 1_000_000, unit=price.currency)
    assert (await alice.post(EMBEDDINGS, json=BODY)).status_code == 200
    assert standing(world, change)[:2] == (price.cost_micros(Usage(tokens, 0)), 0)


async def test_a_model_of_another_currency(world: World, alice: httpx.AsyncClient) -> None:
    limited(world, 1_000_000, unit="XTS")
    refused = await alice.post(EMBEDDINGS, json=BODY)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "budget_currency")


async def test_a_log_that_says_nothing_is_waited_for_in_bounds(world: World, alice: httpx.AsyncClient) -> None:
    change = limited(world, 1000)
    world.log.paused = True
    async with asyncio.timeout(10):
        answer = await alice.post(EMBEDDINGS, json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")
    key = answer.headers["Idempotency-Key"]
    world.log.resume()
    await eventually(lambda: bool(said(world, EmbeddingsSettled)) and not account(world).leases)
    assert not said(world, EmbeddingsSettled)[0].used
    assert standing(world, change) == (0, 0, 1000)
    again = await alice.post(EMBEDDINGS, json=BODY, headers={"Idempotency-Key": key})
    assert again.status_code == 200 and "idempotent-replayed" not in again.headers


@pytest.mark.parametrize("down", ["refuse", "lose_acks"])
async def test_a_log_that_is_down(world: World, alice: httpx.AsyncClient, down: str) -> None:
    tokens = await tokens_of_it(alice)
    change = limited(world, 2 * tokens)
    world.log.down = down
    answer = await alice.post(EMBEDDINGS, json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")
    world.log.down = ""
    again = await alice.post(EMBEDDINGS, json=BODY, headers={"Idempotency-Key": answer.headers["Idempotency-Key"]})
    assert again.status_code == 200
    assert standing(world, change)[0] == tokens


@pytest.mark.parametrize("down", ["refuse", "lose_acks"])
@pytest.mark.parametrize("headers", [KEY, {}])
async def test_a_settlement_of_which_nothing_is_known_is_charged_once(
    world: World, alice: httpx.AsyncClient, down: str, headers: dict[str, str], gate: Gate
) -> None:
    tokens = await tokens_of_it(alice)
    change = limited(world, 10 * tokens)
    gate.go.clear()
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(alice.post(EMBEDDINGS, json=BODY, headers=headers))
        await eventually(lambda: gate.running == 2)
        world.log.down = down
        gate.go.set()
    assert asking.result().status_code == 503
    world.log.down = ""
    key = asking.result().headers["Idempotency-Key"]
    again = await alice.post(EMBEDDINGS, json=BODY, headers={"Idempotency-Key": key})
    assert (again.status_code, again.json()["usage"]["prompt_tokens"]) == (200, tokens)
    assert again.headers.get("idempotent-replayed") == ("true" if down == "lose_acks" else None)
    assert standing(world, change)[0] == tokens


async def test_what_an_engine_fails_at_is_given_back(world: World, alice: httpx.AsyncClient, gate: Gate) -> None:
    change = limited(world, 1000)
    gate.error = failed("engine_auth", "no key")
    answer = await alice.post(EMBEDDINGS, json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "engine_auth")
    await eventually(lambda: standing(world, change) == (0, 0, 1000))
    assert [record.used for record in said(world, EmbeddingsSettled)] == [False]


async def test_what_is_too_long_is_said_before_anything_is_leased(world: World, alice: httpx.AsyncClient) -> None:
    limited(world, 1000)
    answer = await alice.post(EMBEDDINGS, json=BODY | {"input": "one two three " * 100})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert not said(world, EmbeddingsRequested)


async def test_a_request_that_is_cancelled_gives_its_lease_back(
    world: World, alice: httpx.AsyncClient, gate: Gate
) -> None:
    change = limited(world, 1000)
    gate.go.clear()
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(alice.post(EMBEDDINGS, json=BODY))
        await eventually(lambda: gate.running == 1)
        assert standing(world, change)[1] > 0
        asking.cancel()
    assert asking.cancelled()
    await eventually(lambda: standing(world, change) == (0, 0, 1000))


async def test_the_same_key_again_is_charged_once_and_another_body_is_refused(
    world: World, alice: httpx.AsyncClient
) -> None:
    tokens = await tokens_of_it(alice)
    change = limited(world, tokens)
    first = await alice.post(EMBEDDINGS, json=BODY, headers=KEY)
    again = await alice.post(EMBEDDINGS, json=BODY, headers=KEY)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotent-replayed"] == "true" and first.json() == again.json()
    other = await alice.post(EMBEDDINGS, json=BODY | {"input": "another"}, headers=KEY)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert standing(world, change) == (tokens, 0, 0)
    # Long after, when the fold has forgotten it, its bill is found.
    (record,) = said(world, EmbeddingsSettled)
    world.log.append(USAGE_RECORDS, ALICE, bill(record, account(world).settled[record.lease_id]))
    account(world)._charged.clear()
    third = await alice.post(EMBEDDINGS, json=BODY, headers=KEY)
    assert third.headers["idempotent-replayed"] == "true"
    assert len(said(world, EmbeddingsRequested)) == 1


@pytest.mark.parametrize("same", [True, False])
async def test_two_of_a_key_at_once_are_charged_once(
    world: World, alice: httpx.AsyncClient, gate: Gate, same: bool
) -> None:
    tokens = await tokens_of_it(alice)
    change = limited(world, 10 * tokens)
    gate.go.clear()
    async with asyncio.TaskGroup() as tasks:
        bodies = (BODY, BODY if same else BODY | {"input": "three one"})
        asking = [tasks.create_task(alice.post(EMBEDDINGS, json=body, headers=KEY)) for body in bodies]
        await eventually(lambda: gate.running == 3)
        gate.go.set()
    answers = [task.result() for task in asking]
    assert sorted(answer.status_code for answer in answers) == ([200, 200] if same else [200, 422])
    replayed = [answer.headers.get("idempotent-replayed") for answer in answers if answer.status_code == 200]
    assert sorted(map(str, replayed)) == (["None", "true"] if same else ["None"])
    counted = [answer.json()["usage"]["prompt_tokens"] for answer in answers if answer.status_code == 200]
    assert standing(world, change)[:2] == (counted[0], 0) and len(set(counted)) == 1


async def test_what_came_after_its_lease_was_over_is_neither_answered_nor_charged(
    world: World, alice: httpx.AsyncClient, gate: Gate
) -> None:
    change = limited(world, 1000)
    gate.go.clear()
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(alice.post(EMBEDDINGS, json=BODY, headers=KEY))
        await eventually(lambda: gate.running == 1)
        (lease,) = account(world).leases.values()
        world.log.append(ADMISSIONS, ALICE, settlement(ALICE, lease, "system:metering", None))
        gate.go.set()
    answer = asking.result()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "lease_over")
    assert standing(world, change) == (0, 0, 1000)
    again = await alice.post(EMBEDDINGS, json=BODY, headers=KEY)
    assert again.status_code == 200 and "idempotent-replayed" not in again.headers
    assert standing(world, change)[0] > 0


async def test_before_the_upgrade_is_finished(world: World, alice: httpx.AsyncClient) -> None:
    limited(world, 1000)
    try:
        set_write_level(versions_of(EmbeddingsSettled)[0].writes - 1)
        answer = await alice.post(EMBEDDINGS, json=BODY)
    finally:
        set_write_level(WRITE_LEVEL)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upgrade_unfinished")


async def test_without_a_hard_budget_nothing_is_leased(world: World, alice: httpx.AsyncClient) -> None:
    limited(world, 0, hard=False)
    assert (await alice.post(EMBEDDINGS, json=BODY)).status_code == 200
    assert not said(world, EmbeddingsRequested) and len(world.log.all_of(USAGE_RECORDS)) == 1
