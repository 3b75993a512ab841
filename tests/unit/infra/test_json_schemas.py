"""Which JSON schemas an answer can be held to, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest

from infra.models.json_schemas import MAX_DEPTH, UnsupportedSchema, check_schema

GOOD: dict[str, Any] = {
    "title": "Person",
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 20, "pattern": "^[A-Z](?:[a-z]+)$"},
        "age": {"type": ["integer", "null"], "minimum": 0, "exclusiveMaximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3},
        "friend": {"anyOf": [{"$ref": "#/$defs/friend"}, {"type": "null"}]},
        "born": {"type": "string", "format": "date"},
        "not": {"const": 1},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"friend": {"type": "object", "properties": {"name": {"$ref": "#/properties/name"}}}},
}

SATISFIABLE: tuple[dict[str, Any], ...] = (
    {"type": "integer", "minimum": 5, "maximum": 5},
    {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 2},
    {"type": "number", "exclusiveMinimum": 0.2, "exclusiveMaximum": 0.8},
    {"type": "number", "minimum": -(2**53), "maximum": 2**53},
    {"type": ["string", "null"], "enum": ["a", 1]},
    {"type": "integer", "const": 1.0},
    {"type": "array", "const": []},
    {"type": "boolean", "enum": [False]},
    {"const": None},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "null"}}},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"n": {"$ref": "#"}}}}},
)


def test_what_a_grammar_holds_passes() -> None:
    check_schema(GOOD)
    check_schema({})
    check_schema(True)


@pytest.mark.parametrize("schema", SATISFIABLE)
def test_bounds_and_values_that_something_satisfies_pass(schema: dict[str, Any]) -> None:
    check_schema(schema)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"not": {}}, "the keyword 'not' at the root is not supported: leave it out"),
        ({"properties": {"a": {"uniqueItems": True}}}, "the keyword 'uniqueItems' at /properties/0 is not supported"),
        ({"type": "text"}, "the keyword 'type' at the root has a value that is not supported, a JSON type is expected"),
        ({"items": {"anyOf": [{}, {"pattern": "(?=x)"}]}}, "the keyword 'pattern' at /items/anyOf/1 has a value"),
        ({"pattern": r"(a)\1"}, "the keyword 'pattern'"),
        ({"pattern": "("}, "the keyword 'pattern'"),
        ({"$ref": "#/$defs/none"}, "the keyword '$ref' .* a reference within the schema"),
        ({"$ref": "elsewhere.json"}, "the keyword '$ref'"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "the keyword '$ref'"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#"}}}, "the keyword '$ref'"),
        ({"$ref": "#/$defs/a", "$defs": {"a": False}}, "the keyword '$ref'"),
        ({"minItems": -1}, "a whole number from 0 to 100000"),
        ({"minimum": "1"}, "a number of at most 9007199254740992 is expected"),
        ({"maximum": 1e20}, "a number of at most 9007199254740992 is expected"),
        ({"minimum": -(2**53) - 1}, "a number of at most 9007199254740992 is expected"),
        ({"minimum": 5, "exclusiveMaximum": 5}, "the keyword 'minimum' at the root leaves no number"),
        ({"exclusiveMinimum": 5, "maximum": 5}, "the keyword 'exclusiveMinimum' at the root leaves no number"),
        ({"minimum": 5, "exclusiveMinimum": 5, "maximum": 5}, "leaves no number"),
        ({"exclusiveMinimum": 6, "exclusiveMaximum": 5}, "leaves no number"),
        ({"type": "integer", "minimum": 0.2, "maximum": 0.8}, "leaves no number"),
        ({"type": ["null", "integer"], "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "leaves no number"),
        ({"type": "string", "const": 1}, "the keyword 'const' at the root is of another type"),
        ({"type": ["integer", "null"], "enum": ["a", True, 1.5]}, "the keyword 'enum' at the root is of another type"),
        ({"type": "object", "const": None}, "the keyword 'const' at the root is of another type"),
        ({"pattern": r"a\Z"}, "the keyword 'pattern'"),
        ({"enum": []}, "a list of values is expected"),
        ({"items": 3}, "the keyword 'items' at /items is not a schema, an object is expected"),
        ({"items": {"minLength": 3, "maxLength": 2}}, "the keyword 'minLength' at /items is more than maxLength"),
        ({"required": ["a"], "additionalProperties": False}, "the keyword 'required' at the root names a property"),
        ({"format": "uri"}, "the keyword 'format' at the root has a value that is not supported, one of date, "),
        ({"format": ["date"]}, "the keyword 'format' at the root has a value"),
        ({"properties": {"a": {"format": {}}}}, "the keyword 'format' at /properties/0 has a value"),
        ([], "the keyword 'schema' at the root is not a schema"),
        ({"description": "x" * 70_000}, "is too large, at most 65536 bytes"),
    ],
)
def test_what_it_cannot_hold_names_the_keyword_and_its_place(schema: Any, said: str) -> None:
    with pytest.raises(UnsupportedSchema, match=said.replace("(", r"\(").replace("$", r"\$")):
        check_schema(schema)


def test_a_deep_schema_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(MAX_DEPTH + 2):
        schema = {"items": schema}
    with pytest.raises(UnsupportedSchema, match="is nested too deeply"):
        check_schema(schema)


def test_a_long_keyword_is_not_repeated_whole() -> None:
    with pytest.raises(UnsupportedSchema, match="is not supported: leave it out") as raised:
        check_schema({"x" * 50_000: 1})
    assert len(str(raised.value)) < 200


def test_no_text_of_the_schema_is_repeated() -> None:
    with pytest.raises(UnsupportedSchema) as raised:
        check_schema({"properties": {"secret": {"pattern": "(?=secret)"}}})
    assert "secret" not in str(raised.value)
