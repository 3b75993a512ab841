"""The manifest of a segment: its JSON, its name, and how segments join. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from topics.errors import DamagedArchive

FORMAT = 1
_NAME = re.compile(r"([A-Za-z0-9._-]{1,249})/([0-9]{1,9})/([0-9]{20})-([0-9]{20})\.json")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The offsets `first` (included) to `next` (excluded) of a partition."""

    topic: str
    partition: int
    first: int
    next: int

    @property
    def segment(self) -> str:
        return f"{self._stem}.avro"

    @property
    def manifest(self) -> str:
        return f"{self._stem}.json"

    @property
    def _stem(self) -> str:
        return f"{folder_of(self.topic, self.partition)}/{self.first:020}-{self.next:020}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a segment's bytes must be. `oldest_ms`, `newest_ms`: of its records' times; -1 if it has no record."""

    cluster: str
    topic: str
    partition: int
    first: int
    next: int
    count: int
    bytes: int
    sha256: str
    oldest_ms: int
    newest_ms: int
    format: int = FORMAT

    @property
    def span(self) -> Span:
        return Span(self.topic, self.partition, self.first, self.next)


_TYPES = {field.name: (str if field.type == "str" else int) for field in fields(Manifest)}


def folder_of(topic: str, partition: int) -> str:
    """Where the objects of a partition are."""
    return f"{topic}/{partition}"


def span_named(name: str) -> Span | None:
    """The span whose manifest has this name; None if no manifest has."""
    found = _NAME.fullmatch(name)
    return Span(found[1], int(found[2]), int(found[3]), int(found[4])) if found else None


def to_json(manifest: Manifest) -> bytes:
    """The same manifest is always the same bytes. `check` is the SHA-256 of the rest, so that no bit can change."""
    document = asdict(manifest)
    return _canonical({**document, "check": _check(document)}) + b"\n"


def from_json(text: bytes, span: Span, cluster: str) -> Manifest:
    """The manifest of `span` in the archive of a Kafka cluster. Raises DamagedArchive if it is any other."""

    def damaged(what: str) -> DamagedArchive:
        return DamagedArchive(span.manifest, span.first, what)

    try:
        document: Any = json.loads(text)
        check = document.pop("check")
    except (ValueError, AttributeError, KeyError, TypeError):
        raise damaged("the manifest is not a manifest of ours") from None
    if check != _check(document):
        raise damaged("the manifest was changed: its checksum does not fit it")
    if document.get("format") != FORMAT:
        raise damaged(f"it has format {str(document.get('format'))[:20]!r}, this version of Verbatim reads {FORMAT}")
    if {name: type(value) for name, value in document.items()} != _TYPES:
        raise damaged("the manifest lacks fields or has others")
    manifest = Manifest(**document)
    if manifest.span != span:
        raise damaged("the manifest is another segment's")
    if manifest.cluster != cluster:
        raise damaged(f"it comes from the Kafka cluster {manifest.cluster}, the log is that of {cluster}")
    return manifest


def joined(spans: Iterable[Span]) -> list[Span]:
    """The spans of one partition that lead from the first offset to the last, each beginning in or right after the one
    before. Raises DamagedArchive, which names the segment that is missing.
    """
    chain: list[Span] = []
    best: Span | None = None
    reached = -1
    for span in sorted(spans, key=lambda span: (span.first, -span.next)):
        if span.next <= span.first:
            raise DamagedArchive(span.manifest, span.first, "it ends before it begins")
        if chain and span.first > reached:
            if best is not None:
                chain.append(best)
                reached, best = best.next, None
            if span.first > reached:
                missing = Span(span.topic, span.partition, reached, span.first)
                raise DamagedArchive(missing.segment, reached, "this part is missing")
        if not chain:
            chain.append(span)
            reached = span.next
        elif span.next > reached and (best is None or span.next > best.next):
            best = span
    if best is not None:
        chain.append(best)
    return chain


def _check(document: object) -> str:
    return hashlib.sha256(_canonical(document)).hexdigest()


def _canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
