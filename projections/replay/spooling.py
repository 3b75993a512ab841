"""Reads the log into a spool up to a cut, in a thread, from where an earlier run stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from projections.replay.folding import Parked, RecordFold
from projections.replay.merged import Source
from projections.replay.spool import Spool
from schemas.codec import NewerRecord
from topics.cuts import Cut, TopicPartition
from topics.errors import OutOfRange
from topics.log import RawRecord

Read = Callable[[Cut, Cut], Iterator[list[RawRecord]]]
"""Log.read: the records between two cuts, in batches."""
Report = Callable[[int, int, int], None]
MAX_NAMED = 100
_PARKED, _NAMED = "parked", "named"
_NEWER, _NEWER_NAMED = "newer", "newer named"


class Stop(Protocol):
    """Whether the user wants the run to end."""

    def check(self) -> None:
        """Raises what ends it, if so."""


@cache
def code_digest() -> str:
    """Of all code and schemas that make rows of records: another digest, perhaps other rows."""
    root = Path(__file__).parents[2]
    digest = sha256()
    for folder in ("projections", "schemas"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in (".py", ".avsc", ".json"):
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


async def fold_into(spool: Spool, fold: RecordFold, read: Read, cut: Cut, *, report: Report, stop: Stop) -> int:
    """Fold what lies below `cut` and is not in the spool yet; returns how many records the spool holds then.

    What has been folded is kept, also when this raises: LogError, ScratchError, and what `stop` raises.
    """
    await asyncio.to_thread(_take_up, spool, read, cut)
    total = sum(cut.values())
    done = sum(spool.reached.values())
    report(done, total, 0)
    batches = read(dict(spool.reached), cut)
    try:
        while True:
            stop.check()
            taken = await asyncio.to_thread(_take, spool, fold, batches)
            if taken is None:
                break
            done += taken
            report(done, total, 0)
    finally:
        await asyncio.to_thread(_leave, spool, batches)
    return total


def parked_of(spool: Spool) -> tuple[int, tuple[Parked, ...]]:
    """How many records made no rows, and the first of them."""
    return spool.notes.get(_PARKED, 0), tuple(Parked(*named) for named in spool.notes.get(_NAMED, ()))


def newer_of(spool: Spool) -> tuple[int, tuple[Parked, ...]]:
    """How many records a newer release wrote, whose rows this one does not know, and the first of them."""
    return spool.notes.get(_NEWER, 0), tuple(Parked(*named) for named in spool.notes.get(_NEWER_NAMED, ()))


def close(batches: Iterator[list[RawRecord]]) -> None:
    """Let the log go of what is being read, now and not when the memory is wanted."""
    if isinstance(batches, Generator):
        batches.close()


def _leave(spool: Spool, batches: Iterator[list[RawRecord]]) -> None:
    close(batches)
    spool.save()


def _take_up(spool: Spool, read: Read, cut: Cut) -> None:
    """Start again if the log is another one, or the cut an earlier one."""
    if any(offset > cut.get(place, 0) for place, offset in spool.reached.items()):
        spool.forget()
        return
    for place, offset in spool.reached.items():
        try:
            last = [raw for batch in read({place: offset - 1}, {place: offset}) for raw in batch]
        except OutOfRange:
            last = []
        if [_mark(raw) for raw in last] != [spool.marks[place]]:
            spool.forget()
            return


def _take(spool: Spool, fold: RecordFold, batches: Iterator[list[RawRecord]]) -> int | None:
    batch = next(batches, None)
    if batch is None:
        return None
    last: dict[TopicPartition, RawRecord] = {}
    for raw in batch:
        place = raw.topic, raw.partition
        try:
            changes = fold.changes(raw)
        except NewerRecord as error:
            _note(spool, _NEWER, _NEWER_NAMED, Parked(raw.topic, raw.partition, raw.offset, str(error)))
            changes = ()
        if isinstance(changes, Parked):
            _note(spool, _PARKED, _NAMED, changes)
        else:
            spool.add(changes, Source(raw.topic, raw.partition, raw.offset))
        spool.reached[place] = raw.offset + 1
        last[place] = raw
        if spool.is_full:
            _know_again(spool, last)
            spool.save()
    _know_again(spool, last)
    return len(batch)


def _know_again(spool: Spool, last: Mapping[TopicPartition, RawRecord]) -> None:
    """Of each partition only the last record need be known again: whatever `reached` says, `marks` says it too."""
    spool.marks |= {place: _mark(raw) for place, raw in last.items()}


def _note(spool: Spool, count: str, names: str, record: Parked) -> None:
    spool.notes[count] = spool.notes.get(count, 0) + 1
    named = spool.notes.setdefault(names, [])
    if len(named) < MAX_NAMED:
        named.append([record.topic, record.partition, record.offset, record.reason])


def _mark(raw: RawRecord) -> str:
    digest = sha256(raw.key or b"")
    digest.update(b"\0" + (raw.value or b""))
    return digest.hexdigest()
