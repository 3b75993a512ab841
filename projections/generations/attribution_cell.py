"""Who asked and who pays, as one cell: with the command's place, as its price has it."""

from __future__ import annotations

import json

from schemas.envelope import Position
from schemas.price import Attribution


def attribution_to_cell(attribution: Attribution, cause: Position) -> str:
    """The cell of the command at `cause`."""
    return json.dumps([_place(cause), [getattr(attribution, name) for name in _FIELDS]], ensure_ascii=False)


def attribution_from_cell(cell: str | None, cause: Position) -> Attribution | None:
    """Who asked by the command at `cause`; None if it does not say, or the cell is another command's (a repeat's)."""
    if cell is None:
        return None
    place, values = json.loads(cell)
    return Attribution(**dict(zip(_FIELDS, values, strict=True))) if place == _place(cause) else None


_FIELDS = ("account", "organisation_id", "key_id", "tier")


def _place(cause: Position) -> list[int]:
    return [cause.epoch, cause.partition, cause.offset]
