"""What readers ask about usage."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from infra.cassandra.session import Row
from projections.embeddings.queries import embedding
from projections.reading import Tables
from projections.usage.fold import EMBEDDINGS_COMPUTED, month_of
from schemas.price import Usage

_NAME = "usage"
_MONTH = (
    "SELECT at_us, generation_id, conversation_id, model, outcome_type, prompt_tokens, completion_tokens,"
    " cached_tokens, price_version, currency, cost_micros, rerated_price_version, rerated_cost_micros, rerated_by"
    "{+reasoning_tokens}{+estimated}"
    " FROM {usage} WHERE user_id = ? AND month = ? AND at_us >= ? AND at_us < ?"
)
_CONVERSATION = 2
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one generation used and costs, in millionths of `currency`. `at_us`: when it ended.

    Also a request for embeddings: `generation_id` is its id, `conversation_id` is empty.
    `price_version` and `cost_micros` are what counts; the recorded ones differ from them where a backfill,
    `rerated_by`, gave the tokens another price.
    """

    at_us: int
    generation_id: str
    conversation_id: str
    model: str
    outcome_type: str
    usage: Usage
    price_version: str
    currency: str
    cost_micros: int
    recorded_price_version: str
    recorded_cost_micros: int
    rerated_by: str | None


def _row(values: Row) -> UsageRow:
    at, generation, conversation, model, outcome, prompt, completion, cached, *costs = values
    version, currency, cost, new_version, new_cost, rerated_by, *new = costs
    reasoning, estimated = new or (0, False)
    counts = (version, cost) if rerated_by is None else (new_version, new_cost)
    return UsageRow(
        at_us=at,
        generation_id=generation,
        conversation_id=conversation,
        model=model,
        outcome_type=outcome,
        usage=Usage(prompt, completion, cached, reasoning or 0, bool(estimated)),
        price_version=counts[0],
        currency=currency,
        cost_micros=counts[1],
        recorded_price_version=version,
        recorded_cost_micros=cost,
        rerated_by=rerated_by,
    )


async def usage(tables: Tables, user_id: str, since_us: int, until_us: int) -> list[UsageRow]:
    """The user's ledger from `since_us` to `until_us` (excluded), newest first.

    Raises Unprojectable for times beyond all calendars.
    """
    rows: list[UsageRow] = []
    if since_us >= until_us:
        return rows
    month, first = month_of(until_us - 1), month_of(since_us)
    while month >= first:
        found = await tables.select(_NAME, _MONTH, (user_id, month, since_us, until_us))
        # A generation that was re-rated before its own record came is shown once that is here.
        rows += [_row(values) for values in found if values[_CONVERSATION] is not None]
        month = month - 1 if month % 100 > 1 else month - 100 + 11
    repeated = await _repeated(tables, [row for row in rows if row.outcome_type == EMBEDDINGS_COMPUTED])
    return [row for row in rows if (row.generation_id, row.at_us) not in repeated]


async def _repeated(tables: Tables, rows: Sequence[UsageRow]) -> set[tuple[str, int]]:
    """Those of requests for embeddings that another record of the same id came before."""
    found: set[tuple[str, int]] = set()
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        firsts = await asyncio.gather(*(embedding(tables, row.generation_id) for row in some))
        pairs = zip(some, firsts, strict=True)
        found |= {(row.generation_id, row.at_us) for row, first in pairs if first and first.at_us != row.at_us}
    return found
