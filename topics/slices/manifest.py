"""The manifest of a slice: origin, request, files with checksums, schemas.

`manifest.json` is written last, so a folder without one is no slice; its own checksum is the slice's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from schemas.envelope import Position
from schemas.registry import registered_schemas
from topics.epochs import Layout
from topics.slices.errors import SliceRefused

MANIFEST = "manifest.json"
FORMAT = "verbatim-slice"
FORMAT_VERSION = 1
MAX_MANIFEST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SliceFile:
    """One topic's records. `bytes` and `sha256` are of the whole file.

    `epoch`: the topic's newest; `seams`: the first partition of each epoch after 0, written for a topic that has any.
    """

    name: str
    topic: str
    epoch: int
    records: int
    bytes: int
    sha256: str
    schema_ids: tuple[int, ...]
    seams: tuple[int, ...] = ()

    def position(self, partition: int, offset: int) -> Position:
        """A place in the topic, as its records name it."""
        return Layout(max((partition + 1, *self.seams)), self.seams).position(partition, offset)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that its own installation could not decode either. It is carried, and never replayed."""

    topic: str
    partition: int
    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`asked`: the selection, in the user's words. `start` and `stop`: the cuts between which was looked (as text).

    `schemas`: id -> subject, version and Avro definition of every schema that a record is written in.
    `sha256`: of all the rest; it names the slice.
    """

    created_at: str
    created_by: str
    cluster_id: str
    asked: Mapping[str, Any]
    start: str
    stop: str
    files: tuple[SliceFile, ...]
    schemas: Mapping[str, Mapping[str, Any]]
    unreadable: tuple[Unreadable, ...]
    sha256: str

    @property
    def records(self) -> int:
        return sum(file.records for file in self.files)

    def file_of(self, topic: str) -> SliceFile | None:
        """The file of a topic; None if the slice has none of it."""
        return next((file for file in self.files if file.topic == topic), None)


def schemas_of(ids: set[int]) -> dict[str, dict[str, Any]]:
    """What a manifest says of the schemas with these ids; unknown ones are left out."""
    known = registered_schemas()
    return {
        str(number): {
            "subject": known[number].subject,
            "version": known[number].version,
            "definition": dict(known[number].definition),
        }
        for number in sorted(ids & known.keys())
    }


def written(manifest: Manifest) -> tuple[str, str]:
    """The text of manifest.json, and the sha256 that names the slice (whatever `manifest` itself says it is)."""
    body = {"format": FORMAT, "version": FORMAT_VERSION, **asdict(manifest)}
    del body["sha256"]
    for file in body["files"]:
        if not file["seams"]:
            del file["seams"]
    digest = digest_of(body)
    return rendered({**body, "sha256": digest}), digest


def parsed(text: bytes, where: str) -> Manifest:
    """The manifest in `text`. `where` is for messages.

    Raises SliceRefused for what is no manifest, one of a newer format, and one that was changed since it was written.
    """
    try:
        body = json.loads(text)
    except ValueError:
        raise SliceRefused(f"{where} is damaged: it is not JSON") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise SliceRefused(
            f"{where} is not a manifest of a slice: only what ./verbatim replay export made can be imported"
        )
    version = body.get("version")
    if version != FORMAT_VERSION:
        raise SliceRefused(
            f"{where} is of format version {str(version)[:20]}, this installation reads version {FORMAT_VERSION}: "
            "import it with the version of Verbatim that made it, or a newer one"
        )
    is_as_written = rendered(body).encode() == text
    claimed = body.pop("sha256", None)
    if not is_as_written or claimed != digest_of(body):
        raise SliceRefused(f"{where} was changed after it was written (its sha256 does not match): export it again")
    del body["format"], body["version"]
    try:
        body["files"] = tuple(_file(file) for file in body["files"])
        body["unreadable"] = tuple(Unreadable(**record) for record in body["unreadable"])
        return Manifest(**body, sha256=claimed)
    except (TypeError, KeyError) as error:
        raise SliceRefused(f"{where} is not a manifest of a slice ({type(error).__name__}: {error})") from None


def _file(said: Mapping[str, Any]) -> SliceFile:
    file = SliceFile(**{**said, "schema_ids": tuple(said["schema_ids"]), "seams": tuple(said.get("seams", ()))})
    if list(file.seams) != sorted({seam for seam in file.seams if seam > 0}):
        raise TypeError(f"seams of {file.name[:100]}")
    return file


def rendered(body: Mapping[str, Any]) -> str:
    """The one way in which a manifest is written."""
    return json.dumps(body, indent=1, ensure_ascii=True) + "\n"


def digest_of(body: Mapping[str, Any]) -> str:
    """The checksum of a manifest without its own."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
