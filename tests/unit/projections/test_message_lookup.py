"""A message is looked up with two reads, and is not there once it is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from projections.messages.queries import message
from projections.messages.rows import TURN_NAMES
from projections.reading import Tables
from projections.registry import newest
from projections.rows import Put
from schemas.conversation import GenerationDeleted, MessageDeleted
from schemas.envelope import Position
from tests.fakes.projection_records import envelope, prompt

ASKED = prompt("c", "k")
AT = Position(0, 0, 7)


class Rows:
    """What the fold made of some records, as the two queries of a look-up read it."""

    def __init__(self, *records: Any) -> None:
        self.reads = 0
        self.cells: dict[tuple[Any, ...], dict[str, Any]] = {}
        for record in records:
            for put in newest("messages").fold(record, AT):
                assert isinstance(put, Put)
                self.cells.setdefault((put.table.name, *put.key), {}).update(put.cells)

    async def select(self, projection: str, cql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        self.reads += 1
        conversation, keys = parameters
        places = {key: self.cells.get(("message_places", conversation, key)) for key in keys}
        return [(key, cells.get("cause")) for key, cells in places.items() if cells is not None]

    async def one(self, projection: str, cql: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
        self.reads += 1
        cells = self.cells["messages", *parameters]
        return tuple({**cells, "cause": parameters[1]}.get(name) for name in TURN_NAMES)


@pytest.mark.parametrize(
    ("hides", "there"),
    [
        (None, (True, True)),
        (
            GenerationDeleted(
                envelope=envelope("h"), conversation_id="c", user_id="u", generation_id=ASKED.generation_id
            ),
            (True, False),
        ),
        (
            MessageDeleted(envelope=envelope("h"), conversation_id="c", user_id="u", message_id=ASKED.message_id),
            (False, True),
        ),
    ],
    ids=["nothing", "answer", "message"],
)
async def test_what_is_hidden_is_not_there(hides: Any, there: tuple[bool, bool]) -> None:
    for message_id, expected in zip((ASKED.message_id, ASKED.generation_id), there, strict=True):
        rows = Rows(ASKED, *(() if hides is None else (hides,)))
        found = await message(cast(Tables, rows), "c", message_id)
        assert (found is not None) == expected
        assert rows.reads == (2 if expected else 1)
    assert await message(cast(Tables, Rows(ASKED)), "c", "nobody") is None
