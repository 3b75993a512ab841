"""The price that a command names, as one cell: with the command's place, so that it counts for no other command."""

from __future__ import annotations

import json

from schemas.envelope import Position
from schemas.price import Price


def price_to_cell(price: Price, cause: Position) -> str:
    """The cell of the command at `cause`."""
    return json.dumps([_place(cause), [getattr(price, name) for name in _FIELDS]], ensure_ascii=False)


def price_from_cell(cell: str | None, cause: Position) -> Price | None:
    """The price of the command at `cause`; None if it names none.

    A repeated command may name a price where the first one, of version 1, names none: its cell is another command's.
    """
    if cell is None:
        return None
    place, values = json.loads(cell)
    return Price(**dict(zip(_FIELDS, values, strict=True))) if place == _place(cause) else None


_FIELDS = (
    "version",
    "currency",
    "input_micros_per_million",
    "cached_input_micros_per_million",
    "output_micros_per_million",
)


def _place(cause: Position) -> list[int]:
    return [cause.epoch, cause.partition, cause.offset]
