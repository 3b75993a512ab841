"""Finds a record's references to the log and users of its installation, and translates them to another. Pure.

Positions are found by the types of a record's fields, at any depth; of each it must be known which topic it points
into, so a new field of that type cannot be forgotten: this module then refuses to be imported.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from schemas.envelope import Envelope, Position
from schemas.registry import RECORD_TYPES
from topics.catalogue import ADMISSIONS, CONVERSATION_EVENTS, DEAD_LETTERS, GENERATION_OUTCOMES, TOKEN_CHUNKS

JOBS = "generation-jobs"
"""The jobs topics of all pools, which a position alone does not tell apart. They are never replayed."""

POINTS_INTO: Mapping[tuple[str, str], str] = {
    ("PromptSubmitted", "tail"): TOKEN_CHUNKS,
    ("RegenerateRequested", "tail"): TOKEN_CHUNKS,
    ("TitleRequested", "tail"): TOKEN_CHUNKS,
    ("Turn", "cause"): CONVERSATION_EVENTS,
    ("Turn", "tail"): TOKEN_CHUNKS,
    ("GenerationRequested", "lease"): ADMISSIONS,
    ("AttemptStarted", "job"): JOBS,
    ("GenerationCompleted", "end"): TOKEN_CHUNKS,
    ("GenerationFailed", "end"): TOKEN_CHUNKS,
    ("GenerationCancelled", "end"): TOKEN_CHUNKS,
    ("GenerationRefused", "end"): TOKEN_CHUNKS,
    ("UsageRecorded", "outcome"): GENERATION_OUTCOMES,
    ("UsageRerated", "outcome"): GENERATION_OUTCOMES,
    ("LeaseGranted", "lease_at"): ADMISSIONS,
    ("LeaseDenied", "lease_at"): ADMISSIONS,
    ("LeaseSettled", "outcome"): GENERATION_OUTCOMES,
    ("EmbeddingsSettled", "lease"): ADMISSIONS,
    ("DeadLetterResolved", "letter"): DEAD_LETTERS,
}
"""(type, field) of every position there is -> the topic that it is a place of."""

Move = Callable[[str, Position], Position]
"""From a topic and a place in it here to the place there."""

_USER = "user_id"
_PAYER: Mapping[str, str | None] = {"account": None, "organisation_id": "", "key_id": ""}
"""What names who pays, and what takes its place for another owner; None: the owner."""
_PAYING = frozenset({"PromptSubmitted", "RegenerateRequested", "Attribution"})
_ACTOR = "user:"


def moved(record: object, move: Move, owner: str | None = None) -> Any:
    """The record with every position in it moved, and, if given, every user in it replaced by `owner`."""
    return _moved(record, move, owner)


def positions_in(record: object) -> Iterator[tuple[str, Position]]:
    """Every (topic, position) in a record, at any depth."""
    found: list[tuple[str, Position]] = []

    def note(topic: str, position: Position) -> Position:
        found.append((topic, position))
        return position

    _moved(record, note, None)
    return iter(found)


def owner_of(record: object) -> str | None:
    """The user whom a record belongs to; None if it names none."""
    found = getattr(record, _USER, None) or getattr(getattr(record, "turn", None), _USER, None)
    return found if isinstance(found, str) else None


def conversation_of(record: object) -> str | None:
    """The conversation a record belongs to; None if it names none."""
    turn = getattr(record, "turn", None)
    found = getattr(record, "conversation_id", None) or getattr(turn, "conversation_id", None)
    return found if isinstance(found, str) else None


def _moved(value: Any, move: Move, owner: str | None) -> Any:
    name = type(value).__name__
    # A pick is of the log in which it was made: in another one neither its places nor its rivals are there.
    changes: dict[str, Any] = {"pick": None} if name == "AttemptStarted" and value.pick is not None else {}
    record_type: type = type(value)
    for field, kind in _spots(record_type):
        there = getattr(value, field)
        if there is None:
            continue
        if kind is Position:
            changes[field] = move(POINTS_INTO[name, field], there)
        elif kind is tuple:
            changes[field] = tuple(_moved(item, move, owner) for item in there)
        else:
            changes[field] = _moved(there, move, owner)
    if owner is not None:
        if hasattr(value, _USER):
            changes[_USER] = owner
        if name in _PAYING:
            changes |= {field: owner if other is None else other for field, other in _PAYER.items()}
        if isinstance(value, Envelope) and value.actor.startswith(_ACTOR):
            changes["actor"] = _ACTOR + owner
    return replace(value, **changes) if changes else value


@cache
def _spots(owner: type[Any]) -> tuple[tuple[str, type], ...]:
    """The fields of a type to look at: (name, Position | tuple | the nested type)."""
    hints = get_type_hints(owner)
    found: list[tuple[str, type]] = []
    for field in fields(owner):
        hint = _bare(hints[field.name])
        if get_origin(hint) is tuple:
            inner = _bare(get_args(hint)[0])
            if inner is Position:
                raise TypeError(f"{owner.__name__}.{field.name} is a list of positions, which imports cannot move yet")
            if _is_record(inner):
                found.append((field.name, tuple))
        elif hint is Position:
            if (owner.__name__, field.name) not in POINTS_INTO:
                raise TypeError(f"{owner.__name__}.{field.name} is a position of no known topic: add it to POINTS_INTO")
            found.append((field.name, Position))
        elif _is_record(hint):
            found.append((field.name, hint))
    return tuple(found)


def _bare(hint: Any) -> Any:
    """A type without its "or None"; of other unions, which hold contents alone, the union itself."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = [argument for argument in get_args(hint) if argument is not type(None)]
        return inner[0] if len(inner) == 1 else hint
    return hint


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and is_dataclass(hint)


def _check(owner: type) -> None:
    for field, kind in _spots(owner):
        if kind is tuple:
            _check(_bare(get_args(_bare(get_type_hints(owner)[field]))[0]))
        elif kind is not Position:
            _check(kind)


for _record_type in RECORD_TYPES:
    _check(_record_type)
