"""The index of dead letters: open, retried or dropped. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.dead_letter import DeadLetter, DeadLetterResolved


@dataclass(slots=True)
class Listed:
    """A letter without the record that it carries. `partition` and `offset` are its own: its id.

    The same record parked again by the same consumer is the same letter, until that is resolved.
    """

    partition: int
    offset: int
    letter_event: str
    topic: str
    source_partition: int
    source_offset: int
    consumer: str
    error_type: str
    reason: str
    parked_at_us: int
    copies: int = 1
    resolution: DeadLetterResolved | None = field(default=None)

    @property
    def id(self) -> str:
        """What commands call it."""
        return f"{self.partition}:{self.offset}"

    @property
    def source(self) -> str:
        """Where the record stands that could not be taken."""
        return f"{self.topic}:{self.source_partition}@{self.source_offset}"


class DeadLetterIndex:
    """All letters of a topic, in the order in which they came. It keeps no record's bytes."""

    def __init__(self) -> None:
        self._letters: list[Listed] = []
        self._newest: dict[str, Listed] = {}
        self._by_place: dict[tuple[int, int], Listed] = {}

    def take(self, partition: int, offset: int, record: object) -> None:
        """The topic's next record."""
        if isinstance(record, DeadLetter):
            event = record.envelope.event_id
            known = self._newest.get(event)
            if known is None or known.resolution is not None:
                known = Listed(
                    partition,
                    offset,
                    event,
                    record.topic,
                    record.partition,
                    record.offset,
                    record.consumer,
                    record.error_type,
                    record.reason,
                    record.envelope.occurred_at_us,
                )
                self._letters.append(known)
                self._newest[event] = known
            else:
                known.copies += 1
            self._by_place[partition, offset] = known
        elif isinstance(record, DeadLetterResolved):
            letter = self._by_place.get((record.letter.partition, record.letter.offset))
            if letter is not None and letter.resolution is None:
                letter.resolution = record

    def find(self, partition: int, offset: int) -> Listed | None:
        """The letter that stands there, or of which a copy does."""
        return self._by_place.get((partition, offset))

    def select(self, *, topic: str | None = None, consumer: str | None = None, resolved: bool = False) -> list[Listed]:
        """The open ones, or all, of a topic and of a consumer."""
        return [
            letter
            for letter in self._letters
            if (resolved or letter.resolution is None)
            and topic in (None, letter.topic)
            and consumer in (None, letter.consumer)
        ]


def dead_letter_index(records: Iterable[tuple[int, int, object]]) -> DeadLetterIndex:
    """The box of these records: (partition, offset, record), in the topic's order."""
    box = DeadLetterIndex()
    for partition, offset, record in records:
        box.take(partition, offset, record)
    return box
