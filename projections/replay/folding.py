"""Folds raw records into row changes, or gives the reason why the live projector parks them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from projections.order import ImpossiblePosition
from projections.registry import Projection
from projections.replay.counts import LocalCounts
from projections.rows import RowChange, Unprojectable, checked
from schemas.codec import UndecodableRecord, decode, record_type_of
from topics.catalogue import Catalogue
from topics.log import RawRecord
from topics.spec import TopicSpec


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that makes no rows, where it stands and why."""

    topic: str
    partition: int
    offset: int
    reason: str


class RecordFold:
    """Folds raw records for one projection; one that counts takes them from the log's beginning, in order."""

    def __init__(self, projection: Projection, catalogue: Catalogue, counts: LocalCounts | None = None) -> None:
        """`catalogue`: what may stand in the projection's topics. `counts`: what a projection that counts has counted;
        None: nothing, and all of it fits in memory."""
        self._projection, self._catalogue = projection, catalogue
        self._fold = projection.fold
        self.counts = (counts or LocalCounts()) if projection.counts else None
        self._topics: Mapping[str, tuple[TopicSpec, frozenset[type]]] = {
            topic: (catalogue[topic], frozenset(catalogue[topic].record_types)) for topic in projection.topics
        }

    def changes(self, raw: RawRecord) -> tuple[RowChange, ...] | Parked:
        """What a record changes, or why it changes nothing: damaged, unknown, or of a type its topic does not take."""
        spec, wanted = self._topics[raw.topic]
        record_type = record_type_of(raw.value)
        if record_type is not None and record_type not in wanted:
            return _parked(raw, f"a {record_type.__name__} has no place in {raw.topic}")
        try:
            record = decode(raw.value)
            position = spec.position(raw.partition, raw.offset)
            changes = checked(self._fold(record, position))
        except (UndecodableRecord, Unprojectable, ImpossiblePosition) as error:
            return _parked(raw, str(error))
        if self.counts is None:
            return changes
        counted = self.counts.count([(record, position)])
        return *changes, *counted.sums, *counted.bills

    def apart(self, file: Path) -> RecordFold:
        """A fold that goes on from here, and leaves this one as it is. `file`: as LocalCounts has it."""
        if self.counts is None:
            return self
        return RecordFold(self._projection, self._catalogue, self.counts.apart(file))

    def close(self) -> None:
        """Forget what was counted."""
        if self.counts is not None:
            self.counts.close()


def _parked(raw: RawRecord, reason: str) -> Parked:
    return Parked(raw.topic, raw.partition, raw.offset, reason)
