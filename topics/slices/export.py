"""Exports the selected records between two cuts into a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.codec import NewerRecord, UndecodableRecord, decode
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS
from topics.cuts import Cut, format_cut
from topics.epochs import Layout
from topics.log import Log, RawRecord
from topics.slices.container import SUFFIX, ContainerWriter
from topics.slices.draft import draft_of, publish
from topics.slices.errors import SliceRefused
from topics.slices.manifest import Manifest, SliceFile, Unreadable, schemas_of
from topics.slices.references import owner_of
from topics.slices.selection import (
    Chooser,
    People,
    Selection,
    conversation_if,
    is_ours,
    places,
    temporary_in,
    wants_account,
)

Report = Callable[[int, int], None]
"""Called with (records looked at, records to look at), often; what it raises ends the run."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the manifest says of this run. `asked`: the selection in the user's words."""

    cluster_id: str
    created_at: str
    created_by: str
    asked: Mapping[str, Any]


@dataclass(slots=True)
class _Run:
    log: Log
    folder: Path
    report: Report
    total: int
    done: int = 0
    writers: dict[str, ContainerWriter] = field(default_factory=dict)
    unreadable: list[Unreadable] = field(default_factory=list)

    def read(self, start: Cut, stop: Cut) -> Iterator[RawRecord]:
        for batch in self.log.read(start, stop):
            self.report(self.done, self.total)
            yield from batch
            self.done += len(batch)

    def keep(self, record: RawRecord) -> object:
        """Write a record; returns it decoded, None if it cannot be."""
        writer = self.writers.get(record.topic)
        if writer is None:
            writer = self.writers[record.topic] = ContainerWriter(self.folder / (record.topic + SUFFIX))
        writer.write(record)
        try:
            return decode(record.value)
        except (UndecodableRecord, NewerRecord) as error:
            self.unreadable.append(Unreadable(record.topic, record.partition, record.offset, str(error)))
            return None


def export_slice(
    log: Log,
    topics: Mapping[str, Layout],
    selection: Selection,
    start: Cut,
    stop: Cut,
    folder: Path,
    origin: Origin,
    report: Report,
) -> Manifest:
    """Write what is selected between two cuts to `folder`, which must not exist or be empty.

    `log` reads headers too; `topics` are all that it has. Whose a conversation is, who its owner is, and whether it is
    temporary, is looked up from the beginning of the log to `stop`. What is temporary is left out.

    Raises SliceRefused: nothing is selected, the folder holds something, the disk is full; LogError. Whatever is
    raised, also by `report`: there is no slice then, and the next run starts again.
    """
    with draft_of(folder) as draft:
        first, end = log.held({topic: layout.partitions for topic, layout in topics.items() if is_ours(topic)})
        known = {place: stop.get(place, offset) for place, offset in end.items()}
        people = _people(log, selection, first, known, report)
        chosen = places(selection, people, topics)
        upto = {place: stop[place] for place in chosen if place in stop}
        since = {place: max(start.get(place, 0), first[place]) for place in upto}
        run = _Run(log, draft, report, sum(max(0, upto[place] - since[place]) for place in upto))
        chooser = Chooser(selection, people)
        try:
            for record in run.read(since, upto):
                if chooser.wants(record) and (owner := owner_of(run.keep(record))) is not None:
                    people.owners.add(owner)
            if selection.accounts:
                accounts = {place: offset for place, offset in known.items() if place[0] == ACCOUNT_EVENTS}
                for record in run.read({place: first[place] for place in accounts}, accounts):
                    if wants_account(record, people.owners):
                        run.keep(record)
            if not run.writers:
                raise SliceRefused("nothing in the log is what was asked for: no slice was written")
            files = tuple(_finished(topics[topic], topic, writer) for topic, writer in sorted(run.writers.items()))
        finally:
            for writer in run.writers.values():
                writer.abandon()
        ids = {number for file in files for number in file.schema_ids}
        manifest = Manifest(
            created_at=origin.created_at,
            created_by=origin.created_by,
            cluster_id=origin.cluster_id,
            asked=origin.asked,
            start=format_cut(since),
            stop=format_cut(upto),
            files=files,
            schemas=schemas_of(ids),
            unreadable=tuple(run.unreadable),
            sha256="",
        )
        return publish(manifest, draft, folder)


def _people(log: Log, selection: Selection, first: Cut, known: Cut, report: Report) -> People:
    """Whose conversations are meant, and which are left out: conversation-events from their beginning say it."""
    upto = {place: offset for place, offset in known.items() if place[0] == CONVERSATION_EVENTS}
    total = sum(upto[place] - first[place] for place in upto)
    found, left_out, done = set(), set(), 0
    for batch in log.read({place: first[place] for place in upto}, upto):
        report(done, total)
        done += len(batch)
        for record in batch:
            if (temporary := temporary_in(record)) is not None:
                left_out.add(temporary)
            elif selection.user is not None and (pair := conversation_if(selection, record)) is not None:
                found.add(pair[0])
    if selection.user is None:
        wanted = selection.conversations - left_out if selection.conversations else None
        return People(wanted, frozenset(left_out))
    if not found - left_out:
        what = "none of these conversations is" if selection.conversations else "there is no conversation"
        raise SliceRefused(f"{what} of user {selection.user}: no slice was written")
    return People(frozenset(found - left_out), frozenset(left_out))


def _finished(layout: Layout, topic: str, writer: ContainerWriter) -> SliceFile:
    size, sha256 = writer.finish()
    ids = tuple(sorted(writer.schema_ids))
    return SliceFile(topic + SUFFIX, topic, layout.epoch, writer.records, size, sha256, ids, layout.seams)
