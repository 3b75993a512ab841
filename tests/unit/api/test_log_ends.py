"""The ends of the log, asked of a broker that has come back: what was learned of it before counts no more."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from api.consistency.log_ends import KafkaEnds
from topics.admins import RENEWED_AFTER_S, Admins
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


def ends_of(*admins: Admin, clock: Callable[[], float] = float) -> KafkaEnds:
    """Asked with the first of these, and with the next when that is given up."""
    following = iter(admins)
    # It has what is asked of one.
    return KafkaEnds(Admins(lambda: cast(AdminClient, next(following)), clock), TOPICS)


@pytest.mark.parametrize("code", [KafkaError.FENCED_LEADER_EPOCH, KafkaError.NOT_LEADER_FOR_PARTITION])
async def test_who_the_leaders_are_is_learned_again(code: int) -> None:
    admin = Admin(code)
    ends = ends_of(admin)
    found = await ends.newest(CONVERSATION_EVENTS)
    assert found[CONVERSATION_EVENTS, 1] == 1
    assert admin.learned == [CONVERSATION_EVENTS]
    await ends.newest(CONVERSATION_EVENTS)
    assert admin.learned == [CONVERSATION_EVENTS], "once is enough"


async def test_one_that_stays_wrong_is_an_error_and_so_is_another() -> None:
    stale = Admin(KafkaError.FENCED_LEADER_EPOCH, for_ever=True)
    with pytest.raises(LogUnavailable, match="cannot read the end offsets"):
        await ends_of(stale).newest(CONVERSATION_EVENTS)
    away = Admin(KafkaError._TRANSPORT)
    with pytest.raises(LogUnavailable):
        await ends_of(away).newest(CONVERSATION_EVENTS)
    assert (stale.learned, away.learned) == ([CONVERSATION_EVENTS], [])


async def test_a_client_that_gets_no_answer_any_more_is_replaced() -> None:
    now = [0.0]
    stuck, good = Admin(KafkaError._TIMED_OUT, for_ever=True), Admin(KafkaError.NO_ERROR)
    good.list_topics("", 0)
    ends = ends_of(stuck, good, clock=lambda: now[0])
    for now[0] in (0.0, 1.0, RENEWED_AFTER_S - 0.1, RENEWED_AFTER_S):
        with pytest.raises(LogUnavailable):
            await ends.newest(CONVERSATION_EVENTS)
    assert (await ends.newest(CONVERSATION_EVENTS))[CONVERSATION_EVENTS, 1] == 1


def test_a_client_that_is_answered_now_and_then_stays() -> None:
    now = [0.0]
    opened: list[Admin] = []

    def another() -> AdminClient:
        opened.append(Admin(KafkaError._TIMED_OUT))
        return cast(AdminClient, opened[-1])

    admins = Admins(another, lambda: now[0])
    for _ in range(10):
        admins.failed()
        now[0] += RENEWED_AFTER_S - 1
        admins.failed()
        admins.answered()
        # Nobody asks for long: what fails then has not failed for long.
        now[0] += 10 * RENEWED_AFTER_S
    assert len(opened) == 1
    # A new one has as long before it is given up in turn.
    admins.failed()
    now[0] += RENEWED_AFTER_S
    admins.failed()
    now[0] += 1
    admins.failed()
    assert len(opened) == 2
    assert admins.client is cast(AdminClient, opened[1])
