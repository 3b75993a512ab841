"""Records as they stand in the log, and events of them."""

from __future__ import annotations

from typing import Any

from api.log_view.events import LogEvent, event_of
from schemas.codec import encode
from schemas.conversation import PromptSubmitted
from schemas.envelope import Envelope, Position
from schemas.generation import GenerationRequested
from schemas.moderation import ModerationVerdict
from schemas.outcome import GenerationCompleted
from schemas.price import Usage
from schemas.usage import UsageRecorded
from tests import records
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
    return records.prompt(
        content,
        envelope=ENVELOPE,
        user_id=TURN.user_id,
        tail=TURN.tail,
        deadline_at_us=START_MS * 1000 + 60_000_000,
    )


def verdict(decision: Any = "allow") -> ModerationVerdict:
    return records.verdict(TURN, envelope=ENVELOPE, decision=decision)


def job() -> GenerationRequested:
    return records.job(TURN, envelope=ENVELOPE, prompt_tokens=11, deadline_at_us=START_MS * 1000)


def outcome(chunks: Any = (), attempts: int = 1) -> GenerationCompleted:
    return GenerationCompleted(
        envelope=ENVELOPE,
        turn=TURN,
        text="text",
        chunks=tuple(chunks),
        started_at_us=None,
        ended_at_us=START_MS * 1000 + 500_000,
        attempts=attempts,
        usage=Usage(11, 3),
        cost_micros=6,
        sha256="",
        end=NOWHERE,
        finish_reason="stop",
    )


def bill(conversation_id: str = TURN.conversation_id) -> UsageRecorded:
    return UsageRecorded(
        envelope=ENVELOPE,
        user_id=TURN.user_id,
        conversation_id=conversation_id,
        generation_id=TURN.generation_id,
        model="model",
        outcome_type="GenerationCompleted",
        usage=Usage(11, 3),
        price_version="p",
        currency="USD",
        cost_micros=6,
        outcome=NOWHERE,
        ended_at_us=START_MS * 1000,
    )
