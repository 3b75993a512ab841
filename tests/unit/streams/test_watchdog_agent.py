"""The watchdog lets go of what the log has ended, also if its outcome never comes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from infra.models.catalogue import ModelCatalogue
from schemas.codec import UnencodableRecord, encode
from schemas.dead_letter import DeadLetter
from schemas.envelope import Sealed
from schemas.generation import GenerationEnded
from schemas.price import Price
from streams.faust.handlers import Source
from streams.watchdog.agent import Watchdog
from streams.watchdog.reactor import OpenTurns, expiry
from tests.records import CAUSE, NOW_US, prompt
from topics.catalogue import CONVERSATION_EVENTS, DEAD_LETTERS, TOKEN_CHUNKS, catalogue
from topics.errors import RecordRefused
from topics.topic import R, Topic

LONG_AFTER_US = NOW_US + 10**12


async def test_a_command_repeated_after_its_outcome_was_committed_holds_up_no_commits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a restart the watchdog sees the repeated command alone: nothing but the log says that it is over."""
    monkeypatch.setattr("streams.watchdog.agent.ended_among", lambda _, turns: {turn.generation_id for turn in turns})
    nobody: Any = None
    watchdog = Watchdog({}, ModelCatalogue.load(), nobody, catalogue()[CONVERSATION_EVENTS])
    acknowledged: list[int] = []
    for offset in (9, 10):
        command = prompt(generation_id=f"generation-{offset}")
        acknowledge = partial(acknowledged.append, offset)
        await watchdog.handle(command, Source(CONVERSATION_EVENTS, 0, offset, NOW_US, b"c", True, acknowledge))
    assert acknowledged == []
    await watchdog._end(watchdog._turns.due(LONG_AFTER_US, 10))
    assert acknowledged == [9, 10]
    assert watchdog._turns.due(LONG_AFTER_US * 2, 10) == []


class RefusingLog:
    """A producer that takes dead letters alone."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.letters: list[DeadLetter] = []

    async def send(self, topic: Topic[R], key: str, record: R) -> None:
        if not isinstance(record, DeadLetter):
            raise self.error
        assert topic == DEAD_LETTERS
        self.letters.append(record)


@pytest.mark.parametrize("error", [RecordRefused("too large"), UnencodableRecord("does not fit")])
async def test_a_turn_whose_end_the_log_refuses_is_parked_and_holds_up_no_others(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("streams.watchdog.agent.ended_among", lambda _, turns: set())
    log: Any = RefusingLog(error)
    watchdog = Watchdog({}, ModelCatalogue.load(), log, catalogue()[CONVERSATION_EVENTS])
    acknowledged: list[int] = []
    acknowledge = partial(acknowledged.append, 9)
    await watchdog.handle(prompt(), Source(CONVERSATION_EVENTS, 1, 9, NOW_US, b"c", True, acknowledge))
    await watchdog._end(watchdog._turns.due(LONG_AFTER_US, 10))
    (letter,) = log.letters
    assert (letter.topic, letter.partition, letter.offset, letter.value) == (CONVERSATION_EVENTS, 1, 9, None)
    assert (letter.consumer, letter.error_type) == ("streams.watchdog", type(error).__name__)
    assert acknowledged == [9]


def test_the_expiry_of_a_command_of_absurd_size_fits_its_topic() -> None:
    huge = "x" * 2_000_000
    turns = OpenTurns(0)
    command = prompt(model=huge, user_id=huge, envelope=replace(prompt().envelope, correlation_id=huge, event_id=huge))
    turns.began(command, CAUSE, Price(huge, "USD", 2**63 - 1, 0, 0))
    (watched,) = turns.due(LONG_AFTER_US, 1)
    assert len(encode(expiry(watched, NOW_US))) < catalogue()[TOKEN_CHUNKS].max_record_bytes // 2


async def test_a_prompt_that_its_agent_parks_is_still_ended_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed content is poison to the conversation agent; the watchdog reads no content."""
    monkeypatch.setattr("streams.watchdog.agent.ended_among", lambda _, turns: set())
    log: Any = RecordingLog()
    watchdog = Watchdog({}, ModelCatalogue.load(), log, catalogue()[CONVERSATION_EVENTS])
    command = prompt(content=Sealed("k", b"n", b"c"))
    await watchdog.handle(command, Source(CONVERSATION_EVENTS, 1, 9, NOW_US, b"c", True, lambda: None))
    await watchdog._end(watchdog._turns.due(LONG_AFTER_US, 10))
    ((topic, key, end),) = log.sent
    assert (topic, key) == (TOKEN_CHUNKS, "conversation")
    assert isinstance(end, GenerationEnded) and (end.reason, end.turn.generation_id) == ("expired", "generation")


class RecordingLog:
    """A producer that takes all."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []

    async def send(self, topic: Topic[R], key: str, record: R) -> None:
        self.sent.append((topic, key, record))
