"""No position and no user is forgotten when a record moves to another log."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import settings as examples

from schemas.codec import encode
from schemas.envelope import Position
from schemas.registry import RECORD_TYPES
from tests.golden.samples import samples
from tests.record_strategies import any_record
from topics.slices.references import JOBS, POINTS_INTO, conversation_of, moved, owner_of, positions_in

THERE = Position(3, 2, 1)


def position_fields(owner: type, seen: set[type]) -> Iterator[tuple[str, str]]:
    """(type, field) of every field that can hold a position, by the types' own hints, however deep they are nested."""
    if owner in seen:
        return
    seen.add(owner)
    for field, hint in get_type_hints(owner).items():
        for inner in leaves(hint):
            if inner is Position:
                yield owner.__name__, field
            elif isinstance(inner, type) and is_dataclass(inner):
                yield from position_fields(inner, seen)


def leaves(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in (Union, types.UnionType, tuple):
        for argument in get_args(hint):
            yield from leaves(argument)
    elif isinstance(hint, type):
        yield hint


def positions(value: Any) -> Iterator[Position]:
    """Every position in a value, found without the module's help."""
    if isinstance(value, Position):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from positions(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from positions(getattr(value, field.name))


def test_every_position_of_every_record_is_known() -> None:
    seen: set[type] = set()
    found = {place for record_type in RECORD_TYPES for place in position_fields(record_type, seen)}
    assert found == set(POINTS_INTO)


@examples(max_examples=50)
@given(any_record())
def test_every_position_is_moved_and_nothing_else_changes(record: Any) -> None:
    there = moved(record, lambda topic, place: THERE)
    assert set(positions(there)) <= {THERE}
    assert len(list(positions(there))) == len(list(positions(record))) == len(list(positions_in(record)))
    back = iter(list(positions_in(record)))
    assert moved(there, lambda topic, place: next(back)[1]) == record


@examples(max_examples=50)
@given(any_record())
def test_a_record_that_stays_is_the_same(record: Any) -> None:
    assert moved(record, lambda topic, place: place) == record


def test_positions_come_with_the_topic_they_point_into() -> None:
    for record_type in RECORD_TYPES:
        for record in samples(record_type).values():
            topics = {topic for topic, _ in positions_in(record)}
            assert topics <= {*POINTS_INTO.values()}
    (started,) = (t for t in RECORD_TYPES if t.__name__ == "AttemptStarted")
    assert JOBS in {topic for topic, _ in positions_in(samples(started)["full"])}


@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda t: t.__name__)
def test_a_new_owner_stands_wherever_the_old_one_did(record_type: type) -> None:
    record = samples(record_type)["full"]
    given_away = moved(record, lambda topic, place: place, "somebody-else")
    was = owner_of(record)
    assert owner_of(given_away) == (None if was is None else "somebody-else")
    assert conversation_of(given_away) == conversation_of(record)
    if was is not None:
        assert was.encode() not in encode(given_away).replace(b"somebody-else", b"")


def test_a_new_owner_pays_for_what_becomes_theirs() -> None:
    (kind,) = (each for each in RECORD_TYPES if each.__name__ == "GenerationRequested")
    turn = moved(samples(kind)["full"], lambda topic, place: place, "somebody-else").turn
    assert (turn.attribution.account, turn.attribution.organisation_id, turn.attribution.key_id) == (
        "somebody-else",
        "",
        "",
    )
    (kind,) = (each for each in RECORD_TYPES if each.__name__ == "PromptSubmitted")
    command = moved(samples(kind)["full"], lambda topic, place: place, "somebody-else")
    assert (command.account, command.organisation_id, command.key_id) == ("somebody-else", "", "")
