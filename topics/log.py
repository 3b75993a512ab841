"""The log as one: archive first, then topic. For replay, never for live reading."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as Place

from topics.catalogue import Catalogue
from topics.clients import PREFIX_PROPERTY
from topics.consumer import assigned_consumer, bounds
from topics.counts import laid_out
from topics.cuts import Cut, TopicPartition
from topics.epochs import BadSeams, Layout, by_epoch, layouts_of, without_marks
from topics.errors import LogUnavailable, OutOfRange, TopicMismatch
from topics.held_spans import ANSWER_S, BOUNDED, HeldSpans, RawRecord
from topics.naming import Names

__all__ = ["Archive", "Log", "RawRecord", "cluster_id"]

OURS = Names()
"""A client with a prefix lists only its own topics; without, other installations' are to be left out here."""


class Archive(Protocol):
    """Where records go before retention takes them. Every method raises ArchiveUnavailable, DamagedArchive."""

    def held(self, topic: str, partition: int) -> tuple[int, int]:
        """(first offset, offset after the last) that it keeps without a gap; (0, 0) if nothing."""

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[list[RawRecord]]:
        """The records at `start` (included) to `stop` (excluded), in order, headers too. Raises OutOfRange."""

    def at(self, topic: str, partition: int, at_ms: int) -> int | None:
        """The offset of the first record appended at `at_ms` or later; None if all that is kept is older."""


