"""The attempts of one generation: who wrote which part of the answer, and how each attempt ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.log_view.events import iso_ms
from schemas.generation import AttemptStarted, TokenChunk


@dataclass(slots=True)
class Attempt:
    """One attempt. Times are the log's, in milliseconds since 1970; `end` None: it runs.

    One that `crashed` said no last word before the next one began: `ended_ms` is when it last was heard of.
    """

    number: int
    attempt_id: str
    worker: str
    started_ms: int
    heard_ms: int
    first_token_ms: int | None = None
    ended_ms: int | None = None
    chunks: int = 0
    first_seq: int | None = None
    last_seq: int | None = None
    end: str | None = None


class Attempts:
    """Takes what the fold counted, in order."""

    def __init__(self) -> None:
        self._by_id: dict[str, Attempt] = {}

    def started(self, record: AttemptStarted, at_ms: int) -> None:
        for earlier in self._by_id.values():
            if earlier.end is None:
                earlier.end, earlier.ended_ms = "crashed", earlier.heard_ms
        self._by_id[record.attempt_id] = Attempt(record.number, record.attempt_id, record.worker, at_ms, at_ms)

    def chunk(self, record: TokenChunk, at_ms: int) -> None:
        attempt = self._by_id[record.attempt_id]
        if attempt.first_seq is None:
            attempt.first_seq, attempt.first_token_ms = record.seq, at_ms
        attempt.chunks += 1
        attempt.last_seq = record.seq
        attempt.heard_ms = at_ms

    def ended(self, attempt_id: str | None, how: str, at_ms: int) -> None:
        """The generation or this attempt of it ended. None, or one unknown: no attempt had it then."""
        attempt = self._by_id.get(attempt_id or "")
        if attempt is not None and attempt.end is None:
            attempt.end, attempt.ended_ms = how, at_ms

    def json(self) -> list[dict[str, Any]]:
        return [
            {
                "number": attempt.number,
                "attemptId": attempt.attempt_id,
                "worker": attempt.worker,
                "startedAt": iso_ms(attempt.started_ms),
                "firstTokenAt": _optional(attempt.first_token_ms),
                "endedAt": _optional(attempt.ended_ms),
                "chunks": attempt.chunks,
                "firstSeq": attempt.first_seq,
                "lastSeq": attempt.last_seq,
                "end": attempt.end,
            }
            for attempt in self._by_id.values()
        ]


def _optional(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso_ms(at_ms)
