"""What a reader waits for: of a conversation its own row, by epoch and offset."""

from __future__ import annotations

from typing import Any, cast

import pytest

from infra.cassandra.session import CassandraSession
from projections.conversations import queries as conversations
from projections.facade import Projections
from projections.order import order_key
from projections.reading import Tables
from schemas.envelope import Position
from tests.fakes.grown_topics import grown
from topics.catalogue import CONVERSATION_EVENTS, catalogue

TOPICS = grown(catalogue(keyed_partitions=2))
OLD, NEW = 1, 3
"""A partition of epoch 0, and one of epoch 1."""


@pytest.mark.parametrize(
    ("shown", "asked", "is_reached"),
    [
        (Position(0, OLD, 5000), (OLD, 5000), True),
        (Position(0, OLD, 5000), (OLD, 5001), False),
        (Position(0, OLD, 5000), (NEW, 0), False),  # the first record after the topic grew
        (Position(1, NEW, 0), (NEW, 0), True),
        (Position(1, NEW, 0), (OLD, 5000), True),  # what came in a later epoch came later
        (Position(1, NEW, 0), (NEW, 10**17), False),  # no offset that a topic can have
    ],
)
async def test_a_conversations_row_tells_how_far_reads_are_in_any_epoch(
    monkeypatch: pytest.MonkeyPatch, shown: Position, asked: tuple[int, int], is_reached: bool
) -> None:
    async def changed(_: Tables, conversation_id: str) -> tuple[int | None, bool]:
        return order_key(shown), False

    async def no_watermarks(_: Projections, projection: str) -> dict[tuple[str, int], int]:
        return {}

    monkeypatch.setattr(conversations, "changed", changed)
    monkeypatch.setattr(Projections, "watermarks", no_watermarks)
    reads = Projections(cast(CassandraSession, None), "k", TOPICS)
    offsets: dict[Any, int] = {(CONVERSATION_EVENTS, asked[0]): asked[1]}
    assert await reads.wait_for(offsets, (), 0.0, conversation_id="c") is is_reached
