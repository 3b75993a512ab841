"""What waits is known from offsets, who would wait longer than promised is refused without a record."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.pulse.fleet import Readings
from api.streaming import sse
from api.streaming.frames import EventFrames
from api.streaming.readers import Credential
from api.streaming.sse import EventStream
from api.turns.alternatives import MAX_ALTERNATIVES
from api.turns.ports import TurnPorts
from api.turns.queue_figures import FORGETS_S, MAX_WAITING, STALE_S, PoolFigures, Queue, too_long
from api.turns.queue_news import QueueNews
from api.turns.queueing import QueueFull
from infra.clock import monotonic_s
from infra.models.catalogue import ModelCatalogue
from infra.tiers.tier import Tier, Tiers
from schemas import ids
from schemas.admission import BudgetChanged
from schemas.envelope import Envelope
from schemas.turns import UserCommand
from tests.eventually import eventually
from tests.unit.api.memory_log import Attempt
from tests.unit.api.streams import Client
from tests.unit.api.turns import TURN
from tests.unit.api.world import World, saying
from topics.catalogue import ADMISSIONS, CONVERSATION_EVENTS

JOBS = ("generation-jobs.default.interactive", 0)


def test_what_is_not_committed_waits_or_runs() -> None:
    figures = PoolFigures()
    assert figures.queue(0.0) == Queue(0, None)
    figures.sampled(0.0, committed=10, end=50, slots=4)
    assert figures.queue(0.0) == Queue(36, None)
    figures.sampled(2.0, committed=20, end=50, slots=4)
    assert figures.queue(2.0) == Queue(26, 5.2)
    figures.admitted()
    assert figures.queue(2.0).waiting == 27
    assert figures.queue(2.1 + STALE_S) == Queue(0, None)


def test_free_slots_are_no_queue_whatever_is_asked() -> None:
    figures = PoolFigures()
    figures.sampled(0.0, committed=10, end=12, slots=4)
    for _ in range(5):
        figures.admitted()
    assert figures.queue(0.0) == Queue(0, 0.0)


def test_workers_that_stand_still_are_seen() -> None:
    figures = PoolFigures()
    figures.sampled(0.0, committed=0, end=100, slots=0)
    for second in range(1, 100):
        figures.sampled(float(second), committed=min(second, 10), end=100, slots=0)
    wait_s = figures.queue(99.0).wait_s
    assert wait_s is None or wait_s > 1000


@pytest.mark.parametrize(
    ("queue", "promised", "again_s"),
    [
        (Queue(10, 5.0), None, None),
        (Queue(10, 5.0), 5, None),
        (Queue(10, 5.5), 5, 0.5),
        (Queue(10, None), 5, None),
        (Queue(MAX_WAITING, None), None, FORGETS_S),
        (Queue(MAX_WAITING, 70.0), 100, 70.0),
    ],
)
def test_a_tiers_promise_and_the_bound_for_all_decide(
    queue: Queue, promised: int | None, again_s: float | None
) -> None:
    assert too_long(queue, promised) == again_s


def queued(world: World, waiting: int, committed: int) -> None:
    """As the queue is after two looks, with so much of it committed in a second."""
    figures = world.queues._pools["default"]
    figures.sampled(monotonic_s() - 1.0, committed=0, end=waiting + committed + 4, slots=4)
    figures.sampled(monotonic_s(), committed=committed, end=waiting + committed + 4, slots=4)


async def test_who_would_wait_too_long_is_refused_without_a_record(world: World, alice: httpx.AsyncClient) -> None:
    promising = Tier(name="default", longest_wait_s=5)
    world.limiter.tiers = Tiers({"default": promising, "unlimited": replace(promising, name="unlimited")})
    queued(world, waiting=100, committed=10)
    body = {"model": "verbatim-scripted", "messages": [{"role": "user", "content": "hi"}]}
    answer = await alice.post("/v1/chat/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "queue_full")
    assert 4 <= int(answer.headers["retry-after"]) <= 6
    assert not [place for place in world.log.partitions if place[0] == CONVERSATION_EVENTS]
    queued(world, waiting=10, committed=10)
    assert (await alice.post("/v1/chat/completions", json=body)).status_code == 200


ASKED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    ("/v1/completions", {"prompt": "hi"}),
    ("/v1/responses", {"input": "hi"}),
    ("/v1/responses", {"input": "hi", "store": False}),
]


def other_pool(world: World) -> None:
    """`other` is as the shipped model, of a pool of its own, and dearer ones are of another currency."""
    shipped = next(iter(world.models))
    other = replace(shipped, id="other", pool="other")
    abroad = replace(shipped, id="abroad", pool="abroad", price=replace(shipped.price, currency="XTS"))
    world.models = ModelCatalogue([*world.models, other, abroad], shipped.id)
    World.__post_init__(world)
    world.script = saying("Hello")


def crowded(world: World, *pools: str) -> None:
    promising = Tier(name="default", longest_wait_s=5)
    world.limiter.tiers = Tiers({"default": promising, "unlimited": replace(promising, name="unlimited")})
    for pool in pools:
        figures = world.queues._pools[pool]
        figures.sampled(monotonic_s() - 1.0, committed=0, end=114, slots=4)
        figures.sampled(monotonic_s(), committed=10, end=114, slots=4)


def budget_of(account: str, unit: str) -> BudgetChanged:
    return BudgetChanged(
        envelope=Envelope("b", 1, None, "r", "system:test"),
        account=account,
        scope="account",
        subject="",
        period="month",
        hard=True,
        limit=1_000_000,
        unit=unit,
    )


def commands(world: World) -> list[UserCommand]:
    return [record for record, _ in world.log.all_of(CONVERSATION_EVENTS) if isinstance(record, UserCommand)]


@pytest.mark.parametrize(("path", "body"), ASKED)
async def test_an_alternative_answers_where_the_promise_would_be_broken_and_the_record_names_it(
    path: str, body: dict[str, Any]
) -> None:
    world = World()
    other_pool(world)
    async with world.client(world.add_key("alice", "a")) as alice:
        asked = {**body, "model": "verbatim-scripted", "models": ["verbatim-scripted", "other"]}
        crowded(world)
        answer = await alice.post(path, json=asked)
        assert (answer.status_code, answer.json()["model"]) == (200, "verbatim-scripted")
        crowded(world, "default")
        headers = {"Idempotency-Key": "k"}
        answer = await alice.post(path, json=asked, headers=headers)
        assert (answer.status_code, answer.json()["model"]) == (200, "other")
        # A repeat is the same answer, whatever the queues are like then.
        world.queues._pools["default"].sampled(monotonic_s(), committed=114, end=114, slots=4)
        assert (await alice.post(path, json=asked, headers=headers)).json()["model"] == "other"
        crowded(world, "default", "other")
        refused = await alice.post(path, json=asked)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "queue_full")
        assert "'verbatim-scripted'" in refused.json()["error"]["message"]
    assert sorted(command.model for command in commands(world)) == ["other", "verbatim-scripted"]


async def test_our_own_api_takes_alternatives_for_prompts_and_for_other_answers() -> None:
    world = World()
    other_pool(world)
    async with world.client(world.add_key("alice", "a")) as alice:
        conversation = (await alice.post("/api/v1/conversations", json={})).json()["id"]
        crowded(world, "default")
        messages = f"/api/v1/conversations/{conversation}/messages"
        said = await alice.post(messages, json={"content": "hi", "models": ["other"]})
        assert '"model":"other"' in said.text
        [prompt] = commands(world)
        again = await alice.post(
            f"{messages}/{prompt.message_id}/regenerate", json={"model": "verbatim-scripted", "models": ["other"]}
        )
        assert '"model":"other"' in again.text
    assert [command.model for command in commands(world)] == ["other", "other"]


async def test_an_alternative_must_be_the_callers_to_use_and_covered() -> None:
    world = World()
    other_pool(world)
    path, body = ASKED[0]
    async with world.client(world.add_key("alice", "a")) as alice:
        crowded(world, "default")
        tier = Tier(name="default", longest_wait_s=5, models=("verbatim-*", "abroad"))
        world.limiter.tiers = Tiers({"default": tier, "unlimited": tier})
        refused = await alice.post(path, json={**body, "model": "verbatim-scripted", "models": ["abroad", "other"]})
        assert (refused.status_code, refused.json()["error"]["param"]) == (404, "models[1]")
        unit = next(iter(world.models)).price.currency
        world.log.append(ADMISSIONS, ids.user_id("alice"), budget_of(ids.user_id("alice"), unit))
        refused = await alice.post(path, json={**body, "model": "verbatim-scripted", "models": ["abroad"]})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "queue_full")
        many = [f"m{nth}" for nth in range(MAX_ALTERNATIVES + 1)]
        refused = await alice.post(path, json={**body, "model": "verbatim-scripted", "models": many})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "models")
    assert not commands(world)


async def test_so_many_requests_of_a_user_wait_as_their_tier_may(world: World) -> None:
    """One user's backlog is not what fills the queue of all."""
    started: list[Attempt] = []
    world.script = started.append
    tier = replace(world.limiter.tiers.of("default"), max_queued=2)
    world.limiter.begin(tier)
    ask: dict[str, Any] = {"model": "verbatim-local", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    async with (
        world.client(world.add_key("alice", "a")) as alice,
        world.client(world.add_key("bob", "b")) as bob,
        asyncio.TaskGroup() as tasks,
    ):
        asked = [tasks.create_task(alice.post("/v1/chat/completions", json=ask)) for _ in range(2)]
        await eventually(lambda: len(started) == 2)
        refused = await alice.post("/v1/chat/completions", json=ask)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert refused.headers["retry-after"] == "2"
        assert len(started) == 2, "nothing was recorded"
        of_bob = tasks.create_task(bob.post("/v1/chat/completions", json=ask))
        await eventually(lambda: len(started) == 3)
        started[0].start()
        third = tasks.create_task(alice.post("/v1/chat/completions", json=ask))
        await eventually(lambda: len(started) == 4)
        several = await bob.post("/v1/chat/completions", json={**ask, "n": 2})
        assert several.status_code == 429, "each answer waits"
        started[0].chunk("a").end()
        started[1].ended_from_outside("expired")
        for attempt in started[2:]:
            attempt.start().chunk("a").end()
        answers = await asyncio.gather(*asked, of_bob, third)
        assert [answer.status_code for answer in answers].count(200) >= 3
    assert len(world.app.state.ports[TurnPorts].ask.own_queue) == 0, "nothing of it is kept"


async def test_the_status_tells_the_queues(world: World, alice: httpx.AsyncClient) -> None:
    world.log.partitions[JOBS] = [object()] * 30  # type: ignore[list-item]  # only counted
    world.fleet.said = Readings({JOBS: {"verbatim-workers-default": 10}}, {"default": ["worker-0"]})
    found = (await alice.get("/api/v1/status")).json()["pools"]
    assert found == [{"pool": "default", "waiting": 0, "etaSeconds": None}]
    await world.queues.look()
    found = (await alice.get("/api/v1/status")).json()["pools"]
    assert found == [{"pool": "default", "waiting": 16, "etaSeconds": None}]


def test_a_refusal_says_what_to_do() -> None:
    refused = QueueFull("small", Queue(12, None), 0.2)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
    assert "an unknown time" in refused.message


class Sent:
    """What a client gets of a stream."""

    def __init__(self) -> None:
        self.bytes = b""

    async def __call__(self, message: Any) -> None:
        self.bytes += message.get("body", b"")


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        (False, b'event: queued\ndata: {"position":30,"etaSeconds":3.0}\n\n'),
        (True, b': queued {"position":30,"etaSeconds":3.0}\n\n'),
    ],
)
async def test_who_waits_is_told_beside_the_frames(
    world: World, monkeypatch: pytest.MonkeyPatch, comment: bool, told: bytes
) -> None:
    monkeypatch.setattr(sse, "NEWS_AFTER_S", 0.0)
    feed = world.adapters.hub.open(TURN.generation_id, TURN.conversation_id, TURN.user_id)
    news, gone, sent = QueueNews(world.queues, "default", comment=comment), asyncio.Event(), Sent()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    stream = EventStream(feed, EventFrames(), world.adapters.readers, Credential("0" * 64), lambda: None, news=news)
    queued(world, waiting=30, committed=10)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stream({"type": "http"}, receive, sent))
        await eventually(lambda: sent.bytes == told)
        for reader in world.queues.listeners:
            reader.wake()  # nothing is new
        attempt = Attempt(world.log, TURN)
        attempt.start()
        attempt.chunk("Hello")
        attempt.end()
        await eventually(lambda: b"message_end" in sent.bytes)
        assert sent.bytes.startswith(told + b"id: 0\nevent: message_start")
        assert sent.bytes.count(b"queued") == 1 and not world.queues.listeners
        gone.set()


@pytest.mark.parametrize(
    ("path", "body", "last"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "n": 2}, b"data: [DONE]\n\n"),
        ("/v1/responses", {"input": "hi"}, b"event: response.completed"),
    ],
)
async def test_several_choices_and_responses_are_told_too(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any], last: bytes
) -> None:
    monkeypatch.setattr(sse, "NEWS_AFTER_S", 0.0)
    started: list[Attempt] = []
    world.script = started.append
    key, client = world.add_key("alice", "a"), Client()
    queued(world, waiting=30, committed=10)
    async with asyncio.TaskGroup() as tasks:
        asking = {"model": "verbatim-scripted", "stream": True, **body}
        request = tasks.create_task(client.ask(world.app, path, key, asking))
        await eventually(lambda: client.body.startswith(b': queued {"position":'))
        for attempt in started:
            attempt.start().chunk("a").end()
        await request
    assert last in client.body and client.complete
    assert client.body.count(b": queued") == 1 and not world.queues.listeners


def test_nothing_is_told_where_nobody_waits(world: World) -> None:
    news = QueueNews(world.queues, "default")
    assert news.next() == b""
    queued(world, waiting=0, committed=10)
    assert news.next() == b""
