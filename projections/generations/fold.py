"""conversation-events -> generations. Pure."""

from __future__ import annotations

from typing import Any

from projections.generations.asked_cell import asked_of, asked_to_cell
from projections.generations.attribution_cell import attribution_to_cell
from projections.generations.price_cell import price_to_cell
from projections.generations.table import GENERATIONS
from projections.order import first_wins
from projections.rows import Put, RowChange
from schemas.conversation import ConversationEvent
from schemas.envelope import Position
from schemas.families import Family
from schemas.turns import Command, attribution_of, generations_of, hash_of, kind_of, prompt_of, request_of

_COMMANDS: Family[Command] = Family(Command)


def fold(record: ConversationEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes: the first command of a generation makes its row, a repeated one nothing.

    A command that asks for several answers makes a row of each.
    """
    if not _COMMANDS.holds(record):
        return ()
    cells: dict[str, Any] = {
        "user_id": record.user_id,
        "conversation_id": record.conversation_id,
        "message_id": record.message_id,
        "prompt_message_id": prompt_of(record),
        "kind": kind_of(record),
        "model": record.model,
        "request_hash": hash_of(record),
        "asked_at_us": record.envelope.occurred_at_us,
        "deadline_at_us": record.deadline_at_us,
        "cause_epoch": position.epoch,
        "cause_partition": position.partition,
        "cause_offset": position.offset,
        "tail_epoch": record.tail.epoch,
        "tail_partition": record.tail.partition,
        "tail_offset": record.tail.offset,
    }
    if record.price is not None:
        cells["price"] = price_to_cell(record.price, position)
    attribution = attribution_of(record)
    if attribution is not None:
        cells["attribution"] = attribution_to_cell(attribution, position)
    if request_of(record) is None:
        return (Put(GENERATIONS, (record.generation_id,), cells, first_wins(position)),)
    rows = []
    for choice, generation_id in enumerate(generations_of(record)):
        asked = asked_of(record, choice)
        more = {} if asked is None else {"asked": asked_to_cell(asked, position)}
        rows.append(Put(GENERATIONS, (generation_id,), cells | more, first_wins(position)))
    return tuple(rows)
