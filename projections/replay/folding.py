"""Folds raw records into row changes, or gives the reason why the live projector parks them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from projections.order import ImpossiblePosition
from projections.registry import Projection
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
    """Folds raw records for one projection."""

    def __init__(self, projection: Projection, catalogue: Catalogue) -> None:
        """`catalogue`: what may stand in the projection's topics."""
        self._fold = projection.fold
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
            return checked(self._fold(record, spec.position(raw.partition, raw.offset)))
        except (UndecodableRecord, Unprojectable, ImpossiblePosition) as error:
            return _parked(raw, str(error))


def _parked(raw: RawRecord, reason: str) -> Parked:
    return Parked(raw.topic, raw.partition, raw.offset, reason)
