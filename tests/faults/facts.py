"""The evidence of one run, sorted by what it is about. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from schemas.conversation import (
    ConversationDeleted,
    GenerationDeleted,
    MessageDeleted,
    PromptSubmitted,
    RegenerateRequested,
    TitleRequested,
)
from schemas.envelope import plain
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, GenerationRequested, TokenChunk
from schemas.messages import message_text, prompt_content
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused, Outcome
from schemas.turns import Command, generations_of
from schemas.usage import UsageRecorded
from tests.faults.accepted import Accepted, accepted
from tests.faults.evidence import (
    Acked,
    Cut,
    Evidence,
    Frame,
    Intent,
    LogRecord,
    Refused,
    StoredMessage,
    Unknown,
    expected_json,
    expected_text,
)
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES, TOKEN_CHUNKS, USAGE_RECORDS
from topics.scan import generation_of

Answer = Acked | Refused | Unknown
STATUS = {
    GenerationCompleted: "completed",
    GenerationFailed: "failed",
    GenerationCancelled: "cancelled",
    GenerationRefused: "refused",
}
_QUESTION = re.compile(r"Count from 1 to (\d+), each marked (\w+)\.")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request with a key, and its answer (None: the client died before there was one)."""

    intent: Intent
    answer: Answer | None


class Facts:
    """Everything is looked up by generation, key, reader or message; every list is in the order of log or journal."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.log = sorted(evidence.log, key=lambda at: (at.topic, at.partition, at.offset))

    def _records(self, topic: str, *types: type) -> Iterable[LogRecord]:
        return (entry for entry in self.log if entry.topic == topic and isinstance(entry.record, types))

    @cached_property
    def commands(self) -> dict[str, list[LogRecord]]:
        """By generation: the commands that ask for it. The first one counts."""
        entries = self._records(CONVERSATION_EVENTS, PromptSubmitted, RegenerateRequested, TitleRequested)
        return _grouped((generation, entry) for entry in entries for generation in generations_of(entry.record))

    @cached_property
    def generations_of_key(self) -> dict[str, list[str]]:
        """By idempotency key: the distinct generations that the log's commands with it ask for, of several answers to
        one command the first."""
        pairs = [
            (entry.record.idempotency_key, entry.record.generation_id)
            for entries in self.commands.values()
            for entry in entries
            if not isinstance(entry.record, TitleRequested) and entry.record.idempotency_key is not None
        ]
        return {key: list(dict.fromkeys(found)) for key, found in _grouped(pairs).items()}

    @cached_property
    def generation_records(self) -> dict[str, list[LogRecord]]:
        types = (AttemptStarted, TokenChunk, AttemptEnded, GenerationEnded)
        return _grouped((generation_of(entry.record), entry) for entry in self._records(TOKEN_CHUNKS, *types))

    @cached_property
    def accepted(self) -> dict[str, Accepted]:
        """By generation: what of its records counts, by the checker's own reading."""
        return {name: accepted([at.record for at in entries]) for name, entries in self.generation_records.items()}

    @cached_property
    def jobs(self) -> dict[str, list[LogRecord]]:
        entries = (entry for entry in self.log if isinstance(entry.record, GenerationRequested))
        return _grouped((entry.record.turn.generation_id, entry) for entry in entries)

    @cached_property
    def outcomes(self) -> dict[str, list[LogRecord]]:
        """By generation: its outcomes. The first one counts, and any others are to be equal to it."""
        return _grouped(
            (entry.record.turn.generation_id, entry) for entry in self._records(GENERATION_OUTCOMES, *STATUS)
        )

    @cached_property
    def usage(self) -> dict[str, list[LogRecord]]:
        return _grouped((entry.record.generation_id, entry) for entry in self._records(USAGE_RECORDS, UsageRecorded))

    @cached_property
    def stored(self) -> dict[str, list[StoredMessage]]:
        return _grouped((message.message_id, message) for message in self.evidence.stored)

    @cached_property
    def deleted(self) -> set[str]:
        """Conversations that were deleted: their stores show nothing."""
        return {entry.record.conversation_id for entry in self._records(CONVERSATION_EVENTS, ConversationDeleted)}

    @cached_property
    def hidden(self) -> set[str]:
        """Answers and messages that were deleted by themselves."""
        answers = {entry.record.generation_id for entry in self._records(CONVERSATION_EVENTS, GenerationDeleted)}
        return answers | {entry.record.message_id for entry in self._records(CONVERSATION_EVENTS, MessageDeleted)}

    @cached_property
    def asked(self) -> dict[str, list[Asked]]:
        """By key: the requests made with it, each with its answer."""
        found: dict[str, list[Asked]] = defaultdict(list)
        for entry in self.evidence.journal:
            if isinstance(entry, Intent):
                found[entry.key].append(Asked(entry, None))
            elif isinstance(entry, Acked | Refused | Unknown) and found[entry.key]:
                last = found[entry.key][-1]
                # An acknowledged request stays so, whatever then happens to its connection.
                if not isinstance(last.answer, Acked) or isinstance(entry, Acked):
                    found[entry.key][-1] = Asked(last.intent, entry)
        return dict(found)

    @cached_property
    def acks(self) -> dict[str, list[Acked]]:
        return _grouped((entry.key, entry) for entry in self.evidence.journal if isinstance(entry, Acked))

    @cached_property
    def acked(self) -> dict[str, str]:
        """By acknowledged generation: its key. Heads that named no generation are resolved by the log."""
        found: dict[str, str] = {}
        for key, entries in self.acks.items():
            named = [entry.generation_id for entry in entries if entry.generation_id]
            for generation in named or self.generations_of_key.get(key, []):
                found[generation] = key
        return found

    @cached_property
    def readers(self) -> dict[str, list[Frame | Cut]]:
        return _grouped((entry.reader, entry) for entry in self.evidence.journal if isinstance(entry, Frame | Cut))

    @cached_property
    def generations(self) -> list[str]:
        """All that were asked for or acknowledged."""
        return list(dict.fromkeys([*self.commands, *self.acked]))

    def first_command(self, generation: str) -> Command | None:
        entries = self.commands.get(generation)
        command: Command | None = entries[0].record if entries else None
        return command

    def outcome(self, generation: str) -> Outcome | None:
        """The one that counts."""
        entries = self.outcomes.get(generation)
        outcome: Outcome | None = entries[0].record if entries else None
        return outcome

    def question(self, generation: str) -> tuple[str, int] | None:
        """(tag, count) of a self-decoding prompt; None for any other."""
        command = self.first_command(generation)
        if isinstance(command, PromptSubmitted):
            content = prompt_content(command) if command.kind == "chat" else message_text(command.messages[-1])
            if match := _QUESTION.search(plain(content)):
                return match[2], int(match[1])
        key = self.acked.get(generation)
        intents = [asked.intent for asked in self.asked.get(key or "", []) if isinstance(asked.answer, Acked)]
        return (intents[0].tag, intents[0].count) if intents else None

    def schema(self, generation: str) -> str:
        """The JSON schema that its answer is held to, as text; "": any text."""
        command = self.first_command(generation)
        return command.sampling.response_schema if isinstance(command, PromptSubmitted) else ""

    def expected(self, generation: str) -> str | None:
        """The whole answer to a self-decoding prompt; None for any other."""
        asked = self.question(generation)
        if asked is None:
            return None
        return expected_json(*asked) if self.schema(generation) else expected_text(*asked)


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for name, entry in pairs:
        found[name].append(entry)
    return dict(found)
