"""A record that is no job, on its way to the dead letters, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from inference_workers.parking import RETRY_S, park
from schemas.codec import UndecodableRecord
from tests.fakes.broker import MemoryMessage
from tests.sim.virtual_time import VirtualLoop, run
from topics.catalogue import DEAD_LETTERS
from topics.errors import FatalLogError, LogUnavailable, RecordRefused
from topics.topic import R, Topic


@dataclass
class Letters:
    """A log that answers so, one after another, and takes everything from then on."""

    answers: list[Exception] = field(default_factory=list)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)

    async def send(self, topic: Topic[R], key: str, record: R) -> None:
        self.sent.append((topic, key, record))
        if self.answers:
            raise self.answers.pop(0)


def buried(letters: Letters, key: bytes = b"conversation") -> float:
    """How long it took."""
    record: Any = MemoryMessage(("jobs", 1, 7), key, b"damage", 0)

    async def parking() -> float:
        await park(letters, record, UndecodableRecord("no record"))  # type: ignore[arg-type]  # Letters have what it asks of a producer
        return asyncio.get_running_loop().time()

    return run(VirtualLoop(Random(7)), parking())


def test_a_letter_has_the_record_and_its_key() -> None:
    letters = Letters()
    buried(letters)
    ((topic, key, letter),) = letters.sent
    assert (topic, key) == (DEAD_LETTERS, "conversation")
    assert (letter.topic, letter.partition, letter.offset, letter.value) == ("jobs", 1, 7, b"damage")
    assert (letter.consumer, letter.reason) == ("worker", "no record")


def test_a_key_that_is_no_text_is_one_all_the_same() -> None:
    letters = Letters()
    buried(letters, b"\xff")
    assert letters.sent[0][1] == "\ufffd"


def test_a_log_that_is_away_is_waited_for_with_the_same_letter() -> None:
    letters = Letters([LogUnavailable("away")] * 30)
    assert buried(letters) >= 30 * RETRY_S
    assert len(letters.sent) == 31
    assert {letter.envelope.event_id for _, _, letter in letters.sent} == {letters.sent[0][2].envelope.event_id}


def test_a_letter_that_is_refused_is_let_go() -> None:
    letters = Letters([RecordRefused("too large")])
    buried(letters)
    assert len(letters.sent) == 1


def test_a_log_that_takes_nothing_ever_again_is_told() -> None:
    letters = Letters([LogUnavailable("away"), FatalLogError("fenced")])
    with pytest.raises(FatalLogError, match="fenced"):
        buried(letters)
    assert len(letters.sent) == 2
