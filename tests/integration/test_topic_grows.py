"""A topic is grown between two turns of a conversation: everything that reads the log reads across the seam."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli import topic as command
from infra.cli.__main__ import command_line
from infra.settings import Settings
from infra.stack.addresses import settings_env
from schemas.conversation import PromptSubmitted
from schemas.generation import AttemptStarted
from tests.integration.guarantees.reading import asked, begun, generation_of, outcome_there, text_of
from tests.integration.guarantees.world import FAUST, Whole, whole_stack
from tests.integration.replay.commands import Replay, environment
from tests.stack_fixture import running_servers, settings_of
from topics.admin import create_topics
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS, USAGE_RECORDS, catalogue
from topics.counts import on_broker
from topics.cuts import format_cut
from topics.epochs import Layout
from topics.log import Log

pytestmark = [pytest.mark.stack, pytest.mark.timeout(560)]
PROCESSES = ("recorder", "worker", *FAUST, "metering", "api")
SHOWN: tuple[str, ...] = (CONVERSATION_EVENTS, GENERATION_OUTCOMES)
GROWN: dict[str, int] = {CONVERSATION_EVENTS: 5, GENERATION_OUTCOMES: 3, TOKEN_CHUNKS: 4}


@pytest.fixture(scope="module")
def whole(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """A log of its own, by its prefix: the suites beside it keep their partitions."""
    prefixed = servers.model_copy(update={"kafka": servers.kafka.model_copy(update={"prefix": "grown"})})
    with whole_stack(prefixed, tmp_path_factory.mktemp("grown")) as whole:
        whole.start("metering")
        whole.ready("metering")
        yield whole


def grow(whole: Whole, topic: str, partitions: int, status: int = 0) -> str:
    arguments = ["topic", "grow", topic, "--partitions", str(partitions), "--yes"]
    env = environment(whole.settings, VERBATIM_STATE=str(whole.folder))
    done = CliRunner().invoke(command_line(arguments), arguments, env=env)
    assert done.exit_code == status, (done.output, done.exception)
    return done.output


async def turn(whole: Whole, conversation: str, text: str) -> tuple[str, str]:
    """The generation, and the text that was streamed."""
    async with whole.client() as client:
        answer = await asked(whole, client, conversation, text)
        assert answer.status_code == 200, answer.text
        generation = generation_of(answer.content)
        await outcome_there(client, conversation, generation)
    return generation, text_of(answer.content)


def now(whole: Whole) -> str:
    log = Log(whole.settings.kafka.client_properties())
    try:
        return format_cut(log.held({t: n for t, n in log.topics().items() if t in SHOWN})[1])
    finally:
        log.close()


async def messages(whole: Whole, conversation: str) -> list[Any]:
    async with whole.client() as client:
        answer = await client.get(f"/api/v1/conversations/{conversation}/messages")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])


@pytest.mark.slow("every process is stopped, and started again on the grown topics")
def test_everything_reads_across_the_seam(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation, before = asyncio.run(_grown_between_turns(whole, monkeypatch))
    _replays(whole, conversation, before)


async def _grown_between_turns(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A conversation with a turn in each epoch, and the cut of the seam."""
    monkeypatch.setattr(command, "FORGOTTEN_S", 0.0)
    async with whole.client() as client:
        conversation = await begun(client)
    first, told = await turn(whole, conversation, "before the seam")
    said = await asyncio.to_thread(grow, whole, TOKEN_CHUNKS, 4, 1)
    assert "processes are running" in said and "nothing was changed" in said
    before = await asyncio.to_thread(now, whole)
    asked_before = [row["id"] for row in await messages(whole, conversation)]

    monkeypatch.setattr(command, "FORGOTTEN_S", 60.0)
    for name in PROCESSES:
        assert await asyncio.to_thread(whole.running[name].stop) == 0
    for topic, partitions in GROWN.items():
        said = await asyncio.to_thread(grow, whole, topic, partitions)
        assert f"{topic} is at epoch 1" in said
    assert "ask for more than that" in await asyncio.to_thread(grow, whole, TOKEN_CHUNKS, 4, 1)
    properties = whole.settings.kafka.client_properties()
    whole.topics = await asyncio.to_thread(on_broker, properties, whole.topics)
    for name in PROCESSES:
        whole.start(name)
    await asyncio.to_thread(whole.ready, *PROCESSES)

    second, _ = await turn(whole, conversation, "after the seam")
    rows = await messages(whole, conversation)
    assert [row["role"] for row in rows] == ["user", "assistant"] * 2
    assert [row["id"] for row in rows][: len(asked_before)] == asked_before
    assert [row["id"] for row in rows if row["role"] == "assistant"] == [first, second]

    prompts = await asyncio.to_thread(whole.records, CONVERSATION_EVENTS, _is_prompt)
    places = [prompt.tail for prompt in prompts if prompt.conversation_id == conversation]
    assert [tail.epoch for tail in places] == [0, 1]
    assert places[1].partition == whole.topics.partition(TOKEN_CHUNKS, conversation) > places[0].partition
    starts = await asyncio.to_thread(whole.records, TOKEN_CHUNKS, _is_start)
    causes = [s.turn.cause.epoch for s in starts if s.turn.conversation_id == conversation]
    assert causes == [0, 1]

    await _looks_back(whole, conversation, before, asked_before, first, told)
    return conversation, before


