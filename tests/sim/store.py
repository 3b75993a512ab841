"""The projections' tables as processes reach them: written late, refused at times, read as the product's queries do.

Rows and the rule which write wins are tests/fakes/row_store.py; the queries (CQL in the product) are restated here over
those rows, with the product's own functions from row to object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from infra.cassandra.errors import StoreUnavailable
from projections.generations.asked_cell import asked_from_cell
from projections.generations.price_cell import price_from_cell
from projections.generations.queries import GenerationRow
from projections.messages.chain import Chain
from projections.messages.rows import (
    TURN_NAMES,
    MessageRow,
    SaidRow,
    counting,
    messages_of,
    outcome_from_cells,
    said_row,
)
from projections.rows import RowChange
from schemas.envelope import Position
from schemas.generation import Turn
from schemas.outcome import Outcome
from streams.conversation.ports import FirstTurn, NoHistory
from tests.fakes.row_store import MemoryRowStore
from tests.sim.network import Network
from tests.sim.virtual_time import CURRENT, Process

Cells = dict[str, Any]


@dataclass(slots=True)
class Store:
    """One cluster of Cassandra."""

    network: Network
    rows: MemoryRowStore = field(default_factory=MemoryRowStore)
    away_until_s: float = 0.0

    def answer(self) -> None:
        """Raises StoreUnavailable while it is away, or for the dead."""
        process = CURRENT.get()
        if self.network.loop.time() < self.away_until_s or (process is not None and not process.step()):
            raise StoreUnavailable("the store does not answer")

    def table(self, name: str) -> dict[tuple[Any, ...], Cells]:
        return self.rows.rows().get(f"{name}_v1", {})


class StoreWriter:
    """projections.projector.Writer. A write may be applied although it is said to have failed."""

    def __init__(self, store: Store, process: Process) -> None:
        self._store = store
        self._process = process

    async def write(self, changes: Iterable[tuple[int, RowChange]]) -> None:
        store, rng = self._store, self._store.network.rng
        changes = list(changes)
        await asyncio.sleep(rng.uniform(0.0005, 0.005))
        store.answer()
        # As several requests side by side would be: any part of them may be all that is applied.
        cut = rng.randrange(len(changes)) if not store.network.healed and rng.random() < 0.03 else len(changes)
        for version, change in changes[:cut]:
            store.rows.apply(version, change)
        await asyncio.sleep(rng.uniform(0.0005, 0.005))
        if cut < len(changes) or not self._process.step():
            raise StoreUnavailable("no answer in time")


class Reads:
    """What the api and the conversation agent ask of the projections."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def generation(self, generation_id: str) -> GenerationRow | None:
        cells = (await self._table("generations")).get((generation_id,))
        if cells is None:
            return None
        rest = dict(cells)
        cause = Position(rest.pop("cause_epoch"), rest.pop("cause_partition"), rest.pop("cause_offset"))
        tail = Position(rest.pop("tail_epoch"), rest.pop("tail_partition"), rest.pop("tail_offset"))
        price = price_from_cell(rest.pop("price", None), cause)
        asked = asked_from_cell(rest.pop("asked", None), cause)
        return GenerationRow(
            generation_id=generation_id, cause=cause, tail=tail, price=price, asked=asked, **cast(Any, rest)
        )

    async def outcome(self, generation_id: str) -> Outcome | None:
        row = await self.generation(generation_id)
        if row is None:
            return None
        for (conversation, _), cells in (await self._table("messages")).items():
            if conversation == row.conversation_id and "outcome" in cells:
                outcome = outcome_from_cells(cells["answer"], cells["marks"], cells["outcome"])
                if outcome.turn.generation_id == generation_id and outcome.turn.cause == row.cause:
                    return outcome
        return None

    async def context(self, conversation_id: str, leaf_message_id: str, max_messages: int) -> NoHistory | None:
        beginning = await self.beginning(conversation_id)
        if beginning is None:
            return None
        chain = Chain(leaf_message_id, max_messages)
        chain.take(reversed(turns_of(self._store, conversation_id)))
        if not chain.finished or chain.is_open:
            return None
        told, unanswered = chain.told()
        return NoHistory(told, beginning.system_prompt, unanswered=unanswered)

    async def first_turn(
        self, conversation_id: str, prompt_message_id: str, title_generation_id: str
    ) -> FirstTurn | None:
        if await self.generation(title_generation_id) is not None:
            return FirstTurn(title_asked=True)
        found = await self.context(conversation_id, prompt_message_id, 4)
        if found is None or not found.messages:
            return None
        *earlier, prompt = found.messages
        return FirstTurn(prompt=prompt.content, answered=any(message.role == "assistant" for message in earlier))

    async def beginning(self, conversation_id: str) -> NoHistory | None:
        cells = (await self._table("conversations")).get((conversation_id,))
        return None if cells is None or "user_id" not in cells else NoHistory()

    async def open_turns(self, conversation_id: str) -> tuple[Turn, ...]:
        return ()

    async def open_answer(self, generation_id: str) -> tuple[Turn, ...]:
        return ()

    async def _table(self, name: str) -> dict[tuple[Any, ...], Cells]:
        await asyncio.sleep(self._store.network.rng.uniform(0.0005, 0.004))
        self._store.answer()
        return self._store.table(name)


def turns_of(store: Store, conversation_id: str) -> list[SaidRow]:
    """A conversation's turns in order, those of repeated commands left out."""
    names = TURN_NAMES
    found = []
    for (conversation, cause), cells in sorted(store.table("messages").items()):
        if conversation == conversation_id:
            turn = said_row(conversation, tuple({**cells, "cause": cause}.get(name) for name in names))
            if turn is not None:
                found.append(turn)
    places = {
        message: cells["cause"]
        for (conversation, message), cells in store.table("message_places").items()
        if conversation == conversation_id and "cause" in cells
    }
    return counting(found, places)


def messages_in(store: Store, conversation_id: str) -> list[MessageRow]:
    """As the api lists them."""
    return messages_of(turns_of(store, conversation_id))
