"""The committed index of schemas, in the terms of a Confluent registry. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from fastavro import parse_schema
from fastavro.schema import to_parsing_canonical_form

from schemas.registry import RegisteredSchema, registered_schemas
from schemas.wire import without_logical_types

_MAX_REASONS = 20
_LONGEST_REASON = 300


class NotAvro(ValueError):
    """A text that is no Avro schema."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a subject. `text`: the schema as it is served, prose included; `form`: its canonical form."""

    id: int
    subject: str
    version: int
    text: str
    form: str


@cache
def by_id() -> Mapping[int, Entry]:
    """Every schema ever published."""
    return MappingProxyType({schema.id: _entry(schema) for schema in registered_schemas().values()})


@cache
def by_subject() -> Mapping[str, Mapping[int, Entry]]:
    """Every subject's versions, oldest first; subjects in the alphabet's order."""
    found: dict[str, dict[int, Entry]] = {}
    for entry in sorted(by_id().values(), key=lambda entry: (entry.subject, entry.version)):
        found.setdefault(entry.subject, {})[entry.version] = entry
    return MappingProxyType({subject: MappingProxyType(versions) for subject, versions in found.items()})


def find(subject: str, text: str) -> Entry | None:
    """The subject's version with this schema: the one that says exactly this, else the newest of the same canonical
    form (prose, white space and the order of attributes are no difference). Raises NotAvro, KeyError.
    """
    versions = by_subject()[subject].values()
    definition = _definition(text)
    exact = [entry for entry in versions if json.loads(entry.text) == definition]
    form = _form(definition)
    same = exact or [entry for entry in versions if entry.form == form]
    return same[-1] if same else None


def unreadable(entries: Iterable[Entry], text: str) -> list[str]:
    """Why a reader with the schema `text` could not read what was written with these; [] if it can. Raises NotAvro."""
    reader = _parsed(_definition(text))
    found: list[str] = []
    for entry in entries:
        answer = ReaderWriterCompatibilityChecker().get_compatibility(reader, _parsed(json.loads(entry.text)))
        if answer.compatibility is not SchemaCompatibilityType.compatible:
            reasons = sorted(str(reason)[:_LONGEST_REASON] for reason in answer.messages) or ["incompatible"]
            found += [f"version {entry.version}: {reason}" for reason in reasons]
    return found[:_MAX_REASONS]


def _parsed(definition: Any) -> Any:
    try:
        return avro.schema.parse(json.dumps(without_logical_types(definition)))
    except Exception as error:  # as in _form
        raise NotAvro(f"it is not an Avro schema ({type(error).__name__})") from None


def _entry(schema: RegisteredSchema) -> Entry:
    definition = dict(schema.definition)
    text = json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
    return Entry(schema.id, schema.subject, schema.version, text, _form(definition))


def _definition(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NotAvro("it is not JSON") from None


def _form(definition: Any) -> str:
    try:
        return str(to_parsing_canonical_form(parse_schema(definition, named_schemas={})))
    except Exception as error:  # fastavro raises whatever the mistake leads to; no IO happens here
        raise NotAvro(f"it is not an Avro schema ({type(error).__name__})") from None