def _is_prompt(record: Any) -> bool:
    return isinstance(record, PromptSubmitted)


def _is_start(record: Any) -> bool:
    return isinstance(record, AttemptStarted)


async def _looks_back(
    whole: Whole, conversation: str, before: str, asked_before: list[str], first: str, told: str
) -> None:
    """The past as the API shows it: messages of before, all events in order, an old answer as a stream."""
    then_cut = await asyncio.to_thread(now, whole)
    async with whole.client() as client:
        then = (await client.get(f"/api/v1/conversations/{conversation}", params={"as_of": before})).json()
        assert [row["id"] for row in then["messages"]] == asked_before
        today = (await client.get(f"/api/v1/conversations/{conversation}", params={"as_of": then_cut})).json()
        assert len(today["messages"]) == 4
        page = (await client.get(f"/api/v1/conversations/{conversation}/events", params={"limit": 200})).json()
        kinds = [event["type"] for event in page["data"]]
        assert kinds.count("PromptSubmitted") == kinds.count("GenerationCompleted") == 2, kinds
        times = [event["time"] for event in page["data"]]
        assert times == sorted(times)
        assert page["nextBefore"] is None
        small = (await client.get(f"/api/v1/conversations/{conversation}/events", params={"limit": 3})).json()
        walked = list(small["data"])
        while small["nextBefore"] is not None:
            query = {"limit": 3, "before": small["nextBefore"]}
            small = (await client.get(f"/api/v1/conversations/{conversation}/events", params=query)).json()
            walked = list(small["data"]) + walked
        assert [event["type"] for event in walked] == kinds, "page by page it is the same"
        stream = await client.get(f"/api/v1/generations/{first}/stream")
        assert (stream.status_code, text_of(stream.content)) == (200, told)


def _replays(whole: Whole, conversation: str, before: str) -> None:
    """Verify, rebuild, time travel and topics, from the command line."""
    replay = Replay(whole.settings)
    epochs = {line["name"]: line["epochs"] for line in map(json.loads, replay("topics", "--json").splitlines())}
    assert epochs.keys() == {spec.name for spec in whole.topics}, "marks of seams are no topics"
    assert (epochs[TOKEN_CHUNKS], epochs[CONVERSATION_EVENTS], epochs[USAGE_RECORDS]) == ([1, 4], [2, 5], [2])
    for line in replay("verify", "all", "--json").splitlines():
        assert json.loads(line)["equal"], line
    replay("rebuild", "messages")
    shown = replay("show", "conversation", conversation, "--as-of", before)
    assert "before the seam" in shown and "after the seam" not in shown
    assert "after the seam" in replay("show", "conversation", conversation)
    assert all(whole.topics[topic].epoch == 1 for topic in GROWN) and whole.topics[USAGE_RECORDS].epoch == 0


@pytest.mark.slow("a broker is started three times")
def test_a_stopped_stack_is_grown_by_its_own_servers(
    servers: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is another one than that of `servers`: without a broker in the settings the command starts its own."""
    for name, value in settings_env(with_addresses_of_its_own(servers)).items():
        monkeypatch.setenv(name, value)
    state = tmp_path / "state"
    with running_servers(state):
        create_topics(settings_of(state).kafka.client_properties(), catalogue())
    arguments = ["topic", "grow", USAGE_RECORDS, "--partitions", "3", "--state", str(state)]
    done = CliRunner().invoke(command_line(arguments), arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.stdout == "usage-records is at epoch 1: it is written to partitions 2 to 4\n"
    with running_servers(state):
        properties = settings_of(state).kafka.client_properties()
        topics = on_broker(properties, catalogue())
        assert topics[USAGE_RECORDS].layout == Layout(5, (2,))
        assert create_topics(properties, catalogue()) == [], "the next `up` takes it as it is"


def with_addresses_of_its_own(servers: Settings) -> Settings:
    """The settings with Kafka started locally, and everything else as it is: one server is enough to start."""
    return servers.model_copy(update={"kafka": servers.kafka.model_copy(update={"bootstrap": ""})})
