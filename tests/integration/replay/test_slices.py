"""An incident copied to a laptop: exported from one log, imported into another, where it is shown and nothing runs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from infra.clock import now_us
from infra.crash_points import EXIT_STATUS
from infra.ids import draw_id
from infra.models.catalogue import ModelCatalogue
from infra.settings import Settings
from schemas import ids
from schemas.codec import UndecodableRecord
from schemas.conversation import PromptSubmitted
from schemas.envelope import Envelope, Position
from schemas.generation import GenerationRequested
from streams.metering.reactor import usage_record
from tests import records
from tests.eventually import eventually, eventually_sync
from tests.integration.api_process import make_key, running_api
from tests.integration.api_running import Running, whole_api
from tests.integration.replay.commands import Replay
from tests.integration.replay.second_log import SecondLog, agents, second_log
from tests.records import prompt
from tests.unit.api.sse_text import events_of
from topics.catalogue import (
    CONTROL,
    CONVERSATION_EVENTS,
    DEAD_LETTERS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    catalogue,
    jobs_topic,
)
from topics.scan import scan, watermarks

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

CONVERSATIONS = "/api/v1/conversations"
JOBS = jobs_topic("default", "interactive")
QUIET = (JOBS, jobs_topic("default", "background"), TOKEN_CHUNKS, CONTROL, DEAD_LETTERS)
"""Where agents would write if they acted."""


@dataclass(frozen=True)
class Incident:
    """What happened in the first log; `folder` is its slice, `streams` the answers' bytes by generation."""

    conversation: str
    stuck: str
    folder: Path
    messages: Any
    streams: dict[str, bytes]
    replay: Replay


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def incident(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Incident]:
    folder = tmp_path_factory.mktemp("incident")
    async with whole_api(servers, folder / "api.log") as running, running.client() as client:
        conversation = str((await client.post(CONVERSATIONS, json={"title": "canary"})).json()["id"])
        path = f"{CONVERSATIONS}/{conversation}/messages"
        for said in ("say 30", "say 3"):
            answered = await client.post(path, json={"content": said})
        read = (await client.get(path, headers=position(answered))).json()["data"]
        again = await client.post(f"{path}/{read[0]['id']}/regenerate", json={})
        assert again.status_code == 200
        assert (await client.patch(f"{CONVERSATIONS}/{conversation}", json={"title": "renamed"})).status_code == 200
        await cancelled(client, path)
        messages, streams = await shown(client, conversation)
        stuck = await asked_in_vain(running)
        await judged_and_billed(running, conversation)
        replay = Replay(running.settings)
        told = replay("export", str(folder / "s"), "--conversation", conversation, "--conversation", stuck)
        assert "prompts and answers in plain text" in told
        yield Incident(conversation, stuck, folder / "s", messages, streams, replay)


def position(answer: httpx.Response) -> dict[str, str]:
    """The headers with which a reader sees what an answer told of."""
    generation = events_of(answer.content)[0].json["messageId"]
    return {"X-Verbatim-Position": f"{answer.headers['x-verbatim-position']},generation/{generation}"}


async def cancelled(client: httpx.AsyncClient, path: str) -> None:
    """A turn that its user ends."""
    async with client.stream("POST", path, json={"content": "hold"}) as response:
        seen = b""
        async for part in response.aiter_raw():
            seen += part
            if b"held" in seen and b"message_stop" not in seen:
                generation = events_of(seen)[0].json["messageId"]
                await client.post(f"/api/v1/generations/{generation}/cancel", json={"seen": 1})


async def shown(client: httpx.AsyncClient, conversation: str) -> tuple[Any, dict[str, bytes]]:
    """A conversation as its owner sees it, all turns ended, and the bytes of each answer's stream."""

    async def whole() -> Any:
        rows = (await client.get(f"{CONVERSATIONS}/{conversation}/messages")).json()["data"]
        assert [row["status"] for row in rows if row["role"] == "assistant"].count("cancelled") == 1
        assert len(rows) == 7
        return rows

    rows: Any = await eventually(whole, 20)
    answers = [row["id"] for row in rows if row["role"] == "assistant"]
    streams = {answer: (await client.get(f"/api/v1/generations/{answer}/stream")).content for answer in answers}
    head = (await client.get(f"{CONVERSATIONS}/{conversation}")).json()
    return {"conversation": head, "messages": rows}, streams


async def asked_in_vain(running: Running) -> str:
    """A prompt long past its deadline that nobody ever ended."""
    conversation, user = draw_id(), ids.user_id("alice")
    asked = prompt(
        "hold",
        envelope=Envelope(draw_id(), now_us(), None, "r", f"user:{user}"),
        conversation_id=conversation,
        user_id=user,
        message_id=draw_id(),
        generation_id=draw_id(),
        model=ModelCatalogue.load().default_model.id,
        deadline_at_us=now_us() - 3_600_000_000,
    )
    await running.agents.log.send(CONVERSATION_EVENTS, conversation, asked)
    return conversation


async def judged_and_billed(running: Running, conversation: str) -> None:
    """What the small agents of these tests leave out."""
    topics, properties = catalogue(), running.settings.kafka.client_properties()
    partition = topics.partition(GENERATION_OUTCOMES, conversation)
    _, end = await asyncio.to_thread(watermarks, properties, GENERATION_OUTCOMES, partition)
    for message in scan(properties, GENERATION_OUTCOMES, partition, 0, end):
        if message.key() != conversation.encode():
            continue
        try:
            outcome = GENERATION_OUTCOMES.decode(message.value())
        except UndecodableRecord:
            continue
        turn, envelope = outcome.turn, Envelope(draw_id(), now_us(), None, "r", "system:test")
        verdict = records.verdict(turn, envelope=envelope)
        await running.agents.log.send(MODERATION_VERDICTS, conversation, verdict)
        used = usage_record(outcome, Position(0, partition, message.offset() or 0))
        await running.agents.log.send(USAGE_RECORDS, turn.user_id, used)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laptop(servers: Settings) -> AsyncIterator[SecondLog]:
    async with second_log(servers) as there:
        yield there


