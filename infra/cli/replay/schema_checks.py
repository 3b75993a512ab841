"""Checks that the committed index of schemas is consistent: ids, files, versions, types, compatibility."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from schemas.derivation import avro_schema
from schemas.registry import RECORD_TYPES, RegisteredSchema
from schemas.upcast import missing_steps


def problems(schemas: Mapping[int, RegisteredSchema]) -> list[str]:
    """What is wrong with these schemas, a line each; [] if nothing is."""
    by_subject: dict[str, list[RegisteredSchema]] = {}
    for schema in sorted(schemas.values(), key=lambda schema: (schema.subject, schema.version)):
        by_subject.setdefault(schema.subject, []).append(schema)
    found = list(_index_problems(schemas))
    for subject, versions in by_subject.items():
        found += _version_problems(subject, versions)
        found += _incompatible(subject, versions)
    return found + list(_type_problems(by_subject))


def stray_files() -> list[str]:
    """Files and entries of the index that do not belong together, a line each."""
    folder = files("schemas") / "avro"
    entries = json.loads((folder / "ids.json").read_text("utf-8"))["schemas"]
    named = [entry["file"] for entry in entries]
    there = {file.name for file in folder.iterdir() if file.name.endswith(".avsc")}
    found = [
        f"schemas/avro/{name} is listed twice in ids.json" for name in sorted({n for n in named if named.count(n) > 1})
    ]
    found += [f"schemas/avro/{name} is not listed in ids.json" for name in sorted(there - set(named))]
    return found + [f"ids.json names schemas/avro/{name}, which does not exist" for name in sorted(set(named) - there)]


def _index_problems(schemas: Mapping[int, RegisteredSchema]) -> Iterator[str]:
    if sorted(schemas) != list(range(1, len(schemas) + 1)):
        yield f"the ids are not 1 to {len(schemas)}: an id was given twice or taken back"
    for schema in schemas.values():
        said = f"{schema.definition.get('namespace')}.{schema.definition.get('name')}"
        if said != schema.subject:
            yield f"id {schema.id} is {schema.subject} by the index, and {said} by its file"


def _version_problems(subject: str, versions: Sequence[RegisteredSchema]) -> Iterator[str]:
    numbers = [schema.version for schema in versions]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{subject} has the versions {', '.join(map(str, numbers))}: they must be 1 to {len(numbers)}, each once"
    name = versions[0].record_name
    for step in missing_steps(name, numbers[0], numbers[-1]):
        yield f"{subject}: schemas/upcast.py has no step from version {step} to {step + 1}"


def _incompatible(subject: str, versions: Sequence[RegisteredSchema]) -> Iterator[str]:
    """BACKWARD_TRANSITIVE: every version reads all before it."""
    if len(versions) < 2:
        return
    import avro.compatibility
    import avro.schema

    parsed = [avro.schema.parse(json.dumps(dict(schema.definition))) for schema in versions]
    compatible = avro.compatibility.SchemaCompatibilityType.compatible
    for n, reader in enumerate(parsed):
        for m, writer in enumerate(parsed[:n]):
            answer = avro.compatibility.ReaderWriterCompatibilityChecker().get_compatibility(reader, writer)
            if answer.compatibility is not compatible:
                why = "; ".join(sorted(answer.messages)) or "it does not say why"
                yield f"{subject}: version {versions[n].version} cannot read version {versions[m].version}: {why}"


def _type_problems(by_subject: Mapping[str, Sequence[RegisteredSchema]]) -> Iterator[str]:
    types = {record_type.__name__: record_type for record_type in RECORD_TYPES}
    known = {versions[0].record_name for versions in by_subject.values()}
    for name in sorted(set(types) - known):
        yield f"{name} has no schema: run python -m tests.golden.publish"
    for subject, versions in by_subject.items():
        newest = versions[-1]
        record_type = types.get(newest.record_name)
        if record_type is None:
            yield f"{subject} belongs to no record type any more, so records of it cannot be read"
        elif without_prose(dict(newest.definition)) != without_prose(avro_schema(record_type)):
            yield f"{subject}: the type differs from version {newest.version}: publish a new version"


def without_prose(schema: Any) -> Any:
    """A schema without its `doc`s, which may be improved without a new version."""
    if isinstance(schema, Mapping):
        return {key: without_prose(value) for key, value in schema.items() if key != "doc"}
    return [without_prose(item) for item in schema] if isinstance(schema, list | tuple) else schema
