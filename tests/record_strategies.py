"""Hypothesis strategies for every record type, made from the types themselves."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from schemas.envelope import Content, Sealed
from schemas.registry import RECORD_TYPES

AWKWARD_TEXTS = (
    "",
    "\r\n",
    "\0",
    "\u2028\u2029",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "e\u0301",
    "\ufeff",
    "\U0010ffff",
    "<|im_start|>",
    "a" * 9000,
    "ß" * 64,
)
"""Texts that have broken somebody's pipeline."""

texts = st.text(max_size=40) | st.sampled_from(AWKWARD_TEXTS)
longs = (
    st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300) | st.integers(1_500_000_000_000_000, 2_000_000_000_000_000)
)
sealed = st.builds(Sealed, texts, st.binary(max_size=24), st.binary(max_size=80))
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: longs,
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=60),
}


def records(record_type: type) -> st.SearchStrategy[Any]:
    """Any value of a record type (or of a type inside one)."""
    hints = get_type_hints(record_type)
    return st.builds(record_type, **{field.name: _values(hints[field.name]) for field in fields(record_type)})


def any_record() -> st.SearchStrategy[Any]:
    """A record of any type."""
    return st.one_of([records(record_type) for record_type in RECORD_TYPES])


def _values(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint == Content:
        return texts | sealed
    if is_dataclass(hint) and isinstance(hint, type):
        return records(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    if origin in (Union, types.UnionType):
        inner = tuple(argument for argument in arguments if argument is not type(None))
        return st.none() | _values(Union[inner])  # noqa: UP007 - built at run time
    raise TypeError(f"no strategy for {hint!r}")