@pytest.mark.slow("one process after another is started wrongly")
async def test_what_is_wrong_changes_nothing(incident: Incident, laptop: SecondLog, tmp_path: Path) -> None:
    ends = laptop.ends()
    damaged = tmp_path / "damaged"
    shutil.copytree(incident.folder, damaged)
    file = damaged / f"{GENERATION_OUTCOMES}.avro"
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)
    said = laptop.replay("import", str(damaged), status=1)
    assert "generation-outcomes.avro is damaged" in said and said.count("\n") == 1
    assert "is not a folder" in laptop.replay("import", str(tmp_path / "nowhere"), status=1)
    assert "no user 'nobody' here" in laptop.replay("import", str(incident.folder), "--as-user", "nobody", status=1)
    assert "holds a slice already" in incident.replay("export", str(incident.folder), "--user", "x", status=1)
    assert "say what" in incident.replay("export", str(tmp_path / "e"), status=1)
    assert "keys' hashes" in incident.replay("export", str(tmp_path / "e"), "--topic", "account-events", status=1)
    assert "lies after --to" in incident.replay(
        "export", str(tmp_path / "e"), "--from", "now", "--to", "1h ago", status=1
    )
    assert "is in the future" in incident.replay("export", str(tmp_path / "e"), "--from", "2100-01-01", status=1)
    away = Replay(
        laptop.settings.model_copy(
            update={"kafka": laptop.settings.kafka.model_copy(update={"bootstrap": "127.0.0.1:1"})}
        )
    )
    assert "the broker does not answer" in away("import", str(incident.folder), status=1)
    assert laptop.ends() == ends


@pytest.mark.slow("a second installation takes over a whole incident")
async def test_an_incident_is_shown_elsewhere_and_nothing_runs(
    incident: Incident, laptop: SecondLog, tmp_path: Path
) -> None:
    key = await make_key(laptop.producer, "alice")
    await make_key(laptop.producer, "bob")
    async with in_a_thread(agents(laptop.settings, tmp_path / "agents")):
        planned = laptop.replay.json("import", str(incident.folder), "--check")
        expected = planned["would_append"]
        assert expected == {
            CONVERSATION_EVENTS: 1 + 4 + 1 + 1,
            MODERATION_VERDICTS: 4,
            GENERATION_OUTCOMES: 4,
            USAGE_RECORDS: 4,
        }
        assert (planned["open_turns"], planned["owners_unknown_here"]) == (1, [])
        laptop.replay.process(
            "import", str(incident.folder), status=EXIT_STATUS, VERBATIM_CRASHPOINT="import.mid_append:9"
        )
        again = laptop.replay.process("import", str(incident.folder))
        assert "appended" in again
        whole = laptop.replay("import", str(incident.folder))
        assert "already imported" in whole
        other = laptop.replay("import", str(incident.folder), "--as-user", "bob", status=1)
        assert "imported already for another user" in other
        counts = {topic: await asyncio.to_thread(laptop.count, topic) for topic in expected}
        assert counts == expected

        async with running_api(laptop.settings, tmp_path / "api.log") as api, api.client(key) as client:
            assert await shown(client, incident.conversation) == (incident.messages, incident.streams)
            listed = (await client.get(CONVERSATIONS)).json()["data"]
            assert {row["id"] for row in listed} == {incident.conversation, incident.stuck}
        await asyncio.to_thread(eventually_sync, lambda: not any(laptop.unread().values()), 30)
        assert {topic: await asyncio.to_thread(laptop.count, topic) for topic in QUIET} == dict.fromkeys(QUIET, 0)
        assert {topic: await asyncio.to_thread(laptop.count, topic) for topic in expected} == expected

        # The conversation goes on here, with its history.
        asked = await went_on(laptop, incident)

        def ordered() -> GenerationRequested:
            (job,) = laptop.said(JOBS)
            assert isinstance(job, GenerationRequested)
            return job

        job = await asyncio.to_thread(eventually_sync, ordered, 30)
        assert job.turn.generation_id == asked.generation_id
        assert [message.role for message in job.messages][-3:] == ["user", "assistant", "user"]


@asynccontextmanager
async def in_a_thread(blocking: AbstractContextManager[None]) -> AsyncIterator[None]:
    with ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, blocking)
        yield


async def went_on(laptop: SecondLog, incident: Incident) -> PromptSubmitted:
    """A prompt of the laptop's own, after the conversation's second answer."""
    answer = [row for row in incident.messages["messages"] if row["role"] == "assistant"][1]
    asked = replace(
        prompt("what did I ask?"),
        envelope=Envelope(draw_id(), now_us() + 60_000_000, None, "r", "user:x"),
        conversation_id=incident.conversation,
        user_id=ids.user_id("alice"),
        message_id=draw_id(),
        generation_id=draw_id(),
        parent_message_id=answer["id"],
        model=ModelCatalogue.load().default_model.id,
        tail=Position(0, 0, 0),
        deadline_at_us=now_us() + 600_000_000,
    )
    await laptop.producer.send(CONVERSATION_EVENTS, incident.conversation, asked)
    return asked
