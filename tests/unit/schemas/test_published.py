"""What has been published stays as it is: files, ids, golden bytes; and each version can be read by the next."""

from __future__ import annotations

import copy
import json
from dataclasses import fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import avro.compatibility
import avro.schema
import pytest

import schemas
from schemas import conversation, generation
from schemas.codec import decode, encode, record_type_of
from schemas.derivation import NAMESPACE, avro_schema
from schemas.registry import RECORD_TYPES, current_schema, registered_schemas
from tests.golden.event_tables import EVENTS_PAGE, with_tables
from tests.golden.publish import AVRO, PUBLISHED, RECORDS, digests, golden_file, without_docs
from tests.golden.samples import as_json, samples
from topics.catalogue import catalogue, shadow_spec

COMPATIBLE = avro.compatibility.SchemaCompatibilityType.compatible
PUBLISHED_VERSIONS = sorted((schema.record_name, schema.version) for schema in registered_schemas().values())


def parsed(definition: Any) -> avro.schema.Schema:
    return avro.schema.parse(json.dumps(definition))


def breaks(old: Any, new: Any) -> list[str]:
    """Why a reader of `new` cannot read what was written with `old`; [] if it can."""
    result = avro.compatibility.ReaderWriterCompatibilityChecker().get_compatibility(parsed(new), parsed(old))
    if result.compatibility is COMPATIBLE:
        return []
    return sorted(result.messages) or ["incompatible"]


def breaks_of_all(versions: list[Any]) -> list[str]:
    """BACKWARD_TRANSITIVE: every version against all before it."""
    return [reason for n, new in enumerate(versions) for old in versions[:n] for reason in breaks(old, new)]


def test_a_published_file_is_what_was_published() -> None:
    published = json.loads(PUBLISHED.read_text("utf-8"))
    assert digests() == published, "a published schema or id changed: make a new version (docs/schemas.md)"


def test_every_file_stands_in_the_index_and_every_id_is_given_once() -> None:
    index = json.loads((AVRO / "ids.json").read_text("utf-8"))["schemas"]
    assert sorted(entry["file"] for entry in index) == sorted(path.name for path in AVRO.glob("*.avsc"))
    assert [entry["id"] for entry in index] == list(range(1, len(index) + 1))
    pairs = [(entry["subject"], entry["version"]) for entry in index]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize(
    "schema", registered_schemas().values(), ids=lambda schema: f"{schema.subject}-{schema.version}"
)
def test_an_entry_of_the_index_names_the_schema_in_its_file(schema: Any) -> None:
    assert schema.subject == f"{schema.definition['namespace']}.{schema.definition['name']}"
    assert schema.definition["namespace"] == NAMESPACE
    versions = sorted(other.version for other in registered_schemas().values() if other.subject == schema.subject)
    assert versions == list(range(1, len(versions) + 1))


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_the_newest_file_is_what_the_type_says(record_type: type) -> None:
    definition = dict(current_schema(record_type).definition)
    assert without_docs(definition) == without_docs(avro_schema(record_type)), "publish a new version: docs/schemas.md"


def test_every_record_type_is_registered_and_has_a_topic() -> None:
    said = [import_module(f"schemas.{info.name}") for info in iter_modules(schemas.__path__) if not info.ispkg]
    alone = {
        found
        for module in said
        for found in vars(module).values()
        if isinstance(found, type) and is_dataclass(found) and "envelope" in {field.name for field in fields(found)}
        if not found.__subclasses__()  # what several records share is none itself
    }
    assert alone <= set(RECORD_TYPES), "a record that is in no family: nobody could read it"
    in_topics = [record_type for spec in (*catalogue(), shadow_spec("any")) for record_type in spec.record_types]
    assert set(in_topics) == set(RECORD_TYPES)
    assert len(set(RECORD_TYPES)) == len(RECORD_TYPES)


def test_record_types_are_frozen_and_take_no_other_attributes() -> None:
    for record_type in RECORD_TYPES:
        assert is_dataclass(record_type) and fields(record_type)
        assert getattr(record_type, "__dataclass_params__").frozen  # noqa: B009 - unknown to the type checker
        assert "__slots__" in vars(record_type)


def test_records_of_more_than_six_fields_take_keywords_alone() -> None:
    """TokenChunk, which is made an event a token, is the exception: keywords cost it 1 microsecond."""
    nested = {generation.Turn, conversation.Sampling}
    wide = {each for each in {*RECORD_TYPES, *nested} if len(fields(each)) > 6} - {generation.TokenChunk}
    assert len(wide) >= 18
    assert [each for each in wide if not all(field.kw_only for field in fields(each))] == []


@pytest.mark.parametrize("record_type", RECORD_TYPES)
def test_the_newest_schema_reads_every_version(record_type: type) -> None:
    versions = [schema for schema in registered_schemas().values() if schema.record_name == record_type.__name__]
    ordered = sorted(versions, key=lambda schema: schema.version)
    assert breaks_of_all([dict(schema.definition) for schema in ordered]) == []


def _chunk_schema() -> dict[str, Any]:
    return copy.deepcopy(dict(current_schema(generation.TokenChunk).definition))


def test_an_incompatible_change_is_reported() -> None:
    renamed, retyped, without_default = _chunk_schema(), _chunk_schema(), _chunk_schema()
    renamed["fields"][2]["name"] = "sequence"
    retyped["fields"][4]["type"] = "string"
    without_default["fields"].append({"name": "logprob", "type": "double"})
    for planted in (renamed, retyped, without_default):
        assert breaks_of_all([_chunk_schema(), planted]) != []


def test_an_incompatibility_with_an_older_version_than_the_last_is_reported() -> None:
    second, third = _chunk_schema(), _chunk_schema()
    second["fields"] = [field for field in second["fields"] if field["name"] != "seq"]
    third["fields"][2]["type"] = "string"
    third["fields"][2]["default"] = ""
    assert breaks_of_all([_chunk_schema(), second]) == []
    assert breaks(second, third) == []
    assert breaks_of_all([_chunk_schema(), second, third]) != []


def test_a_field_with_a_default_is_compatible() -> None:
    longer = _chunk_schema()
    longer["fields"].append({"name": "logprob", "type": ["null", "double"], "default": None})
    assert breaks_of_all([_chunk_schema(), longer]) == []


@pytest.mark.parametrize(("record_name", "version"), PUBLISHED_VERSIONS)
def test_golden_bytes_are_read_as_ever_and_written_as_ever(record_name: str, version: int) -> None:
    record_type = next(candidate for candidate in RECORD_TYPES if candidate.__name__ == record_name)
    newest = current_schema(record_type).version == version
    content = json.loads(golden_file(record_name, version).read_text("utf-8"))
    assert (content["record_type"], content["version"]) == (record_name, version)
    for case in content["cases"]:
        value = bytes.fromhex(case["hex"])
        assert as_json(decode(value)) == case["record"]
        assert record_type_of(value) is record_type
        assert encode(decode(value)) == value
        if newest:
            assert samples(record_type)[case["name"]] == decode(value)


def test_no_golden_file_belongs_to_nothing() -> None:
    assert {path.name for path in RECORDS.iterdir()} == {golden_file(*pair).name for pair in PUBLISHED_VERSIONS}


def test_the_tables_of_the_events_page_are_current() -> None:
    page = EVENTS_PAGE.read_text("utf-8")
    assert page == with_tables(page), "run python -m tests.golden.publish"
