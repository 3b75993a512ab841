"""Conversation agent, recorder, metering and watchdog as processes over the real log; a test plays API and worker."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.clock import now_us
from infra.ids import draw_id
from infra.models.catalogue import ModelCatalogue
from infra.settings import Settings
from schemas.conversation import ConversationStarted, PromptSubmitted
from schemas.envelope import Envelope, Position
from schemas.generation import AttemptStarted, GenerationEnded, GenerationRecord, GenerationRequested
from schemas.turns import Command
from tests.eventually import eventually_sync
from tests.integration.log_reading import LogWriter, read_all, topics_of
from tests.integration.stream_workers import StreamProcess
from tests.records import prompt
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS
from topics.scan import watermarks

FAUST = {
    "conversation": "tests.integration.streams_probe.conversation",
    "metering": "infra.processes.metering",
    "watchdog": "infra.processes.watchdog",
}
MODEL = ModelCatalogue.load().default_model.id
WAIT_S = 40.0


class Streams:
    """The four processes over one log."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.topics = topics_of(settings)
        self.log = LogWriter(settings)
        self.running: dict[str, StreamProcess] = {}

    def start(self, name: str) -> StreamProcess:
        env = {"VERBATIM_INSTANCE": "0"}
        if name == "recorder":
            command = [sys.executable, "-m", "infra.processes.recorder"]
            process = StreamProcess(command, self.settings, self.folder, name, env)
        else:
            process = StreamProcess.agent(FAUST[name], self.settings, self.folder, name, env)
        self.running[name] = process
        return process

    def write(self, topic: str, key: str, *records: Any) -> None:
        partition = self.topics.partition(topic, key)
        for record in records:
            self.log.write(topic, partition, key, record)
        self.log.flush()

    def read(self, topic: str, record_type: type, **fields: Any) -> list[Any]:
        """Records of a type whose fields (`turn__generation_id` goes inside) have these values."""

        def wanted(record: Any) -> bool:
            return type(record) is record_type and all(_value(record, name) == fields[name] for name in fields)

        return read_all(self.settings, topic, self.topics[topic].partitions, wanted)

    def one(self, topic: str, record_type: type, **fields: Any) -> Any:
        """Waits for the record and returns it; there must be no second one."""

        def found() -> Any:
            (record,) = self.read(topic, record_type, **fields)
            return record

        return eventually_sync(found, WAIT_S)

    def tail(self, conversation: str) -> Position:
        partition = self.topics.partition(TOKEN_CHUNKS, conversation)
        _, end = watermarks(self.settings.kafka.client_properties(), TOKEN_CHUNKS, partition)
        return Position(0, partition, end)

    def prompt(self, content: str = "hello", deadline_s: float = 600.0, **changes: Any) -> PromptSubmitted:
        conversation, generation = draw_id(), draw_id()
        submitted = prompt(
            content,
            envelope=Envelope(draw_id(), now_us(), None, "request", "user:u"),
            conversation_id=conversation,
            message_id=draw_id(),
            generation_id=generation,
            model=MODEL,
            tail=self.tail(conversation),
            deadline_at_us=now_us() + int(deadline_s * 1_000_000),
        )
        return replace(submitted, **changes)

    def submit(self, *prompts: PromptSubmitted) -> None:
        for submitted in prompts:
            envelope = Envelope(draw_id(), now_us(), None, "request", "user:u")
            begun = ConversationStarted(
                envelope=envelope,
                conversation_id=submitted.conversation_id,
                user_id=submitted.user_id,
                title=None,
                model=None,
                system_prompt="be brief",
            )
            self.write(CONVERSATION_EVENTS, submitted.conversation_id, begun, submitted)


def _value(record: Any, path: str) -> Any:
    for name in path.split("__"):
        record = getattr(record, name)
    return record


def records_of(submitted: Command, job: GenerationRequested, *records: GenerationRecord) -> list[Any]:
    """What a worker writes for the job."""
    written: list[Any] = []
    for record in records:
        if isinstance(record, AttemptStarted | GenerationEnded):
            written.append(replace(record, turn=job.turn))
        else:
            written.append(replace(record, generation_id=submitted.generation_id))
    return written
