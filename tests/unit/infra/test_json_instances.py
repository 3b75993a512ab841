"""The smallest value that keeps to a schema, and whether a value does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra.models.json_instances import NoInstance, instance_of
from infra.models.json_patterns import NoText, text_of
from infra.models.json_schemas import FORMATS, UnsupportedSchema, check_schema
from infra.models.json_validity import TooMuch, is_valid
from tests.unit.infra.test_json_schemas import GOOD, SATISFIABLE

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"left": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}, "value": {"minimum": 3}},
            "required": ["left", "value"],
        }
    },
}


def matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def keeps(value: Any, schema: Any) -> bool:
    return is_valid(value, schema, matches)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (True, None),
        ({}, None),
        ({"type": "object"}, {}),
        (GOOD, {"name": "Aa"}),
        (TREE, {"left": None, "value": 3}),
        ({"properties": {"b": {"type": "boolean"}, "a": {}}, "required": ["z", "a"]}, {"a": None, "z": None}),
        ({"required": ["n"], "additionalProperties": {"type": "integer", "minimum": 2}}, {"n": 2}),
        ({"items": {"enum": ["b", "c"]}, "minItems": 2}, ["b", "b"]),
        ({"prefixItems": [{"const": 1}, {"type": "string"}], "items": {"type": "null"}, "minItems": 3}, [1, "", None]),
        ({"type": "number", "exclusiveMinimum": 0.2, "exclusiveMaximum": 0.8}, 0.5),
        ({"type": ["integer", "null"], "maximum": -2}, -2),
        ({"type": "string", "minLength": 3}, "aaa"),
        ({"anyOf": [{"$ref": "#"}, {"type": "string", "maxLength": 2}]}, ""),
        ({"anyOf": [{"type": "string"}, {"minimum": 4}], "type": "integer"}, 4),
        ({"enum": ["a", 1, "long"], "type": "string", "minLength": 2}, "long"),
        ({"anyOf": [{"const": 1}], "enum": [True, 1, 2]}, 1),
        (
            {"$ref": "#/$defs/a", "properties": {"x": {"maximum": -1}}, "$defs": {"a": {"required": ["x"]}}},
            {"x": -1},
        ),
    ],
)  # fmt: skip
def test_the_smallest_value(schema: Any, value: Any) -> None:
    check_schema(schema)
    made = instance_of(schema)
    assert json.dumps(made) == json.dumps(value)
    assert keeps(made, schema)


@pytest.mark.parametrize("schema", SATISFIABLE)
def test_what_can_be_satisfied_is(schema: Any) -> None:
    assert keeps(instance_of(schema), schema)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_has_a_text_that_keeps_to_it(name: str) -> None:
    schema = {"type": "string", "format": name}
    assert keeps(instance_of(schema), schema)
    assert not keeps("no such thing!", schema)


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"properties": {"a": {"$ref": "#"}}, "required": ["a"], "type": "object"},
        {"anyOf": [{"type": "string"}], "type": "integer"},
        {"enum": ["a"], "minLength": 2},
        {"type": "array", "minItems": 100_000},
        {"type": "array", "items": {"type": "array", "minItems": 1000}, "minItems": 1000},
        {"type": "array", "minItems": 100, "items": {"type": "string", "minLength": 100_000}},
        {"format": "ipv4", "minLength": 50, "type": "string"},
        {"anyOf": [{"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, {"$ref": "#"}]},
    ],
)
def test_what_nothing_satisfies_or_only_much_is_told_soon(schema: Any) -> None:
    with pytest.raises(NoInstance):
        instance_of(schema)


@pytest.mark.parametrize(
    ("pattern", "least", "most", "text"),
    [
        ("", 0, None, ""),
        ("^[A-Z](?:[a-z]+)$", 0, 20, "Aa"),
        ("^[A-Z](?:[a-z]+)$", 6, 6, "Aaaaaa"),
        (r"^\d{3}-\d{2,5}$", 8, 8, "000-0000"),
        ("x", 3, None, "xaa"),
        ("x$", 3, None, "aax"),
        ("^(?:ab|cde)$", 3, 3, "cde"),
        (r"[^a]\W\S", 0, None, "0 a"),
    ],
)
def test_a_text_for_a_pattern(pattern: str, least: int, most: int | None, text: str) -> None:
    assert text_of(pattern, least, most) == text
    assert re.search(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [("^a{5}$", 0, 4), ("^a{5}$", 6, None), (r"\bword", 0, None), ("a*+a", 0, None), ("(?:a{9999}){9999}", 0, None)],
)
def test_a_pattern_that_no_text_is_found_for(pattern: str, least: int, most: int | None) -> None:
    with pytest.raises(NoText):
        text_of(pattern, least, most)


_PATTERNS = st.recursive(
    st.sampled_from(["a", "[b-e]", r"\d", r"\w", r"\.", "[^x]", ".", r"\s", r"[\d_-]"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@given(_PATTERNS, st.booleans(), st.booleans(), st.integers(0, 12), st.none() | st.integers(0, 12))
def test_the_text_is_matched_and_as_long_as_asked(
    inner: str, begins: bool, ends: bool, least: int, most: int | None
) -> None:
    pattern = "^" * begins + inner + "$" * ends
    try:
        text = text_of(pattern, least, most)
    except NoText:
        assert most is not None or (begins and ends)
        return
    assert re.search(pattern, text)
    assert least <= len(text) <= (100_000 if most is None else most)


_BOUNDS = st.integers(-5, 5) | st.sampled_from([0.5, -1.5])
_NAMES = st.sampled_from(["a", "b", "c"])
_VALUES = st.sampled_from([None, True, 1, 0.5, "a", "abc", [1], {"a": 1}, {}])


def _schemas() -> st.SearchStrategy[Any]:
    def some(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        keywords: dict[str, st.SearchStrategy[Any]] = {
            "type": st.sampled_from(
                ["object", "array", "string", "integer", "number", "null", ["string", "null"], ["integer", "array"]]
            ),
            "properties": st.dictionaries(_NAMES, inner, max_size=3),
            "required": st.lists(_NAMES, max_size=2),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "minItems": st.integers(0, 3),
            "maxItems": st.integers(0, 4),
            "minLength": st.integers(0, 3),
            "maxLength": st.integers(0, 6),
            "minimum": _BOUNDS,
            "exclusiveMinimum": _BOUNDS,
            "maximum": _BOUNDS,
            "exclusiveMaximum": _BOUNDS,
            "pattern": _PATTERNS,
            "format": st.sampled_from(sorted(FORMATS)),
            "anyOf": st.lists(inner, min_size=1, max_size=3),
            "enum": st.lists(_VALUES, min_size=1, max_size=3),
            "const": _VALUES,
            "$ref": st.sampled_from(["#", "#/$defs/x"]),
        }
        one = st.sampled_from(sorted(keywords)).flatmap(lambda name: st.tuples(st.just(name), keywords[name]))
        return st.lists(one, max_size=4).map(dict)

    inner = st.recursive(st.booleans() | some(st.booleans()), some, max_leaves=4)
    return st.builds(lambda schema, x: {**schema, "$defs": {"x": x}}, some(inner), inner)


@given(_schemas())
def test_what_is_made_keeps_to_any_schema(schema: Any) -> None:
    try:
        check_schema(schema)
        made = instance_of(schema)
        assert instance_of(schema) == made
        assert keeps(made, schema)
    except (UnsupportedSchema, NoInstance, TooMuch):
        assume(False)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [0, 1.0, -3], [1.5, True, "1", None]),
        ({"const": 1}, [1], [True, 2]),
        ({"additionalProperties": False, "properties": {"a": {}}}, [{}, {"a": 1}, 5], [{"b": 1}]),
        ({"prefixItems": [{"type": "string"}], "items": False}, [[], ["a"]], [["a", 1], [1]]),
        ({"pattern": "b+"}, ["abba", 3], ["aa"]),
        ({"anyOf": [{"minimum": 3}, {"type": "null"}]}, [3, None, "text"], [2]),
        (TREE, [{"left": {"left": None, "value": 3}, "value": 4}], [{"left": None}, {"left": 5, "value": 3}, "text"]),
        ({"minLength": 2, "maxLength": 3}, ["ab", "äöü"], ["a", "abcd"]),
        ({"exclusiveMaximum": 1, "minimum": 0}, [0, 0.5], [1, -1]),
    ],
)
def test_validity(schema: Any, good: list[Any], bad: list[Any]) -> None:
    check_schema(schema)
    assert [keeps(value, schema) for value in good] == [True] * len(good)
    assert [keeps(value, schema) for value in bad] == [False] * len(bad)


def test_nothing_keeps_to_a_schema_that_leads_to_itself() -> None:
    assert not is_valid(1, {"anyOf": [{"$ref": "#"}]})


def test_a_question_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(TooMuch):
        is_valid([[0] * 100] * 1000, {"items": {"items": {}}})


def test_a_pattern_is_held_to_by_nothing_where_nobody_looks() -> None:
    assert not is_valid("a", {"pattern": "a"})


def test_what_annotations_hold_is_no_schema() -> None:
    for reference in ("#/default", "#/const", "#/properties", "#/enum"):
        with pytest.raises(UnsupportedSchema, match="a reference within the schema"):
            check_schema({"$ref": reference, "default": {"type": "no"}, "const": {}, "enum": [{}], "properties": {}})
    check_schema({"$ref": "#/properties/items/items", "properties": {"items": {"items": {"type": "null"}}}})
