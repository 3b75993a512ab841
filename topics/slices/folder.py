"""Opens a slice from elsewhere: nothing of it is used before everything is checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from schemas.codec import decode
from schemas.registry import registered_schemas
from topics.catalogue import ACCOUNT_EVENTS
from topics.log import RawRecord
from topics.slices.container import checksum, read_container
from topics.slices.entries import REPLAYED, TOPICS, Entry, entry_of, understood
from topics.slices.errors import SliceRefused
from topics.slices.manifest import MANIFEST, MAX_MANIFEST_BYTES, Manifest, SliceFile, parsed
from topics.slices.references import owner_of


@dataclass(slots=True)
class OpenedSlice:
    """A slice all of whose bytes and records have been checked.

    `entries`: what is to be replayed, in order. `owners`: whose it is, before it is given to another user. `left`:
    numbers of records by topic that are never replayed. `starts`: the sequence of each topic's first record.
    """

    folder: Path
    manifest: Manifest
    entries: list[Entry] = field(default_factory=list)
    owners: set[str] = field(default_factory=set)
    left: Counter[str] = field(default_factory=Counter)
    starts: dict[str, int] = field(default_factory=dict)

    def records(self, topic: str) -> Iterator[tuple[int, object]]:
        """(sequence, record) of a topic of REPLAYED, in order. Raises SliceRefused if the file is not what it was."""
        file = self.manifest.file_of(topic)
        if file is None:
            return
        unreadable = _unreadable(self.manifest, topic)
        sequence = self.starts[topic]
        for raw in read_container(self.folder / file.name, topic):
            if (raw.partition, raw.offset) not in unreadable:
                yield sequence, decode(raw.value)
                sequence += 1


def open_slice(folder: Path, owner: str | None, report: Callable[[int, int], None]) -> OpenedSlice:
    """Check every byte and every record of a slice. `owner`: who is to own it instead of its own users.

    Raises SliceRefused for whatever is not as the manifest says, is missing, is too much, or cannot be understood here.
    """
    manifest = _manifest(folder)
    _check_files(folder, manifest)
    _check_schemas(manifest)
    opened = OpenedSlice(folder, manifest)
    done = sequence = 0
    for file in sorted(manifest.files, key=lambda file: _rank(file.topic)):
        opened.starts[file.topic] = sequence
        unreadable = _unreadable(manifest, file.topic)
        for raw in _in_order(folder / file.name, file):
            if done % 1000 == 0:
                report(done, manifest.records)
            done += 1
            if (raw.partition, raw.offset) in unreadable:
                opened.left[file.topic] += 1
                continue
            _take(opened, file, raw, sequence, owner)
            sequence += 1
    if owner is not None and len(opened.owners) > 1:
        raise SliceRefused(
            f"the slice has {len(opened.owners)} owners: only one of a single owner can be given to another user"
        )
    return opened


def _rank(topic: str) -> int:
    return REPLAYED.index(topic) if topic in REPLAYED else len(REPLAYED)


def _manifest(folder: Path) -> Manifest:
    file = folder / MANIFEST
    try:
        if not folder.is_dir():
            raise SliceRefused(f"{folder} is not a folder: a slice is a folder with a {MANIFEST} in it")
        if file.stat().st_size > MAX_MANIFEST_BYTES:
            raise SliceRefused(f"{file} is too large for a manifest")
        return parsed(file.read_bytes(), str(file))
    except FileNotFoundError:
        raise SliceRefused(f"{folder} has no {MANIFEST}: it is not a slice, or its export was never finished") from None
    except OSError as error:
        raise SliceRefused(f"{file} cannot be read: {error.strerror}") from None


def _check_files(folder: Path, manifest: Manifest) -> None:
    named = {file.name for file in manifest.files}
    try:
        there = {file.name for file in folder.iterdir()}
        if extra := sorted(there - named - {MANIFEST}):
            raise SliceRefused(f"{folder / extra[0]} is not named by the manifest: the slice was tampered with")
        if missing := sorted(named - there):
            raise SliceRefused(f"{folder / missing[0]} is missing: copy the whole folder again")
        for file in manifest.files:
            place = folder / file.name
            if Path(file.name).name != file.name or place.is_symlink() or not place.is_file():
                raise SliceRefused(f"{place} is not a file of this folder")
            size, sha256 = checksum(place)
            if size != file.bytes:
                raise SliceRefused(f"{place} is damaged: it has {size} bytes, the manifest says {file.bytes}")
            if sha256 != file.sha256:
                raise SliceRefused(f"{place} is damaged: its sha256 is not the manifest's")
    except OSError as error:
        raise SliceRefused(f"{error.filename or folder} cannot be read: {error.strerror}") from None


def _check_schemas(manifest: Manifest) -> None:
    known = registered_schemas()
    for number, schema in manifest.schemas.items():
        here = known.get(int(number)) if number.isdigit() else None
        name = f"schema {number} ({schema.get('subject')} version {schema.get('version')})"
        if here is None:
            raise SliceRefused(f"{name} is not known here: the slice was made by a newer version of Verbatim")
        if dict(here.definition) != schema.get("definition"):
            raise SliceRefused(
                f"{name} is another schema here ({here.subject} version {here.version}): a foreign slice"
            )


def _unreadable(manifest: Manifest, topic: str) -> set[tuple[int, int]]:
    return {(record.partition, record.offset) for record in manifest.unreadable if record.topic == topic}


def _in_order(where: Path, file: SliceFile) -> Iterator[RawRecord]:
    """The records of a file, as many as the manifest says, offsets rising."""
    last: dict[int, int] = {}
    count = 0
    for raw in read_container(where, file.topic):
        if raw.offset <= last.get(raw.partition, -1):
            raise SliceRefused(f"{where}: {file.topic}[{raw.partition}] goes back to {raw.offset}")
        last[raw.partition] = raw.offset
        count += 1
        yield raw
    if count != file.records:
        raise SliceRefused(f"{where} holds {count} records, the manifest says {file.records}")


def _take(opened: OpenedSlice, file: SliceFile, raw: RawRecord, sequence: int, owner: str | None) -> None:
    topic = file.topic
    record = understood(raw, file.name)
    if topic in REPLAYED and (user := owner_of(record)) is not None:
        opened.owners.add(user)
    if topic not in REPLAYED or (topic == ACCOUNT_EVENTS and owner is not None):
        opened.left[topic] += 1
        return
    entry, size = entry_of(record, topic, file.position(raw.partition, raw.offset), sequence, owner)
    if size > TOPICS[topic].max_record_bytes:
        raise SliceRefused(f"{file.name}, {topic}[{raw.partition}]@{raw.offset}: {size} bytes are too many for {topic}")
    opened.entries.append(entry)
