"""What readers ask about usage."""

from __future__ import annotations

from dataclasses import dataclass

from infra.cassandra import Row
from projections.reading import Tables
from projections.usage.fold import month_of
from schemas.generation import Usage

_NAME = "usage"
_MONTH = (
    "SELECT at_us, generation_id, conversation_id, model, outcome_type, prompt_tokens, completion_tokens,"
    " cached_tokens, price_version, currency, cost_micros FROM {usage}"
    " WHERE user_id = ? AND month = ? AND at_us >= ? AND at_us < ?"
)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one generation used and cost, in millionths of `currency`. `at_us`: when it ended."""

    at_us: int
    generation_id: str
    conversation_id: str
    model: str
    outcome_type: str
    usage: Usage
    price_version: str
    currency: str
    cost_micros: int


def _row(values: Row) -> UsageRow:
    at, generation, conversation, model, outcome, prompt, completion, cached, price_version, currency, cost = values
    used = Usage(prompt, completion, cached)
    return UsageRow(at, generation, conversation, model, outcome, used, price_version, currency, cost)


async def usage(tables: Tables, user_id: str, since_us: int, until_us: int) -> list[UsageRow]:
    """The user's ledger from `since_us` to `until_us` (excluded), newest first.

    Raises Unprojectable for times beyond all calendars.
    """
    rows: list[UsageRow] = []
    if since_us >= until_us:
        return rows
    month, first = month_of(until_us - 1), month_of(since_us)
    while month >= first:
        rows += [_row(values) for values in await tables.select(_NAME, _MONTH, (user_id, month, since_us, until_us))]
        month = month - 1 if month % 100 > 1 else month - 100 + 11
    return rows
