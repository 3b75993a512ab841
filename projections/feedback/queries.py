"""What readers ask about ratings. A deleted conversation has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from projections.reading import Tables

Rating = Literal["up", "down"]

_NAME = "feedback"
_RATINGS = "SELECT message_id, rating FROM {feedback} WHERE conversation_id = ? AND message_id IN ?"


def ratings_of(rows: Iterable[tuple[Any, ...]]) -> dict[str, Rating]:
    """Of rows (message id, rating) those that say something: what was taken back is no rating."""
    return {message_id: rating for message_id, rating in rows if rating in ("up", "down")}


async def ratings(tables: Tables, conversation_id: str, message_ids: Iterable[str]) -> Mapping[str, Rating]:
    """How those of some messages are rated that are; at most a page's."""
    wanted = list(message_ids)
    if not wanted:
        return {}
    return ratings_of(await tables.select(_NAME, _RATINGS, (conversation_id, wanted)))