class Log:
    """Reads spans of the log. Blocking: in a loop, run it in a thread. One reader at a time; `close` it."""

    def __init__(self, properties: Mapping[str, str], archive: Archive | None = None, *, headers: bool = False) -> None:
        """`headers`: read them too; they cost as much as everything else a record has."""
        self._archive = archive
        self._consumer = assigned_consumer({**BOUNDED, **properties})
        self._spans = HeldSpans(self._consumer, headers=headers)
        self._layouts: Mapping[str, Layout] | None = None

    def close(self) -> None:
        self._consumer.close()

    def topics(self) -> dict[str, int]:
        """The partition counts of all topics of this installation. Raises LogUnavailable."""
        return without_marks(self._listed())

    def layouts(self) -> dict[str, Layout]:
        """As `topics`, with the epochs that the partitions belong to. Raises LogUnavailable, TopicMismatch."""
        listed = self._listed()
        try:
            return layouts_of(listed)
        except BadSeams as error:
            raise TopicMismatch(str(error)) from error

    def catalogue(self, topics: Catalogue) -> Catalogue:
        """The catalogue with the partitions and epochs that there are. Raises LogUnavailable, TopicMismatch."""
        return laid_out(topics, self.layouts())

    def _listed(self) -> dict[str, int]:
        try:
            found = self._consumer.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            raise LogUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
        return {name: len(topic.partitions) for name, topic in found.items() if OURS.logical(name) is not None}

    def held(self, topics: Mapping[str, int]) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """(first offset, end offset) of every partition of `topics` (name: partitions), as two cuts.

        The first is the archive's where it joins the topic without a gap. Raises LogUnavailable, DamagedArchive.
        """
        first: dict[TopicPartition, int] = {}
        end: dict[TopicPartition, int] = {}
        for topic, partitions in topics.items():
            for partition in range(partitions):
                low, high = self._bounds(topic, partition)
                kept = self._archived(topic, partition) if low else (0, 0)
                first[topic, partition] = kept[0] if kept[0] < low <= kept[1] else low
                end[topic, partition] = high
        return first, end

    def at(self, topics: Mapping[str, int], at_ms: int) -> dict[TopicPartition, int]:
        """The cut of a time (milliseconds since 1970 UTC): what was appended before it.

        A time after the newest record is the end. A time that only the archive reaches is its place there. Raises
        LogUnavailable, DamagedArchive.
        """
        first, end = self.held(topics)
        places = [Place(topic, partition, max(at_ms, 0)) for topic, partition in end]
        try:
            found = self._consumer.offsets_for_times(places, timeout=ANSWER_S) if places else []
        except KafkaException as error:
            raise LogUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
        cut: dict[TopicPartition, int] = {}
        for answer in found:
            if answer.error is not None:
                raise LogUnavailable(f"{answer.topic}[{answer.partition}] does not answer: {answer.error.str()}")
            place = answer.topic, answer.partition
            cut[place] = answer.offset if answer.offset >= 0 else end[place]
            low, _ = self._bounds(*place)
            if self._archive is not None and first[place] < low and cut[place] <= low:
                archived = self._archive.at(*place, at_ms)
                cut[place] = min(cut[place], archived) if archived is not None else cut[place]
        return cut

    def read(self, start: Cut, stop: Cut) -> Generator[list[RawRecord]]:
        """The records between two cuts, in batches: each partition in order, partitions in whatever order they come,
        but those of an older epoch first. So the records of a key come in their order.

        A partition is read from its offset in `start` (0 if it has none) to its offset in `stop`; one without an offset
        in `stop` is not read. What retention takes meanwhile is read from the archive. Raises OutOfRange if neither
        topic nor archive hold it all (before the first record, unless it is taken later), LogUnavailable if nothing
        comes for 30 s, DamagedArchive, FatalLogError.
        """
        if self._layouts is None:  # once: a topic grows only while nobody reads
            self._layouts = self.layouts()
        parts = by_epoch(stop, self._layouts)
        for part in parts[1:]:  # what is missing of a later epoch is said before the first record of an earlier one
            self._below_topics(*_spans(start, part))
        for part in parts:
            yield from self._read(start, part)

    def _read(self, start: Cut, stop: Cut) -> Generator[list[RawRecord]]:
        following, left = _spans(start, stop)
        while left:
            for place, upto in self._below_topics(following, left).items():
                assert self._archive is not None  # noqa: S101 - it holds them
                yield from self._archive.read(*place, following[place], upto)
                following[place] = upto
                if upto >= left[place]:
                    del left[place]
            yield from self._spans.read(following, left)

    def _below_topics(self, following: Cut, left: Cut) -> dict[TopicPartition, int]:
        """Up to where each partition is to be read from the archive, which is asked for nothing else."""
        upto: dict[TopicPartition, int] = {}
        for (topic, partition), until in left.items():
            at = following[topic, partition]
            low, high = self._bounds(topic, partition)
            if at < 0 or until > high:
                raise OutOfRange(topic, partition, at if at < 0 else until - 1, low, high)
            if at < low:
                first, end = self._archived(topic, partition)
                if at < first or end < min(low, until):
                    raise OutOfRange(topic, partition, at, low, high)
                upto[topic, partition] = min(end, until)
        return upto

    def _archived(self, topic: str, partition: int) -> tuple[int, int]:
        return self._archive.held(topic, partition) if self._archive is not None else (0, 0)

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return bounds(self._consumer, topic, partition, ANSWER_S)


def _spans(start: Cut, stop: Cut) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """From where to where each partition is to be read."""
    following = {place: start.get(place, 0) for place in sorted(stop)}
    return following, {place: until for place, until in sorted(stop.items()) if following[place] < until}


def cluster_id(properties: Mapping[str, str]) -> str:
    """Which log it is: the id that Kafka gave itself, with the installation's prefix if there is one.

    Offsets mean nothing in any other log. Raises LogUnavailable.
    """
    consumer = assigned_consumer({**properties, "log_level": "0"})
    try:
        found = consumer.list_topics(timeout=ANSWER_S).cluster_id
    except KafkaException as error:
        raise LogUnavailable(f"the broker does not answer: {error.args[0].str()}") from error
    finally:
        consumer.close()
    if not found:
        raise LogUnavailable("the broker did not return its cluster id")
    prefix = properties.get(PREFIX_PROPERTY, "")
    return f"{found}/{prefix}" if prefix else str(found)
