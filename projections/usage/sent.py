"""How many answers of a user have ended lately: what a limit of messages goes by that has lost its memory."""

from __future__ import annotations

from projections.reading import Tables
from projections.usage.fold import EMBEDDINGS_COMPUTED, month_of

MAX_ROWS = 20_000
_NAME = "usage"
_MONTH = "SELECT outcome_type FROM {usage} WHERE user_id = ? AND month = ? AND at_us >= ? AND at_us < ? LIMIT ?"


async def answers_since(tables: Tables, user_id: str, since_us: int, until_us: int, most: int) -> int:
    """Answers that ended from `since_us` to `until_us` (excluded), in any way; `most` where they are more.

    Requests for embeddings are no messages. Of more than MAX_ROWS records the newest count.
    """
    count, left = 0, MAX_ROWS
    month, first = month_of(until_us - 1), month_of(since_us)
    while month >= first and left > 0:
        rows = await tables.select(_NAME, _MONTH, (user_id, month, since_us, until_us, left))
        left -= len(rows)
        count += sum(1 for (kind,) in rows if kind not in (None, EMBEDDINGS_COMPUTED))
        month = month - 1 if month % 100 > 1 else month - 100 + 11
    return min(count, most)
