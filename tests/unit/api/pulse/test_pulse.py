"""The pulse over HTTP: for operators alone, one sample for all who look, none while nobody does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import httpx
import pytest
from confluent_kafka.admin import AdminClient

from api.conversations.ports import PastOutOfReach
from api.pulse import fleet, recent, routes, sampling
from api.pulse.fleet import KafkaFleet, Readings
from api.pulse.routes import PulseSource
from api.streaming.pushed import PushedStream
from api.streaming.readers import Credential
from tests.eventually import eventually
from tests.unit.api.memory_log import TOPICS
from tests.unit.api.sse_text import events_of
from tests.unit.api.streams import Client
from tests.unit.api.test_conversations import begun, said
from tests.unit.api.world import World
from topics.admins import Admins
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS, USAGE_RECORDS
from topics.log import RawRecord

PULSE = "/api/v1/pulse"
KEY = "0" * 64
READS = Credential(KEY)


@pytest.fixture
async def admin(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(world.add_key("admin", "z")) as client:
        yield client


async def test_a_sample_says_how_it_goes(world: World, alice: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    conversation = await begun(alice, title="canary")
    await said(alice, conversation, "canary")
    world.fleet.said = Readings({(CONVERSATION_EVENTS, 0): {"verbatim-x": 0}}, {"default": ["worker-1", "worker-2"]})
    async with world.watched():
        answer = await admin.get(PULSE)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found.keys() == {
        "at", "tokensPerS", "promptsPerS", "ttftMs", "running", "queued", "groups", "workers", "deadLetters",
        "readers", "checks",
    }  # fmt: skip
    assert found["ttftMs"]["n"] == 1
    assert (found["running"], found["queued"], found["deadLetters"]) == (0, 0, {"open": 0})
    assert [group["group"] for group in found["groups"]] in ([], ["verbatim-x"])
    assert found["workers"] == [
        {"worker": "worker-1", "slots": 4, "busy": 0},
        {"worker": "worker-2", "slots": 4, "busy": 0},
    ]
    assert found["checks"] == {"log": "ok"}
    for secret in ("canary", conversation):
        assert secret not in answer.text


async def test_for_everybody_else_it_is_not_there(world: World, alice: httpx.AsyncClient) -> None:
    async with world.watched():
        for path in (PULSE, f"{PULSE}/stream"):
            assert (await alice.get(path)).status_code == 404


async def test_without_a_log_there_is_none(
    world: World, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "WITHIN_S", 0.05)
    world.log.down = "refuse"
    async with world.watched():
        answer = await admin.get(PULSE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")


async def test_samples_are_pushed_while_somebody_looks(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "EVERY_S", 0.01)
    monkeypatch.setattr(sampling, "IDLE_S", 0.02)
    clients = [Client(), Client()]
    conversation = await begun(alice)
    async with world.watched(), asyncio.TaskGroup() as tasks:
        for client in clients:
            source = PulseSource(world.pulse)
            tasks.create_task(client.take(PushedStream(source, world.adapters.readers, READS)))
        there: bool = await eventually(lambda: all(len(events_of(client.body)) >= 3 for client in clients))
        assert there
        await said(alice, conversation, "hi")
        seen: bool = await eventually(lambda: events_of(clients[0].body)[-1].json["ttftMs"]["n"] == 1)
        assert seen
        assert events_of(clients[0].body)[-1].event == "pulse"
        for client in clients:
            client.leave()
        idle: bool = await eventually(lambda: world.pulse.latest is None and len(world.live) == 0)
        assert idle


async def test_a_broken_log_is_watched_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("api.pulse.sampling.EVERY_S", "api.log_view.live_log.AGAIN_S"):
        monkeypatch.setattr(module, 0.01)
    client = Client()
    async with world.watched(), asyncio.TaskGroup() as tasks:
        stream = PushedStream(PulseSource(world.pulse), world.adapters.readers, READS)
        tasks.create_task(client.take(stream))
        there: bool = await eventually(lambda: len(events_of(client.body)) >= 1)
        assert there
        world.tails[-1].break_()
        again: bool = await eventually(lambda: len(world.tails) == 2)
        assert again
        count = len(events_of(client.body))
        goes_on: bool = await eventually(lambda: len(events_of(client.body)) > count + 1)
        assert goes_on
        world.adapters.end_pushed()
        ended: bool = await eventually(lambda: len(world.adapters.readers) == 0)
        assert ended


async def test_whoever_comes_while_the_sampler_stops_is_served(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "EVERY_S", 0.002)
    monkeypatch.setattr(sampling, "IDLE_S", 0.001)
    async with world.watched():
        for _ in range(30):
            client = Client()
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(
                    client.take(PushedStream(PulseSource(world.pulse), world.adapters.readers, READS))
                )
                there: bool = await eventually(lambda client=client: len(events_of(client.body)) >= 1)  # type: ignore[misc]  # mypy infers no lambda with defaults
                assert there
                client.leave()
                await task


async def test_a_log_that_is_away_is_not_asked_for_nobody(
    world: World, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("EVERY_S", 0.01), ("IDLE_S", 0.02)):
        monkeypatch.setattr(sampling, name, value)
    monkeypatch.setattr(routes, "WITHIN_S", 0.05)
    monkeypatch.setattr("api.log_view.live_log.START_S", 0.01)
    world.log.down = "refuse"
    async with world.watched():
        assert (await admin.get(PULSE)).status_code == 503
        idle: bool = await eventually(lambda: not world.pulse._wanted.is_set() and len(world.live) == 0)
        assert idle


async def test_it_begins_without_a_past_that_others_are_reading(world: World, admin: httpx.AsyncClient) -> None:
    world.history.failure = PastOutOfReach("8 history reads are already waiting")
    async with world.watched():
        assert (await admin.get(PULSE)).json()["ttftMs"]["n"] == 0


async def test_only_the_last_records_are_read_back(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = await begun(alice)
    await said(alice, conversation, "hi")
    stop = {place: len(records) for place, records in world.log.partitions.items() if place[0] == TOKEN_CHUNKS}

    def read(since_ms: int) -> list[tuple[str, int]]:
        taken: list[RawRecord] = []
        recent.look_back(world.history, lambda kept: None, TOPICS, stop, since_ms, taken.append)
        return [(raw.topic, raw.offset) for raw in taken if raw.topic == TOKEN_CHUNKS]

    everything = read(0)
    assert len(everything) == 4
    monkeypatch.setattr(recent, "MAX_RECORDS", {**recent.MAX_RECORDS, TOKEN_CHUNKS: 1})
    assert read(0) == everything[-1:]
    assert read(2**60) == []


def test_what_waits_to_be_counted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MAX_HELD_BYTES", 3000)
    tap = sampling._Tap()
    for offset in range(100):
        tap.take(RawRecord(TOKEN_CHUNKS, 0, offset, 0, b"k", b"v" * 100))
        tap.take(RawRecord(USAGE_RECORDS, 0, offset, 0, b"k", b"v" * 100))
    assert [raw.offset for raw in tap.taken()] == list(range(90, 100))
    assert tap.taken() == []


async def test_a_broker_that_hangs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "ANSWER_S", 0.01)
    answers = threading.Event()
    asked = []

    def committed_by(admin: object, answer_s: float) -> dict[object, object]:
        asked.append(admin)
        answers.wait()
        return {(TOKEN_CHUNKS, 0): {"verbatim-recorder": 5, "somebody-elses": 7}}

    monkeypatch.setattr(fleet, "committed_by", committed_by)
    monkeypatch.setattr(fleet, "listed", lambda admin, prefix, answer_s: [])
    monkeypatch.setattr(fleet, "instances", lambda admin, pools, answer_s: {})
    kafka = KafkaFleet(Admins(lambda: AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": "0"})))
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await kafka.readings()
    assert len(asked) == 1
    answers.set()
    monkeypatch.setattr(fleet, "ANSWER_S", 5.0)
    assert (await kafka.readings()).committed == {(TOKEN_CHUNKS, 0): {"verbatim-recorder": 5}}
    await kafka.aclose()
