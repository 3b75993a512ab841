"""Another installation, and what a slice brought there."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from schemas.account import UserCreated
from schemas.envelope import Position
from schemas.turns import Command
from tests.fakes.projection_records import envelope, outcome, prompt, turn_of
from tests.unit.topics.slices.memory import MemoryLog
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    TOKEN_CHUNKS,
)
from topics.headers import is_imported
from topics.slices.entries import REPLAYED, key_of
from topics.slices.references import moved, positions_in


def elsewhere() -> MemoryLog:
    """A log that has a life of its own: other partitions, offsets and people."""
    log = MemoryLog(partitions=3, token_chunk_partitions=2)
    for number in range(5):
        cause = log.say(CONVERSATION_EVENTS, asked := prompt(f"local-{number}", "k", "carl"))
        log.say(GENERATION_OUTCOMES, outcome(turn_of(asked, cause)))
    log.say(ACCOUNT_EVENTS, UserCreated(envelope("user-carl"), "carl", "Carl"))
    return log


def told(log: MemoryLog, owner: str | None = None) -> dict[tuple[str, str], list[Any]]:
    """What a log says under each key, in order, whatever stands where."""
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for topic in REPLAYED:
        for _, record in log.said(topic):
            said = moved(record, lambda _, __: Position(0, 0, 0), owner)
            found[topic, key_of(topic, said)].append(said)
    return found


def brought(log: MemoryLog) -> dict[str, list[tuple[Position, Any]]]:
    """The imported records of a log."""
    return {
        topic: [
            (place, record)
            for place, record in log.said(topic)
            if is_imported(log.places[topic, place.partition][place.offset].headers)
        ]
        for topic in log.partitions
    }


def check_references(log: MemoryLog) -> None:
    """Every position in what was imported leads to the record that is meant."""
    commands = {place: record for place, record in log.said(CONVERSATION_EVENTS) if isinstance(record, Command)}
    outcomes = dict(log.said(GENERATION_OUTCOMES))
    for records in brought(log).values():
        for _, record in records:
            for topic, place in positions_in(record):
                if topic == CONVERSATION_EVENTS:
                    assert commands[place].message_id == record.turn.message_id
                elif topic == GENERATION_OUTCOMES:
                    assert outcomes[place].turn.generation_id == record.generation_id
                else:
                    assert topic == TOKEN_CHUNKS
                    assert place.offset <= len(log.places[topic, place.partition])
