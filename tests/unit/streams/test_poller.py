from __future__ import annotations

import asyncio
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.faust import poller
from streams.faust.poller import Poller
from topics.errors import LogUnavailable

PLACE = ("conversation-events", 1)


class StaleAdmin:
    """The first of its kind believes in leaders of before the broker's restart; those made later know better."""

    made = 0

    def __init__(self, _: dict[str, str]) -> None:
        StaleAdmin.made += 1
        self._is_stale = StaleAdmin.made == 1

    def list_offsets(self, asked: dict[TopicPartition, Any], request_timeout: float) -> dict[TopicPartition, Any]:
        answers = {}
        for place in asked:
            answer: Future[Any] = Future()
            if self._is_stale:
                answer.set_exception(KafkaException(KafkaError(KafkaError.FENCED_LEADER_EPOCH)))
            else:
                answer.set_result(SimpleNamespace(offset=7))
            answers[place] = answer
        return answers


async def test_a_client_that_knows_old_leaders_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "open_admin", StaleAdmin)
    monkeypatch.setattr(poller, "open_consumer", lambda _: None)
    asked = Poller({}, None, asyncio.get_running_loop())  # type: ignore[arg-type]  # nobody receives here
    with pytest.raises(LogUnavailable, match="FENCED_LEADER_EPOCH"):
        await asked.bounds({PLACE})
    assert await asked.bounds({PLACE}) == {PLACE: (7, 7)}
