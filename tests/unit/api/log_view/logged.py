"""Records as they stand in the log, and events of them."""

from __future__ import annotations

from typing import Any

from api.log_view.events import LogEvent, event_of
from schemas.codec import encode
from schemas.conversation import PromptSubmitted, Sampling
from schemas.envelope import Envelope, Position
from schemas.generation import GenerationRequested
from schemas.moderation import ModerationVerdict
from schemas.outcome import GenerationCompleted
from schemas.price import Usage
from schemas.usage import UsageRecorded
from tests.generation_logs import TURN
from topics.log import RawRecord

START_MS = 1_763_700_000_000
ENVELOPE = Envelope("e", START_MS * 1000, None, "r", "user:u")
NOWHERE = Position(0, 0, 0)


class Written:
    """A log that is written down; each record comes 10 ms after the one before."""

    def __init__(self) -> None:
        self.records: list[RawRecord] = []
        self._offsets: dict[str, int] = {}

    def add(self, topic: str, record: Any, *, after_ms: int = 10, key: str = TURN.conversation_id) -> RawRecord:
        offset = self._offsets.get(topic, 0)
        self._offsets[topic] = offset + 1
        at_ms = self.records[-1].timestamp_ms + after_ms if self.records else START_MS
        raw = RawRecord(topic, 0, offset, at_ms, key.encode(), encode(record))
        self.records.append(raw)
        return raw

    @property
    def events(self) -> list[LogEvent]:
        return [event_of(raw) for raw in self.records]


def prompt(content: str = "hello") -> PromptSubmitted:
    return PromptSubmitted(
        envelope=ENVELOPE,
        conversation_id=TURN.conversation_id,
        user_id=TURN.user_id,
        message_id=TURN.message_id,
        generation_id=TURN.generation_id,
        parent_message_id=None,
        kind="chat",
        content=content,
        messages=(),
        attachments=(),
        model=TURN.model,
        sampling=Sampling(),
        service_class="interactive",
        tier="standard",
        tail=TURN.tail,
        request_hash=TURN.request_hash,
        idempotency_key=None,
        deadline_at_us=START_MS * 1000 + 60_000_000,
    )


def verdict(decision: Any = "allow") -> ModerationVerdict:
    ids = TURN.conversation_id, TURN.user_id, TURN.message_id, TURN.generation_id
    return ModerationVerdict(ENVELOPE, *ids, "prompt", decision, (), "policy-1", None)


def job() -> GenerationRequested:
    return GenerationRequested(
        ENVELOPE, TURN, (), 11, Sampling(), "interactive", "standard", False, 1000, 1000, START_MS * 1000
    )


def outcome(chunks: Any = (), attempts: int = 1) -> GenerationCompleted:
    return GenerationCompleted(
        ENVELOPE, TURN, "text", tuple(chunks), None, START_MS * 1000 + 500_000, attempts, Usage(11, 3), 6, "", NOWHERE,
        "stop",
    )  # fmt: skip


def bill(conversation_id: str = TURN.conversation_id) -> UsageRecorded:
    return UsageRecorded(
        ENVELOPE, TURN.user_id, conversation_id, TURN.generation_id, "model", "GenerationCompleted", Usage(11, 3), "p",
        "USD", 6, NOWHERE, START_MS * 1000,
    )  # fmt: skip
