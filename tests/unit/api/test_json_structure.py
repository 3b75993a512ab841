"""Structure is bounded before it is walked, and no name stands twice in one object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.json_structure import MAX_DEPTH, MAX_NAME_BYTES, MAX_NAMES, MAX_VALUES, BadStructure, check_structure

TEXTS = st.text(st.sampled_from('\\"[]{},: aé🧘\n\u2028x'), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=30,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_whatever_is_in_its_strings_a_body_passes(value: Any, ascii_only: bool, indent: int | None) -> None:
    padded = {"padding": "x" * 2_000, "value": value}
    for body in (value, padded):
        check_structure(json.dumps(body, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass"))


@given(TEXTS, TEXTS, VALUES)
def test_a_name_twice_is_found_wherever_it_stands(name: str, long: str, value: Any) -> None:
    twice = f"{{{json.dumps(name)}: 1, {json.dumps(name, ensure_ascii=False)}: {json.dumps(value)}}}"
    around = json.dumps({"before": long + "\\" * 2_001, "value": value, "here": "HERE"})
    for body in (twice, around.replace('"HERE"', twice)):
        with pytest.raises(BadStructure, match="twice"):
            check_structure(body.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" + b"1," * MAX_VALUES + b"1]", "values"),
        (b"[" + b"[]," * MAX_VALUES + b"1]", "values"),
        (b"[" + b'"" ' * (MAX_VALUES + 1) + b"]", "strings"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "depth"),
        (b"[" * 4_000_000, "depth"),
        (b'{"a": {"b": ' * 60 + b"1" + b"}" * 120, "depth"),
        (json.dumps({str(n): n for n in range(MAX_NAMES + 1)}).encode(), "names"),
        (b'{"' + b"n" * (MAX_NAME_BYTES + 1) + b'" \n: 1}', "a name is longer"),
    ],
)
def test_what_is_too_much(body: bytes, said: str) -> None:
    with pytest.raises(BadStructure, match=said):
        check_structure(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        json.dumps({str(n): "x" * 2_000 for n in range(MAX_NAMES)}).encode(),
        json.dumps(["[{," * 500_000]).encode(),
        json.dumps(['"\\' * 500_000]).encode(),
        b'{"' + b"n" * MAX_NAME_BYTES + b'": "' + b"v" * 2_000 + b'"}',
        b"{", b'"', b'"\\', b"\\", b"\xff", b"]]]]", b"{]", b'{"a" 1}', b"[NaN]",
    ],
)  # fmt: skip
def test_what_is_not_too_much_or_no_json_at_all(body: bytes) -> None:
    check_structure(body)
