"""One round of `./verbatim replay archive`: archive, check, trim each partition, and report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from infra.cli.replay.opened import age_of
from infra.cli.replay.progress import Report, Stop, progress
from infra.cli.replay.readers import groups_of
from infra.cli.terminal import UserError, one_line
from infra.clock import monotonic_s, utc_now
from infra.settings import Settings
from topics.archive.checking import check_partition
from topics.archive.objects import open_objects
from topics.archive.reading import SegmentArchive
from topics.archive.trimming import compare, delete_below, limit_of
from topics.archive.writing import archive_records, goes_on_at
from topics.catalogue import TOKEN_CHUNKS, catalogue
from topics.cuts import Cut, TopicPartition, checked_cut, parse_cut
from topics.errors import DamagedArchive
from topics.groups import committed
from topics.log import Log, RawRecord, cluster_id
from topics.spec import FOR_EVER_MS

_LAG_EVERY_S = 2.0
_LOOK_S = 0.2


@dataclass(slots=True)
class _Count:
    """What a progress bar shows."""

    total: int
    done: int = 0
    lag: int = 0


class Rounds:
    """One archive, one log, and what is done with them. Blocking. Raises LogError; Interrupted between two batches."""

    def __init__(self, settings: Settings, archive: SegmentArchive, log: Log, stop: Stop, as_json: bool) -> None:
        """`log`: with headers and without an archive."""
        self._properties = settings.kafka.client_properties()
        self._segment_bytes = settings.archive.segment_bytes
        self._archive, self._log, self._stop, self._as_json = archive, log, stop, as_json

    @classmethod
    @contextmanager
    def opened(cls, settings: Settings, stop: Stop, as_json: bool, *, create: bool) -> Iterator[Self]:
        """For the length of the block. `create`: make the archive's folder if it is not there. Raises LogError."""
        properties = settings.kafka.client_properties()
        cluster = cluster_id(properties)
        archive = SegmentArchive(open_objects(settings.archive.url, create=create), cluster)
        with closing(Log(properties, headers=True)) as log:
            yield cls(settings, archive, log, stop, as_json)

    def places(self, topics: Sequence[str], everything: bool) -> dict[str, int]:
        """The topics (name: partitions) that are meant. Raises UserError for one that does not exist."""
        there = self._log.topics()
        if unknown := [topic for topic in topics if topic not in there]:
            raise UserError(
                f"there is no topic {one_line(unknown[0])[:100]!r}. The topics are: {', '.join(sorted(there))}"
            )
        kept = [spec.name for spec in catalogue() if spec.retention_ms == FOR_EVER_MS]
        wanted = list(topics) or kept
        wanted += [TOKEN_CHUNKS] if everything else []
        found = {topic: there[topic] for topic in dict.fromkeys(wanted) if topic in there}
        if not found:
            raise UserError("the log has none of the topics of the catalogue yet: there is nothing to archive")
        return found

    def trim_limit(self, text: str | None, topics: Mapping[str, int]) -> timedelta | Cut | None:
        """What --trim said of these topics. Raises UserError, BadCut."""
        if text is None:
            return None
        if "=" in text:
            cut = parse_cut(text)
            if others := sorted({topic for topic, _ in cut} - topics.keys()):
                raise UserError(f"{others[0]} is not one of the topics that are archived here: name it as an argument")
            low, high = self._log.held(topics)
            return checked_cut(cut, low, high)
        if (age := age_of(text)) is None:
            raise UserError(
                f"--trim {one_line(text)[:60]!r} is neither an age like 30d "
                "nor offsets like conversation-events:0=1200,conversation-events:1=1180"
            )
        return age

    def archive(self, topics: Mapping[str, int]) -> None:
        """Archive everything that the topics hold now."""
        low, high = self._log.held(topics)
        start = {place: goes_on_at(self._archive, *place, low[place], high[place]) for place in high}
        count = _Count(sum(high[place] - start[place] for place in high))
        with progress("archive") as report:
            for place, at in start.items():
                segments = size = 0
                with closing(self._log.read({place: at}, {place: high[place]})) as batches:
                    counted = self._counted(batches, count, report, high)
                    for manifest in archive_records(
                        self._archive, *place, counted, at, high[place], self._segment_bytes
                    ):
                        segments += 1
                        size += manifest.bytes
                self._say(
                    place,
                    f"archived {at:,} to {high[place]:,} ({segments} segments, {size:,} bytes)"
                    if segments
                    else f"nothing new since {at:,}",
                    {"archived_from": at, "archived_to": high[place], "segments": segments, "bytes": size},
                )

    def check(self, topics: Sequence[str]) -> None:
        """Read all that is archived, or all of these topics. Says what is damaged; UserError if anything is."""
        archived = [place for place in self._archive.partitions() if not topics or place[0] in topics]
        if not archived:
            raise UserError("nothing of that is archived yet: there is nothing to check")
        there = self._log.topics()
        low, high = self._log.held({topic: there[topic] for topic, _ in archived if topic in there})
        damaged = 0
        with progress("check") as report:
            count = _Count(0)
            for place in archived:
                try:
                    if place not in high:
                        raise DamagedArchive(f"{place[0]}/{place[1]}", 0, "the log has no such partition")
                    first, end = self._archive.held(*place)
                    # The topic's part is read twice: from the archive for itself, and beside the topic.
                    count.total += end - first + max(0, end - max(low[place], first))
                    for seen in check_partition(self._archive, self._log, *place, low[place], high[place]):
                        self._stop.check()
                        count.done += seen
                        report(count.done, count.total, 0)
                except DamagedArchive as error:
                    damaged += 1
                    self._say(place, str(error), {"name": error.name, "offset": error.offset, "damage": error.what})
                else:
                    self._say(place, f"{first:,} to {end:,} are whole", {"first": first, "end": end, "damage": None})
        if damaged:
            raise UserError(f"the archive is damaged in {damaged} of {len(archived)} partitions")

    def trim(self, topics: Mapping[str, int], limit: timedelta | Cut) -> None:
        """Delete from the topics what the limit and everybody who reads them allow, after reading it back."""
        low, high = self._log.held(topics)
        if isinstance(limit, timedelta):
            asked = "the next records are newer than the age given"
            wanted = self._log.at(topics, max(0, int((utc_now() - limit).timestamp() * 1000)))
        else:
            asked = "the offset given is reached"
            wanted = {**low, **limit}
        groups = committed(self._properties)
        upto: dict[TopicPartition, int] = {}
        because: dict[TopicPartition, str] = {}
        for place in high:
            end = self._archive.held(*place)[1]
            found = limit_of(low[place], wanted[place], end, groups.get(place, {}), groups_of(place[0]), asked)
            upto[place] = found.upto
            because[place] = found.because if found.upto < high[place] else "the topic holds nothing more"
        count = _Count(sum(upto[place] - low[place] for place in high))
        with progress("read back") as report:
            for place in high:
                self._read_back(place, low[place], upto[place], count, report)
                if upto[place] > low[place]:
                    delete_below(self._properties, {place: upto[place]})
                    said = f"deleted {low[place]:,} to {upto[place]:,}, which the archive keeps; {because[place]}"
                else:
                    said = f"nothing deleted; {because[place]}"
                self._say(
                    place, said, {"deleted_from": low[place], "deleted_to": upto[place], "because": because[place]}
                )

    def _read_back(self, place: TopicPartition, low: int, upto: int, count: _Count, report: Report) -> None:
        if upto <= low:
            return
        before = count.done
        with closing(self._log.read({place: low}, {place: upto})) as held:
            for equal in compare(*place, self._archive.read(*place, low, upto), held):
                self._stop.check()
                count.done = before + equal
                report(count.done, count.total, 0)
        count.done = before + upto - low

    def pause(self, seconds: float) -> None:
        """Wait. Raises Interrupted."""
        until_s = monotonic_s() + seconds
        while monotonic_s() < until_s:
            self._stop.check()
            time.sleep(_LOOK_S)

    def _counted(
        self, batches: Iterator[list[RawRecord]], count: _Count, report: Report, high: Cut
    ) -> Iterator[list[RawRecord]]:
        looked_s = monotonic_s()
        for batch in batches:
            self._stop.check()
            yield batch
            count.done += len(batch)
            if monotonic_s() - looked_s > _LAG_EVERY_S:
                looked_s = monotonic_s()
                topics: dict[str, int] = {}
                for topic, partition in high:
                    topics[topic] = max(partition + 1, topics.get(topic, 0))
                now = self._log.held(topics)[1]
                count.lag = sum(now[place] - high[place] for place in high)
            report(count.done, count.total, count.lag)

    def _say(self, place: TopicPartition, said: str, facts: Mapping[str, object]) -> None:
        topic, partition = place
        line = json.dumps({"topic": topic, "partition": partition, **facts})
        print(line if self._as_json else f"{topic}[{partition}]: {said}", flush=True)
