"""Records of a newer release that an operator has set aside: readers that would stop at one skip it.

A letter in dead-letters of the kind SET_ASIDE says so, one for each consumer of the record's topic; by these letters
`replay dlq retry` hands the record to its consumers after an upgrade. They are looked for only by who met such a
record, so nothing else waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from schemas.codec import NewerRecord, UndecodableRecord, record_type_of
from schemas.dead_letter import DeadLetter
from topics.catalogue import DEAD_LETTERS
from topics.errors import OutOfRange
from topics.log import Log


class SetAside(Exception):
    """Why a record is parked without a try: an operator decided so."""


SET_ASIDE = SetAside.__name__
CLOCKS_MS = 600_000
"""How far the clocks of two brokers may be apart."""


def is_set_aside(
    properties: Mapping[str, str],
    topic: str,
    partition: int,
    offset: int,
    at_ms: int,
    alive: Callable[[], None] = lambda: None,
) -> bool:
    """Whether the record that stands there, appended at `at_ms`, is set aside. Blocking: in a loop, run it in a thread.

    `alive` is called for every batch of letters. Raises LogUnavailable.
    """
    log = Log(properties)
    try:
        there = log.topics()
        if DEAD_LETTERS not in there:
            return False
        letters: dict[str, int] = {DEAD_LETTERS: there[DEAD_LETTERS]}
        # A letter of a record is younger than the record, as far as the brokers' clocks agree.
        for batch in log.read(log.at(letters, at_ms - CLOCKS_MS), log.held(letters)[1]):
            alive()
            if any(sets_aside(raw.value, topic, partition, offset) for raw in batch):
                return True
        return False
    except OutOfRange:
        return False  # retention moved on between two looks: the next look sees that
    finally:
        log.close()


def sets_aside(value: bytes | None, topic: str, partition: int, offset: int) -> bool:
    """Whether a record of dead-letters is a letter that sets that place aside. Pure."""
    if record_type_of(value) is not DeadLetter:
        return False
    try:
        letter = DEAD_LETTERS.decode(value)
    except (UndecodableRecord, NewerRecord):
        return False
    if not isinstance(letter, DeadLetter) or letter.error_type != SET_ASIDE:
        return False
    return (letter.topic, letter.partition, letter.offset) == (topic, partition, offset)
