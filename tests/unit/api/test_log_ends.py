"""The ends of the log, asked of a broker that has come back: what was learned of it before counts no more."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from api.consistency.log_ends import KafkaEnds
from topics.catalogue import CONVERSATION_EVENTS, catalogue
from topics.errors import LogUnavailable

TOPICS = catalogue()


@dataclass
class Found:
    offset: int


class Admin:
    """Answers with `code` until its metadata are asked for again; "for ever" also after that."""

    def __init__(self, code: int, *, for_ever: bool = False) -> None:
        self._code: int | None = code
        self._for_ever = for_ever
        self.learned: list[str] = []

    def list_topics(self, topic: str, timeout: float) -> None:
        self.learned.append(topic)
        if not self._for_ever:
            self._code = None

    def list_offsets(self, asked: Any, request_timeout: float) -> dict[TopicPartition, Future[Found]]:
        answers = {}
        for place in asked:
            answers[place] = Future[Found]()
            if self._code is None:
                answers[place].set_result(Found(place.partition + 1))
            else:
                answers[place].set_exception(KafkaException(KafkaError(self._code)))
        return answers


@pytest.mark.parametrize("code", [KafkaError.FENCED_LEADER_EPOCH, KafkaError.NOT_LEADER_FOR_PARTITION])
async def test_who_the_leaders_are_is_learned_again(code: int) -> None:
    admin = Admin(code)
    ends = KafkaEnds(admin, TOPICS)  # type: ignore[arg-type]  # it has what is asked of one
    found = await ends.newest(CONVERSATION_EVENTS)
    assert found[CONVERSATION_EVENTS, 1] == 1
    assert admin.learned == [CONVERSATION_EVENTS]
    await ends.newest(CONVERSATION_EVENTS)
    assert admin.learned == [CONVERSATION_EVENTS], "once is enough"


async def test_one_that_stays_wrong_is_an_error_and_so_is_another() -> None:
    stale = Admin(KafkaError.FENCED_LEADER_EPOCH, for_ever=True)
    with pytest.raises(LogUnavailable, match="cannot read the end offsets"):
        await KafkaEnds(stale, TOPICS).newest(CONVERSATION_EVENTS)  # type: ignore[arg-type]  # as above
    away = Admin(KafkaError._TRANSPORT)
    with pytest.raises(LogUnavailable):
        await KafkaEnds(away, TOPICS).newest(CONVERSATION_EVENTS)  # type: ignore[arg-type]  # as above
    assert (stale.learned, away.learned) == ([CONVERSATION_EVENTS], [])
