"""From records of the log to the figures of the moment: throughput, time to first token, what runs, what waits. Pure.

All times are the log's own, in milliseconds since 1970. It keeps ids and numbers, never what anybody wrote.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

from infra.runtime.bounded import Bounded
from schemas.codec import NewerRecord, UndecodableRecord, decode
from schemas.conversation import PromptSubmitted, RegenerateRequested
from schemas.dead_letter import DeadLetter, DeadLetterResolved
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, TokenChunk
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused
from topics.dead_letter_index import DeadLetterIndex
from topics.log import RawRecord

RATE_S = 5
TTFT_MS = 60_000
ENDED_KEPT_MS = 60_000
STALE_MS = 15 * 60_000
"""A generation that nothing was heard of for so long runs no more, whatever the log lacks."""
MAX_GENERATIONS = 50_000
MAX_TTFTS = 20_000


@dataclass(slots=True)
class _Generation:
    heard_ms: int
    asked_ms: int | None = None
    started: bool = False
    worker: str | None = None
    first_ms: int | None = None
    ended: bool = False


class Figures:
    """Takes the records of conversation-events, token-chunks, generation-outcomes and dead-letters."""

    def __init__(self) -> None:
        self._generations: Bounded[str, _Generation] = Bounded(MAX_GENERATIONS)
        self._tokens: dict[int, int] = {}
        self._prompts: dict[int, int] = {}
        self._ttfts: list[tuple[int, int]] = []
        """(when the first token came, how long it took): a heap, for a look back reads partition by partition."""
        self._letters = DeadLetterIndex()

    def take(self, raw: RawRecord) -> None:
        """The next record of its partition; what says nothing of all this is passed over."""
        try:
            record = decode(raw.value)
        except (UndecodableRecord, NewerRecord):
            return
        at_ms = raw.timestamp_ms
        match record:
            case TokenChunk():
                self._chunk(record, at_ms)
            case AttemptStarted():
                running = self._of(record.turn.generation_id, at_ms)
                running.started, running.worker = True, record.worker
            case AttemptEnded():
                if record.finish_reason != "handed_over":
                    self._of(record.generation_id, at_ms).ended = True
            case GenerationEnded():
                self._of(record.turn.generation_id, at_ms).ended = True
            case GenerationCompleted() | GenerationFailed() | GenerationCancelled() | GenerationRefused():
                self._of(record.turn.generation_id, at_ms).ended = True
            case PromptSubmitted() | RegenerateRequested():
                self._asked(record.generation_id, at_ms)
            case DeadLetter() | DeadLetterResolved():
                self._letters.take(raw.partition, raw.offset, record)

    def snapshot(self, now_ms: int) -> dict[str, Any]:
        """The figures at a moment; forgets what is too old for any later one."""
        self._forget(now_ms)
        ttfts = sorted(waited for _, waited in self._ttfts)
        left = [generation for generation in self._generations.values() if not generation.ended]
        return {
            "tokensPerS": _rate(self._tokens, now_ms),
            "promptsPerS": _rate(self._prompts, now_ms),
            "ttftMs": {"p50": _percentile(ttfts, 50), "p99": _percentile(ttfts, 99), "n": len(ttfts)},
            "running": sum(generation.started for generation in left),
            "queued": sum(not generation.started for generation in left),
        }

    def busy(self) -> dict[str, int]:
        """How many generations each worker runs that runs any."""
        found: dict[str, int] = {}
        for generation in self._generations.values():
            if not generation.ended and generation.worker is not None:
                found[generation.worker] = found.get(generation.worker, 0) + 1
        return found

    def open_letters(self) -> int:
        """The unresolved dead letters."""
        return len(self._letters.select())

    def _of(self, generation_id: str, at_ms: int) -> _Generation:
        found = self._generations.get(generation_id)
        if found is None:
            found = self._generations[generation_id] = _Generation(at_ms)
        found.heard_ms = max(found.heard_ms, at_ms)
        return found

    def _asked(self, generation_id: str, at_ms: int) -> None:
        generation = self._of(generation_id, at_ms)
        if generation.asked_ms is None:
            generation.asked_ms = at_ms
            _count(self._prompts, at_ms, 1)
            self._measure(generation)

    def _chunk(self, chunk: TokenChunk, at_ms: int) -> None:
        _count(self._tokens, at_ms, chunk.tokens)
        generation = self._of(chunk.generation_id, at_ms)
        generation.started = True
        if chunk.seq == 1 and generation.first_ms is None:
            generation.first_ms = at_ms
            self._measure(generation)

    def _measure(self, generation: _Generation) -> None:
        # Prompt and answer stand in different partitions: either may be seen first.
        if generation.asked_ms is not None and generation.first_ms is not None:
            heapq.heappush(self._ttfts, (generation.first_ms, max(generation.first_ms - generation.asked_ms, 0)))
            if len(self._ttfts) > MAX_TTFTS:
                heapq.heappop(self._ttfts)

    def _forget(self, now_ms: int) -> None:
        for buckets in (self._tokens, self._prompts):
            for second in [second for second in buckets if second < now_ms // 1000 - RATE_S]:
                del buckets[second]
        while self._ttfts and self._ttfts[0][0] < now_ms - TTFT_MS:
            heapq.heappop(self._ttfts)
        old = [
            generation_id
            for generation_id, generation in self._generations.items()
            if generation.heard_ms < now_ms - (ENDED_KEPT_MS if generation.ended else STALE_MS)
        ]
        for generation_id in old:
            del self._generations[generation_id]


def _count(buckets: dict[int, int], at_ms: int, number: int) -> None:
    second = at_ms // 1000
    buckets[second] = buckets.get(second, 0) + number


def _rate(buckets: dict[int, int], now_ms: int) -> float:
    """Per second, over the last RATE_S seconds that are over."""
    now_s = now_ms // 1000
    return round(sum(buckets.get(second, 0) for second in range(now_s - RATE_S, now_s)) / RATE_S, 1)


def _percentile(ordered: list[int], percent: int) -> int | None:
    """By nearest rank; None of nothing."""
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)] if ordered else None
