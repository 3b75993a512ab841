"""The timeline of one generation: its stages and attempts, from its records. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from api.log_view.attempts import Attempts
from api.log_view.events import LogEvent, iso_ms
from schemas.conversation import PromptSubmitted, RegenerateRequested, TitleRequested
from schemas.envelope import SealedContent
from schemas.generation import (
    AttemptEnded,
    AttemptStarted,
    GenerationEnded,
    GenerationRecord,
    GenerationRequested,
    TokenChunk,
)
from schemas.moderation import ModerationVerdict, ReviewDecided
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused, Outcome
from schemas.usage import UsageRecorded, UsageRerated
from topics.generation_fold import GenerationFold

_STREAM = 3
_RANKS = {
    "accepted": 0,
    "moderated/prompt": 1,
    "queued": 2,
    **dict.fromkeys(("attempt", "first_token", "ended", "moderated/answer"), _STREAM),
    "stored": 4,
    "billed": 5,
    "rerated": 6,
}
"""What comes before what by its cause. A review may come whenever a person decides."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage, the record that is its sign, and what is worth telling of it."""

    name: str
    event: LogEvent
    detail: dict[str, Any]


def timeline_of(generation_id: str, events: Iterable[LogEvent]) -> dict[str, Any]:
    """The timeline of a generation from its events, oldest first; those of others are passed over.

    Stages stand behind what caused them, whatever the clocks of their partitions' brokers say. A job tells the place of
    the verdict that allowed it.

    Times in it are the log's own; `sinceStartMs` counts from the command. `chunks` are [seq, ms since then, characters]
    of what was accepted, by the clock of the process that made them. If the log no longer holds
    the chunks, they come from the outcome, and there are no attempts.
    """
    telling = _Telling()
    for event in events:
        if event.concerns(generation_id):
            telling.take(event)
    telling.name_verdict()
    return {
        "generationId": generation_id,
        "stages": [_stage_json(stage, telling.start_ms) for stage in _causes_first(telling.stages)],
        "attempts": telling.attempts.json(),
        "chunks": [[seq, max(at_us // 1000 - telling.start_ms, 0), size] for seq, at_us, size in telling.all_chunks()],
    }


class _Telling:
    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.attempts = Attempts()
        self.start_ms = 0
        self.outcome: Outcome | None = None
        self._fold = GenerationFold()
        self._chunks: list[tuple[int, int, int]] = []
        self._seen: set[str] = set()
        self._verdicts: dict[str, LogEvent] = {}
        self._job: tuple[GenerationRequested, dict[str, Any]] | None = None

    def name_verdict(self) -> None:
        """Have the job tell its verdict, wherever that stood among the events."""
        if self._job is not None and (verdict := self._verdicts.get(self._job[0].verdict_id)) is not None:
            self._job[1]["verdict"] = _place(verdict)

    def all_chunks(self) -> list[tuple[int, int, int]]:
        """(seq, when made, characters) of each accepted chunk."""
        if self._fold.start is None and self.outcome is not None:
            return [(seq, mark.at_us, mark.length) for seq, mark in enumerate(self.outcome.chunks, 1)]
        return self._chunks

    def take(self, event: LogEvent) -> None:
        detail: dict[str, Any]
        match event.record:
            case AttemptStarted() | TokenChunk() | AttemptEnded() | GenerationEnded() as record:
                self._of_the_stream(event, record)
            case PromptSubmitted() | RegenerateRequested() | TitleRequested() as command:
                if self._once("accepted", event, {"model": command.model}):
                    self.start_ms = event.raw.timestamp_ms
            case ModerationVerdict(stage=stage) as verdict:
                detail = {"of": stage, "decision": verdict.decision, "policy": verdict.policy_version}
                self._once("moderated", event, detail, by=f"moderated/{stage}")
                self._verdicts[verdict.envelope.event_id] = event
            case ReviewDecided() as review:
                self._once("reviewed", event, {"decision": review.decision}, by=review.envelope.event_id)
            case GenerationRequested() as job:
                detail = {"serviceClass": job.service_class, "promptTokens": job.prompt_tokens}
                if self._once("queued", event, detail):
                    self._job = job, detail
            case GenerationCompleted() | GenerationFailed() | GenerationCancelled() | GenerationRefused() as outcome:
                if self._once("stored", event, {"outcome": event.type, "attempts": outcome.attempts}):
                    self.outcome = outcome
            case UsageRecorded() as usage:
                self._once("billed", event, {"costMicros": usage.cost_micros, "currency": usage.currency})
            case UsageRerated() as rerated:
                detail = {"costMicros": rerated.cost_micros, "currency": rerated.currency, "backfill": rerated.backfill}
                self._once("rerated", event, detail, by=rerated.envelope.event_id)

    def _of_the_stream(self, event: LogEvent, record: GenerationRecord) -> None:
        """The next record of token-chunks; what the fold does not count is no stage."""
        fold, at_ms = self._fold, event.raw.timestamp_ms
        number, owner = fold.number, fold.attempt_id
        try:
            frame = fold.apply(record)
        except SealedContent:
            return
        if isinstance(record, AttemptStarted) and fold.number != number:
            self.attempts.started(record, at_ms)
            self._once("attempt", event, {"number": record.number, "worker": record.worker}, by=record.attempt_id)
        elif isinstance(record, TokenChunk) and frame is not None:
            self.attempts.chunk(record, at_ms)
            self._chunks.append((record.seq, record.at_us, fold.marks[-1].length))
            if record.seq == 1:
                self._once("first_token", event, {})
        elif isinstance(record, AttemptEnded) and owner is not None and fold.attempt_id is None:
            self.attempts.ended(owner, "handed_over", at_ms)
        elif isinstance(record, AttemptEnded | GenerationEnded) and frame is not None:
            how = _how(record)
            self.attempts.ended(owner, how, at_ms)
            failure = None if record.failure is None else record.failure.code
            self._once("ended", event, {"how": how, "lastSeq": fold.last_seq, "failure": failure})

    def _once(self, name: str, event: LogEvent, detail: dict[str, Any], *, by: str | None = None) -> bool:
        """Add a stage, unless it is there: of a repeated event the first one counts."""
        key = by or name
        if key in self._seen:
            return False
        self._seen.add(key)
        self.stages.append(Stage(name, event, detail))
        return True


def _how(record: AttemptEnded | GenerationEnded) -> str:
    if isinstance(record, GenerationEnded):
        return record.reason
    return "failed" if record.finish_reason == "failed" else "completed"


def _causes_first(stages: Sequence[Stage]) -> list[Stage]:
    """In the order of time, but none before what caused it. What may come at any time stays where it is."""
    ranked, rank = [], 0
    for stage in stages:
        rank = _RANKS.get(_rank_name(stage), rank)
        ranked.append((rank, stage))
    return [stage for _, stage in sorted(ranked, key=lambda pair: pair[0])]


def _rank_name(stage: Stage) -> str:
    return f"{stage.name}/{stage.detail['of']}" if stage.name == "moderated" else stage.name


def _place(event: LogEvent) -> dict[str, Any]:
    raw = event.raw
    return {"topic": raw.topic, "partition": raw.partition, "offset": raw.offset}


def _stage_json(stage: Stage, start_ms: int) -> dict[str, Any]:
    raw = stage.event.raw
    return {
        "stage": stage.name,
        "at": iso_ms(raw.timestamp_ms),
        **_place(stage.event),
        "sinceStartMs": raw.timestamp_ms - start_ms,
        "detail": stage.detail,
    }
