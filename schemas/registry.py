"""The committed index of schemas: id -> subject, version, schema. No process needs a registry to start or encode.

`avro/ids.json` is append-only: an id, once given, means its schema for ever. `writes` is the write level from which a
schema is written; every release reads all schemas of its index, whatever the level.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from schemas.families import record_types

WRITE_LEVEL = 7
"""The newest write level: what this release can write. New schemas are published at this level."""

READ_BEFORE = 1
"""The write level that the release before reads. Until no process of it runs, nothing above is written."""

RECORD_TYPES = record_types()
"""What can stand in a topic. Each type is named once, in its own module."""


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """One version of one record type. `subject` is the record's full name (Confluent RecordNameStrategy)."""

    id: int
    subject: str
    version: int
    definition: Mapping[str, Any]
    writes: int = 1

    @property
    def record_name(self) -> str:
        return self.subject.rpartition(".")[2]


@cache
def registered_schemas() -> Mapping[int, RegisteredSchema]:
    """Every schema ever published, by id."""
    folder = files("schemas") / "avro"
    index = json.loads((folder / "ids.json").read_text("utf-8"))
    found = {}
    for entry in index["schemas"]:
        definition = json.loads((folder / entry["file"]).read_text("utf-8"))
        found[entry["id"]] = RegisteredSchema(
            entry["id"], entry["subject"], entry["version"], definition, entry.get("writes", 1)
        )
    return MappingProxyType(found)


@cache
def current_schema(record_type: type) -> RegisteredSchema:
    """The newest version of a record type's schema: what its dataclass says. Raises KeyError if there is none."""
    return versions_of(record_type)[-1]


@cache
def versions_of(record_type: type) -> tuple[RegisteredSchema, ...]:
    """All versions of a record type's schema, the oldest first. Raises KeyError if there is none."""
    name = record_type.__name__
    versions = [schema for schema in registered_schemas().values() if schema.record_name == name]
    if not versions:
        raise KeyError(f"no schema is registered for {name}")
    return tuple(sorted(versions, key=lambda schema: schema.version))
