"""The ledger as readers see it: of a request for embeddings that was recorded twice, the first record counts."""

from __future__ import annotations

from typing import Any

from projections.reading import Tables
from projections.usage.queries import usage
from schemas.usage import EmbeddingsComputed
from tests.fakes.projection_records import AT, computed

SECOND_US = 1_000_000


def ledger_row(record: EmbeddingsComputed) -> tuple[Any, ...]:
    at_us, price = record.envelope.occurred_at_us, record.price
    tokens = (record.usage.prompt_tokens, 0, 0)
    cost = (price.version, price.currency, record.cost_micros)
    return (at_us, record.embedding_id, "", record.model, "EmbeddingsComputed", *tokens, *cost, None, None, None)


class OneMonth(Tables):
    """Tables that hold these requests; of each id the first that is named came first in the log."""

    def __init__(self, *records: EmbeddingsComputed) -> None:
        self._rows = [ledger_row(record) for record in records]
        self._first = {record.embedding_id: record for record in reversed(records)}

    async def select(self, projection: str, cql: str, parameters: Any) -> list[Any]:
        if projection == "usage":
            return self._rows
        first = self._first[parameters[0]]
        said = (first.user_id, first.request_hash, first.envelope.occurred_at_us, first.model)
        return [(*said, first.usage.prompt_tokens, False)]


async def test_only_the_first_record_of_a_request_for_embeddings_counts() -> None:
    first, second = computed("ada", "key", AT, "hash"), computed("ada", "key", AT + SECOND_US, "hash")
    other = computed("ada", "another", AT + 2 * SECOND_US)
    for tables in (OneMonth(first, second, other), OneMonth(other, first, second)):
        rows = await usage(tables, "ada", AT, AT + SECOND_US)
        assert {(row.generation_id, row.at_us) for row in rows} == {
            (first.embedding_id, AT),
            (other.embedding_id, AT + 2 * SECOND_US),
        }
    # A clock that goes back changes nothing: the log's order counts.
    rows = await usage(OneMonth(second, first), "ada", AT, AT + SECOND_US)
    assert [row.at_us for row in rows] == [AT + SECOND_US]


async def test_more_of_them_than_are_looked_up_at_once() -> None:
    records = [computed("ada", f"key {n}", AT + n) for n in range(100)]
    rows = await usage(OneMonth(*records), "ada", AT, AT + SECOND_US)
    assert [row.at_us for row in rows] == [AT + n for n in range(100)]
    assert {row.outcome_type for row in rows} == {"EmbeddingsComputed"}
