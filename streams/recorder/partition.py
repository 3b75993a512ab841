"""The recorder's state of one partition of token-chunks: open generations, and the offset it may commit. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from infra.runtime.bounded import Bounded
from schemas.envelope import Position
from schemas.generation import AttemptEnded, AttemptStarted, GenerationEnded, GenerationRecord, TokenChunk
from topics.generation_fold import GenerationFold

REMEMBERED = 100_000


@dataclass(slots=True)
class OpenGeneration:
    """A generation without a recorded end. `first_offset`: where a restart must begin to see all of it."""

    fold: GenerationFold
    first_offset: int


class Doubt(Enum):
    """DOUBT: whether an end is the first one lies before what this reader has seen: look back in the log."""

    DOUBT = "doubt"


DOUBT = Doubt.DOUBT


class PartitionState:
    """Folds the records of a partition from offset `begin` on."""

    def __init__(self, epoch: int, partition: int, begin: int) -> None:
        self._epoch = epoch
        self._partition = partition
        self._known_from = begin
        self._next = begin
        self._open: dict[str, OpenGeneration] = {}
        self._unacknowledged: dict[int, int] = {}
        self._finished: Bounded[str, int] = Bounded(REMEMBERED)

    def apply(self, record: GenerationRecord, offset: int) -> GenerationFold | Doubt | None:
        """Take the record at `offset`. Returns the fold of the generation it ended, if it did.

        DOUBT for an end of a generation that is not open and may have ended before `begin`. The generation is over
        in either case, and nothing past `offset` is committed until `recorded` was called for it.
        Raises NewerValue; the record is not taken then.
        """
        taken = self._take(record, offset)
        self._next = offset + 1
        return taken

    def _take(self, record: GenerationRecord, offset: int) -> GenerationFold | Doubt | None:
        if isinstance(record, TokenChunk):
            known = self._open.get(record.generation_id)
            if known is not None:
                known.fold.apply(record)
            return None
        if isinstance(record, AttemptStarted):
            self._started(record, offset)
            return None
        generation = record.generation_id if isinstance(record, AttemptEnded) else record.turn.generation_id
        known = self._open.get(generation)
        if known is None:
            return self._ended_unopened(record, generation, offset)
        return self._end(generation, known.fold, record, known.first_offset, offset)

    def recorded(self, offset: int) -> None:
        """The outcome (or dead letter) made of the record at `offset` is acknowledged, or none was to be made."""
        self._unacknowledged.pop(offset, None)

    def passed(self, offset: int) -> None:
        """Nothing is to come of the record at `offset`."""
        self._next = offset + 1

    def parked(self, offset: int) -> None:
        """The record at `offset` is on its way to dead-letters: nothing past it is committed before `recorded`."""
        self._next = offset + 1
        self._unacknowledged[offset] = offset

    @property
    def committable(self) -> int:
        """The offset from which a restart must read: below every open or unacknowledged generation."""
        # Open ones are in the order of their first offsets: the first is the oldest.
        oldest_open = next((known.first_offset for known in self._open.values()), self._next)
        return min(oldest_open, min(self._unacknowledged.values(), default=self._next))

    @property
    def open_count(self) -> int:
        return len(self._open)

    def _started(self, record: AttemptStarted, offset: int) -> None:
        generation = record.turn.generation_id
        if generation in self._finished:
            return
        known = self._open.get(generation)
        if known is None:
            if record.number != 1:
                return  # records of a generation whose first attempt was not seen are void
            known = self._open[generation] = OpenGeneration(GenerationFold(), offset)
        known.fold.apply(record)

    def _ended_unopened(
        self, record: AttemptEnded | GenerationEnded, generation: str, offset: int
    ) -> GenerationFold | Doubt | None:
        if isinstance(record, AttemptEnded) or generation in self._finished:
            return None
        if record.turn.tail.offset < self._known_from:
            self._over(generation, offset, offset)
            return DOUBT
        return self._end(generation, GenerationFold(), record, offset, offset)

    def _end(
        self, generation: str, fold: GenerationFold, record: GenerationRecord, first_offset: int, offset: int
    ) -> GenerationFold | None:
        if fold.apply(record, Position(self._epoch, self._partition, offset)) is None:
            return None
        self._over(generation, first_offset, offset)
        return fold

    def _over(self, generation: str, first_offset: int, offset: int) -> None:
        self._open.pop(generation, None)
        self._unacknowledged[offset] = first_offset
        forgotten = self._finished.put(generation, offset)
        if forgotten is not None:
            self._known_from = max(self._known_from, forgotten[1] + 1)
